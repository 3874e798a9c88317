"""An operator steps into the call: notes and words for the agent, and the caller taken over and handed back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Filler, Recording
from phoneagent.core.commands import Commands
from phoneagent.core.errors import Problem
from phoneagent.core.operator import AHEAD_S
from phoneagent.core.wording import say_exactly, whispered

from .calls import FRAME, QUIET, Agent, BargeIn, Idle, Limits, Line, TestCall, ToolPolicy, output_of, without_reports
from .test_barge_in import LOUD
from .transfers import BACK, connected, transferring

ASK = do.RequestResponse()
SILENT = do.UpdateSession(replace(QUIET, barge_in=BargeIn(after_ms=None)))
AWAKE = do.UpdateSession(QUIET)
TAKEN, GIVEN_BACK = do.ReportTakeOver(True), do.ReportTakeOver(False)
FRAME_S = 0.02


def taken_over(call: TestCall) -> Commands:
    return without_reports(call.happens(on.TakenOver()))


def handed_back(call: TestCall) -> Commands:
    return without_reports(call.happens(on.HandedBack()))


def talks(call: TestCall, s: float, audio: str = LOUD) -> int:
    """The operator speaks for so long, in time. Returns how many frames reached the caller."""
    played = 0
    for _ in range(round(s / FRAME_S)):
        played += call.happens(on.OperatorAudio(audio, 20.0)) == (do.PlayAudio(audio),)
        call.at(call.now + FRAME_S)
    return played


def picks_up(call: TestCall) -> do.AddMessage:
    """The operator hands back, and the agent is asked to go on at once. Returns what it is told."""
    *_, note, ask = handed_back(call)
    assert ask == ASK
    assert isinstance(note, do.AddMessage)
    assert note.role == "system"
    return note


# Whisper


def test_a_whispered_note_reaches_the_agent_and_nobody_else():
    call = TestCall()
    note = do.AddMessage("system", whispered("Offer them a refund."))
    assert call.happens(on.Whispered("Offer them a refund.")) == (note,)
    call.at(60.0)
    assert call.turns() == []


def test_a_whispered_note_does_not_make_the_agent_speak_nor_stop():
    call = TestCall(Agent("test", greeting=None, idle=None))
    call.responds()
    call.speaks(4.0)
    call.returns(call.marks()[0])
    call.happens(on.Whispered("Be brief."))
    assert call.speaks(1.0)[-1] == do.PlayAudio(call.done[-1].audio)
    assert call.count(do.RequestResponse) == call.count(do.ClearPlayout) == 0


def test_a_note_outlives_its_session():
    call = TestCall(QUIET)
    call.happens(on.Whispered("They are a regular."))
    call.happens(on.CallerLeaving())
    call.happens(on.CallerConnected("desk"))
    call.happens(on.CallerReturning("Back."))
    told = call.happens(on.SessionReady())
    assert do.AddMessage("system", whispered("They are a regular.")) in told


def test_a_note_from_before_the_first_session_stands_before_the_greeting():
    call = TestCall(Agent("test", greeting=Line("Hello!")), ready=False)
    call.happens(on.StreamStarted())
    assert call.happens(on.Whispered("They are a regular.")) == ()
    assert call.happens(on.SessionReady()) == (
        do.AddMessage("system", whispered("They are a regular.")),
        do.RequestResponse(say_exactly("Hello!")),
    )


# Say


def test_words_are_said_at_once_while_nobody_speaks():
    call = TestCall()
    assert call.happens(on.SayRequested("We close at ten.")) == (do.RequestResponse(say_exactly("We close at ten.")),)
    call.answers(1.0, text="We close at ten.")
    call.plays(1.0)
    assert call.turns() == [("agent", "We close at ten.", "")]


def test_words_come_behind_what_the_agent_says_and_before_all_that_it_was_to_say():
    call = TestCall()
    call.responds()
    call.speaks(4.0)
    call.happens(on.DigitPressed("1"))
    call.happens(on.DigitPressed("#"))  # which is to be answered
    assert call.happens(on.SayRequested("One.")) == ()
    assert call.happens(on.SayRequested("Two.")) == ()
    assert without_reports(call.response_ends())[-1] == do.RequestResponse(say_exactly("One."))
    assert call.answers(1.0, "a2", "r2")[-1] == do.RequestResponse(say_exactly("Two."))
    assert call.answers(1.0, "a3", "r3")[-1] == ASK


def test_words_wait_for_the_caller_to_end():
    call = TestCall(replace(QUIET, barge_in=BargeIn(after_ms=200)))
    call.caller_speaks()
    assert call.happens(on.SayRequested("One moment.")) == ()
    assert call.caller_stops() == (do.RequestResponse(say_exactly("One moment.")),)


def test_words_that_the_caller_forestalls_are_said_afterwards():
    call = TestCall(replace(QUIET, barge_in=BargeIn(after_ms=200)))
    call.happens(on.SayRequested("One moment."))
    call.caller_speaks()
    assert call.responds() == (do.CancelResponse("r1"),)
    call.response_ends("r1", "cancelled")
    assert call.caller_stops() == (do.RequestResponse(say_exactly("One moment.")),)


def test_words_need_not_wait_for_tools():
    call = TestCall(look_up=ToolPolicy())
    call.wants("look_up", "t1")
    assert call.happens(on.SayRequested("I'm looking.")) == (do.RequestResponse(say_exactly("I'm looking.")),)


# Taking over


def test_an_agent_that_speaks_stops_where_the_caller_stopped_hearing_it():
    call = TestCall()
    call.responds()
    call.says(4.0, text="one two three four")
    call.returns(call.marks()[0])
    call.at(2.0)
    assert taken_over(call) == (
        do.ClearPlayout(),
        do.CancelResponse("r1"),
        do.TruncateTurn("a1", 2000),
        SILENT,
        TAKEN,
    )
    assert call.turns() == [("agent", "one two", "three four")]
    assert call.bridge.counters.barge_ins == 0


def test_what_the_agent_still_generates_is_not_heard():
    call = TestCall()
    call.responds()
    call.speaks(1.0)
    call.happens(on.TakenOver())
    assert call.speaks(1.0) == ()
    assert without_reports(call.speaks(1.0, "a2")) == (do.DeleteTurn("a2"),)


def test_a_response_that_begins_all_the_same_is_cancelled():
    call = TestCall()
    call.happens(on.TakenOver())
    assert call.responds() == (do.CancelResponse("r1"),)
    assert without_reports(call.speaks(1.0)) == (do.DeleteTurn("a1"),)
    call.response_ends(status="cancelled")
    assert call.count(do.RequestResponse) == call.count(do.PlayAudio) == 0


def test_an_answer_that_was_just_asked_for_is_not_given():
    call = TestCall()
    call.happens(on.SayRequested("Please hold."))
    call.happens(on.TakenOver())
    assert call.responds() == (do.CancelResponse("r1"),)
    assert call.response_ends(status="cancelled") == ()


def test_the_greeting_is_cut_and_not_said_again():
    call = TestCall(Agent("test", greeting=Line("Blue Door, good evening!")))
    call.responds()
    call.speaks(3.0)
    call.returns(call.marks()[0])
    call.at(1.0)
    assert do.TruncateTurn("a1", 1000) in taken_over(call)
    call.response_ends(status="cancelled")
    assert "without a new greeting" in picks_up(call).text


def test_a_protected_greeting_gives_way_to_an_operator():
    call = TestCall(Agent("test", greeting=Line("Hello!"), barge_in=BargeIn(protect_greeting=True)))
    call.responds()
    call.speaks(3.0)
    assert do.ClearPlayout() in taken_over(call)


def test_a_session_that_leaves_the_floor_to_us_need_not_be_told():
    call = TestCall(replace(QUIET, barge_in=BargeIn(after_ms=200)))
    assert taken_over(call) == (TAKEN,)
    assert AWAKE not in handed_back(call)


def test_before_there_is_a_session_it_is_told_when_it_is_ready():
    call = TestCall(Agent("test", greeting=Line("Hello!")), ready=False)
    call.happens(on.StreamStarted())
    assert taken_over(call) == (TAKEN,)
    (update,) = call.happens(on.SessionReady())
    assert update == do.UpdateSession(replace(call.bridge.agent, barge_in=BargeIn(after_ms=None)))
    picks_up(call)


def test_the_caller_is_still_heard_and_written_down():
    call = TestCall()
    call.happens(on.TakenOver())
    assert call.frames(1) == [(do.AppendAudio(FRAME),)]
    assert call.caller_speaks() == ()
    call.caller_stops(text="Are you a human?")
    call.at(30.0)
    assert call.turns() == [("caller", "Are you a human?", "")]
    assert call.count(do.RequestResponse) == 0


@pytest.mark.parametrize("moment", ["before the stream", "away", "with a machine", "over", "taken over already"])
def test_there_are_times_at_which_nobody_can_be_taken_over(moment: str):
    match moment:
        case "before the stream":
            call = TestCall(ready=False)
        case "away":
            call = transferring()
        case "with a machine":
            call = TestCall()
            call.happens(on.MachineAnswered("Please call back."))
        case "over":
            call = TestCall()
            call.happens(on.StreamEnded())
        case _:
            call = TestCall()
            call.happens(on.TakenOver())
    assert not call.bridge.can_be_taken_over
    assert call.happens(on.TakenOver()) == ()


# What the operator says


def test_the_caller_hears_the_operator():
    call = TestCall()
    assert call.happens(on.OperatorAudio(LOUD, 20.0)) == ()  # not yet
    call.happens(on.TakenOver())
    assert talks(call, 2.0) == 100
    call.happens(on.HandedBack())
    assert call.happens(on.OperatorAudio(LOUD, 20.0)) == ()  # no more


def test_no_delay_builds_up_when_the_operators_frames_come_all_at_once():
    call = TestCall()
    call.happens(on.TakenOver())
    played = [call.happens(on.OperatorAudio(LOUD, 20.0)) for _ in range(50)].count((do.PlayAudio(LOUD),))
    assert AHEAD_S <= played * FRAME_S <= AHEAD_S + 2 * FRAME_S
    assert call.bridge.counters.operator_audio_dropped == 50 - played
    call.at(1.0)
    assert talks(call, 1.0) == 50


def test_a_microphone_whose_clock_is_fast_stays_close():
    call = TestCall()
    call.happens(on.TakenOver())
    for _ in range(5000):  # 100 s of audio in 99 s
        call.happens(on.OperatorAudio(LOUD, 20.0))
        call.at(call.now + 0.0198)
    assert call.count(do.PlayAudio) * FRAME_S <= call.now + AHEAD_S + FRAME_S


def test_the_agent_follows_the_operators_last_words():
    call = TestCall()
    call.happens(on.TakenOver())
    talks(call, 1.0)
    picks_up(call)
    assert call.count(do.ClearPlayout) == 0


# Handing back


def test_the_agent_speaks_first_and_knows_for_how_long_it_was_out():
    call = TestCall()
    call.answers(1.0)
    call.plays(1.0)
    call.happens(on.TakenOver())
    call.at(43.0)
    assert AWAKE in handed_back(call)
    *_, note, ask = call.done
    assert "for 42 s" in note.text
    assert ask == ASK


def test_a_caller_who_is_speaking_then_is_answered_by_the_session():
    call = TestCall()
    call.happens(on.TakenOver())
    call.caller_speaks()
    assert ASK not in handed_back(call)
    call.caller_stops()
    assert call.responds() == ()
    assert call.answers(1.0)
    assert call.count(do.RequestResponse) == 0


def test_a_caller_who_had_just_spoken_is_answered_at_once():
    call = TestCall()
    call.happens(on.TakenOver())
    call.caller_speaks()
    call.caller_stops()
    picks_up(call)  # without the time that a session has to answer by itself


def test_a_caller_who_says_nothing_is_prompted_only_when_the_agent_is_back():
    call = TestCall(Agent("test", greeting=None, idle=Idle(after_s=5, prompt=Line("Hello?"))))
    call.answers(1.0)
    call.plays(1.0)
    call.happens(on.TakenOver())
    assert call.at(60.0) == ()
    picks_up(call)
    call.answers(1.0, "a2", "r2")
    call.plays(1.0)
    assert call.at(67.0) == (do.RequestResponse(say_exactly("Hello?")),)


def test_who_has_nothing_can_not_hand_it_back():
    assert TestCall().happens(on.HandedBack()) == ()


def test_keys_are_told_at_once_and_answered_afterwards():
    call = TestCall()
    call.happens(on.TakenOver())
    for digit in "12#":
        call.happens(on.DigitPressed(digit))
    assert call.count(do.AddMessage) == 1
    picks_up(call)
    assert call.count(do.RequestResponse) == 1


# Tools


def test_a_tool_that_runs_goes_on_and_is_spoken_of_afterwards():
    call = TestCall(look_up=ToolPolicy())
    call.wants("look_up", "t1")
    call.happens(on.TakenOver())
    assert call.tool_ends() == (do.SendToolOutput("t1", "done"),)
    call.at(30.0)
    picks_up(call)
    assert call.count(do.RequestResponse) == 1


def test_hold_music_and_fillers_end():
    call = TestCall(
        search=ToolPolicy(while_running=Filler(None, after_ms=100)),
        look_up=ToolPolicy(while_running=Filler(Line("One moment."), after_ms=5000)),
    )
    call.wants("search", "t1")
    call.wants("look_up", "t2")
    assert call.at(1.0) == (do.StartMusic(),)
    assert do.StopMusic() in taken_over(call)
    assert call.at(30.0) == ()
    assert do.StartMusic() not in handed_back(call)
    call.answers(1.0)
    call.plays(1.0)
    assert do.StartMusic() in call.at(call.now + 1.0)  # the tool still runs


def test_what_waited_for_the_agents_last_word_is_not_done():
    call = TestCall(book=ToolPolicy(after_speech=True, side_effects=True))
    call.responds()
    call.says(3.0)
    call.calls_tool("book")
    call.response_ends()
    assert "taken_over" in output_of(taken_over(call), "t1")
    call.at(60.0)
    assert call.count(do.RunTool) == 0


def test_nothing_new_is_begun():
    call = TestCall(look_up=ToolPolicy())
    call.responds()
    call.happens(on.TakenOver())
    assert "taken_over" in output_of(call.calls_tool("look_up"), "t1")
    assert "taken_over" in output_of(call.calls_tool("end_call", "t2"), "t2")
    call.response_ends(status="cancelled")
    call.at(60.0)
    assert call.ends() == []
    picks_up(call)


def test_another_agent_that_takes_over_meanwhile_is_silent_too():
    call = TestCall(hand_over=ToolPolicy())
    call.wants("hand_over", "t1")
    call.happens(on.TakenOver())
    bob = Agent("bob", greeting=None)
    assert do.UpdateSession(replace(bob, barge_in=BargeIn(after_ms=None))) in call.happens(
        on.AgentChanged("t1", bob, {})
    )
    assert do.UpdateSession(bob) in handed_back(call)


def test_one_with_another_voice_begins_afterwards():
    call = TestCall(hand_over=ToolPolicy())
    call.wants("hand_over", "t1")
    call.happens(on.TakenOver())
    call.happens(on.AgentChanged("t1", Agent("bob", voice="cedar"), {}))
    call.at(60.0)
    assert call.count(do.OpenSession) == 0
    call.happens(on.HandedBack())
    call.answers(1.0)
    call.plays(1.0)
    call.at(80.0)
    assert call.count(do.OpenSession) == 1


# The end of the call


def test_a_goodbye_is_taken_back():
    call = TestCall()
    call.responds()
    call.says(4.0, text="Goodbye!")
    call.calls_tool("end_call")
    call.response_ends()
    assert call.bridge.state == "ending"
    assert call.bridge.can_be_taken_over
    call.happens(on.TakenOver())
    call.at(60.0)
    assert call.ends() == []
    picks_up(call)


def test_the_agents_request_to_hang_up_has_its_answer():
    call = TestCall()
    call.responds()
    call.speaks(1.0)
    assert call.calls_tool("end_call") == ()
    assert "taken_over" in output_of(taken_over(call), "t1")


def test_no_time_is_counted_meanwhile():
    limits = Limits(max_minutes=2, warn_s=30, warning=Line("Half a minute."))
    call = TestCall(Agent("test", greeting=None, idle=None, limits=limits))
    call.at(60.0)
    call.happens(on.TakenOver())
    assert call.at(600.0) == ()
    picks_up(call)
    call.answers(1.0)
    call.plays(1.0)
    assert call.at(629.9) == ()
    assert call.at(630.0) == (do.RequestResponse(say_exactly("Half a minute.")),)


def test_no_time_is_counted_either_after_a_transfer_of_the_operators_that_fails():
    call = TestCall(Agent("test", greeting=None, idle=None, limits=Limits(max_minutes=1)))
    call.happens(on.TakenOver())
    call.happens(on.CallerLeaving())
    call.happens(on.CallerStays())
    assert call.at(600.0) == ()
    assert call.bridge.state == "taken_over"


def test_a_goodbye_for_which_the_time_is_up_is_said_anew():
    limits = Limits(max_minutes=1, warn_s=0, goodbye=Line("Time is up."))
    goodbye = do.RequestResponse(say_exactly("Time is up."))
    call = TestCall(Agent("test", greeting=None, idle=None, limits=limits))
    assert goodbye in call.at(60.0)
    call.answers(3.0)
    call.happens(on.TakenOver())
    assert call.at(200.0) == ()
    assert handed_back(call)[-1] == goodbye
    call.answers(1.0, "a2", "r2")
    call.plays(1.0)
    assert [(end.outcome, end.reason) for end in call.ends()] == [("time_limit", "max_minutes")]


def test_money_that_is_used_up_ends_the_call_when_it_is_handed_back():
    call = TestCall(Agent("test", greeting=None, idle=None))
    call.happens(on.TakenOver())
    assert call.happens(on.MoneyUsedUp("limits.call_usd")) == ()
    assert call.at(60.0) == ()
    handed_back(call)
    call.answers(1.0)
    call.plays(1.0)
    assert [end.outcome for end in call.ends()] == ["cost_limit"]


def test_a_call_that_is_hung_up_meanwhile_ends_like_any_other():
    call = TestCall()
    call.happens(on.TakenOver())
    assert call.happens(on.StreamEnded()) == (do.EndCall("caller_hung_up", "the caller's stream ended"),)
    assert call.bridge.state == "ending"


def test_who_hangs_up_ends_it_at_once():
    call = TestCall()
    call.happens(on.TakenOver())
    assert call.happens(on.HangUpRequested("an operator")) == (do.EndCall("hung_up", "an operator"),)


# The session


def test_a_session_that_is_lost_meanwhile_is_replaced_when_it_is_needed():
    call = TestCall()
    call.caller_speaks()
    call.caller_stops(text="I want a refund.")
    call.happens(on.TakenOver())
    assert call.happens(on.SessionEnded(Problem("close:1006"))) == ()
    assert call.at(60.0) == ()
    assert talks(call, 1.0) == 50
    assert handed_back(call) == (do.OpenSession(QUIET), GIVEN_BACK)
    refund, note, ask = call.happens(on.SessionReady())
    assert refund == do.AddMessage("user", "I want a refund.")
    assert "for 61 s" in note.text
    assert ask == ASK


# Out of the stream and back


def test_a_caller_who_is_transferred_is_no_longer_the_operators():
    call = TestCall()
    call.happens(on.TakenOver())
    call.happens(on.CallerLeaving())
    assert call.bridge.state == "away"
    commands = without_reports(call.happens(on.StreamEnded()))
    assert commands[:2] == (GIVEN_BACK, AWAKE)
    assert ASK not in commands
    assert call.happens(on.OperatorAudio(LOUD, 20.0)) == ()
    call.happens(on.CallerReturning("Nobody answered."))
    assert call.happens(BACK)[-1] == ASK


def test_a_caller_who_could_not_be_moved_still_is():
    call = TestCall()
    call.happens(on.TakenOver())
    call.happens(on.CallerLeaving())
    assert talks(call, 1.0) == 50
    call.happens(on.CallerStays())
    assert call.bridge.state == "taken_over"
    picks_up(call)


def test_a_stream_that_takes_the_place_of_another_belongs_to_the_agent_again():
    call = TestCall()
    call.happens(on.TakenOver())
    commands = call.happens(on.StreamStarted())
    assert GIVEN_BACK in commands
    assert commands[-1] == ASK


def test_who_talks_to_a_person_can_not_be_taken_over():
    call = connected()
    assert not call.bridge.can_be_taken_over


# The recording


def test_a_question_that_was_cut_off_is_asked_again():
    question = Line("May I record this?")
    call = TestCall(Agent("test", recording=Recording("ask", question)))
    call.responds()
    call.speaks(3.0)
    call.happens(on.TakenOver())
    call.response_ends(status="cancelled")
    assert call.at(60.0) == ()
    assert handed_back(call)[-1] == do.RequestResponse(say_exactly(question.text))
    call.answers(1.0, "a2", "r2")
    assert call.count(do.RequestResponse) == 2  # nothing else is asked


def test_a_key_answers_it_meanwhile():
    call = TestCall(Agent("test", recording=Recording("ask")))
    call.responds()
    call.speaks(3.0)
    call.happens(on.TakenOver())
    call.response_ends(status="cancelled")
    commands = call.happens(on.DigitPressed("1"))
    assert do.ReportConsent(True, "key") in commands
    assert do.Record() in commands
    picks_up(call)


@pytest.mark.parametrize("begun", [True, False])
def test_an_announcement_that_was_not_heard_is_made_before_anything_else(begun: bool):
    line = Line("This call is recorded.")
    call = TestCall(Agent("test", greeting=Line("Hello!"), recording=Recording("on", line)), ready=False)
    call.happens(on.StreamStarted())
    if begun:
        call.happens(on.SessionReady())
        call.responds()
        call.speaks(2.0)
        call.happens(on.TakenOver())
        call.response_ends(status="cancelled")
    else:
        call.happens(on.TakenOver())
        call.happens(on.SessionReady())
    assert handed_back(call)[-1] == do.RequestResponse(say_exactly(line.text))
    assert call.answers(1.0, "a2", "r2")[-1] == ASK
    call.plays(1.0)
    assert do.ReportConsent(True, "announced") in call.done
    assert do.RequestResponse(say_exactly("Hello!")) not in call.done
