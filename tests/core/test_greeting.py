from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Line
from phoneagent.core.hearing import HELD_FRAMES
from phoneagent.core.wording import say_exactly, words_to_say

from .calls import FRAME, QUIET, TestCall, seconds, without_reports

WELCOME = Agent("test", greeting=Line("Blue Door, good evening!"))


def test_the_agent_speaks_first_word_for_word_as_soon_as_the_session_is_ready():
    call = TestCall(WELCOME, ready=False)
    (request,) = call.happens(on.SessionReady())
    assert request == do.RequestResponse(say_exactly("Blue Door, good evening!"))
    assert words_to_say(request.instructions) == "Blue Door, good evening!"


def test_a_greeting_may_be_an_instruction_that_keeps_the_agents_own():
    call = TestCall(Agent("test", greeting=Line("Greet the caller by the time of day.", exact=False)), ready=False)
    assert call.happens(on.SessionReady()) == (
        do.AddMessage("system", "Greet the caller by the time of day."),
        do.RequestResponse(),
    )


def test_without_a_greeting_the_agent_waits_for_the_caller():
    assert TestCall(QUIET).done == []


def test_a_greeting_that_is_generated_before_the_stream_opens_is_played_when_it_does():
    call = TestCall(WELCOME, ready=False)
    call.happens(on.SessionReady())
    assert call.answers(1.0) == ()
    mark, play, end = call.happens(on.StreamStarted())
    assert isinstance(mark, do.SendMark)
    assert isinstance(play, do.PlayAudio)
    assert isinstance(end, do.SendMark)


def test_the_callers_first_words_wait_for_the_session_in_order():
    call = TestCall(QUIET, ready=False)
    call.happens(on.StreamStarted())
    assert call.happens(on.CallerAudio("one0")) == ()
    assert call.happens(on.CallerAudio("two0")) == ()
    assert call.happens(on.SessionReady()) == (do.AppendAudio("one0"), do.AppendAudio("two0"))
    assert call.happens(on.CallerAudio("thre")) == (do.AppendAudio("thre"),)


def test_of_first_words_without_end_the_oldest_are_dropped_and_counted():
    call = TestCall(QUIET, ready=False)
    call.frames(HELD_FRAMES)
    call.happens(on.CallerAudio("last"))
    appended = call.happens(on.SessionReady())
    assert len(appended) == HELD_FRAMES
    assert appended[-1] == do.AppendAudio("last")
    assert call.bridge.counters.held_frames_dropped == 1


def test_frames_pass_one_by_one_untouched():
    assert TestCall().frames(3) == [(do.AppendAudio(FRAME),)] * 3


def test_a_greeting_asked_for_just_before_the_caller_spoke_gives_way_to_them():
    call = TestCall(WELCOME)
    call.caller_speaks()
    assert call.responds("greeting") == (do.CancelResponse("greeting"),)
    assert without_reports(call.speaks(1.0, response="greeting")) == (do.DeleteTurn("a1"),)


def test_a_protected_greeting_does_not_give_way():
    call = TestCall(Agent("test", greeting=Line("Hello"), barge_in=BargeIn(protect_greeting=True)))
    call.caller_speaks()
    assert call.responds("greeting") == ()
    assert do.PlayAudio(seconds(1.0)) in call.speaks(1.0, response="greeting")


def test_a_greeting_that_gave_way_is_not_said_afterwards():
    call = TestCall(WELCOME)
    call.caller_speaks()
    call.responds("greeting")
    call.response_ends("greeting", "cancelled")
    call.happens(on.CallerStoppedSpeaking("c1"))
    assert call.at(5.0) == ()


def test_all_digits_that_come_before_the_session_are_told():
    call = TestCall(QUIET, ready=False)
    call.happens(on.StreamStarted())
    for digit in "1#2#":
        call.happens(on.DigitPressed(digit))
    message, _ = call.happens(on.SessionReady())
    assert message.text.endswith("12")
