import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Dtmf, Idle, Limits, Line, Transcription
from phoneagent.core.dtmf import MOST_DIGITS
from phoneagent.core.wording import say_exactly

from .calls import TestCall, without_reports

PATIENT = Agent(
    "test", greeting=None, idle=Idle(after_s=5, times=2, prompt=Line("Hello?"), goodbye=Line("Goodbye then."))
)
HELLO = do.RequestResponse(say_exactly("Hello?"))
GOODBYE = do.RequestResponse(say_exactly("Goodbye then."))

LIMITED = Agent(
    "test",
    greeting=None,
    idle=None,
    limits=Limits(max_minutes=2, warn_s=30, warning=Line("Half a minute."), goodbye=Line("Time is up.")),
)


def ends(commands) -> list[do.EndCall]:
    return [command for command in commands if isinstance(command, do.EndCall)]


def plays(call: TestCall, s: float) -> tuple:
    """`s` seconds pass, in which everything is played."""
    return call.at(call.now + s) + call.plays_all()


# end_call


def test_the_agent_hangs_up_when_its_last_word_was_heard():
    call = TestCall()
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    assert ends(call.response_ends()) == []
    assert ends(call.at(1.9)) == []
    assert ends(plays(call, 0.1)) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_goodbye_whose_mark_never_comes_back_is_waited_for_in_bounds():
    call = TestCall()
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    call.response_ends()
    assert ends(call.at(4.1)) == [do.EndCall("agent_hung_up", "end_call")]


def test_an_agent_that_hangs_up_without_a_word_is_made_to_say_goodbye_first():
    call = TestCall()
    call.responds()
    call.calls_tool("end_call")
    output, ask = call.response_ends()
    assert isinstance(output, do.SendToolOutput)
    assert "goodbye" in output.output
    assert ask == do.RequestResponse()
    call.answers(1.0, "a2", "r2")
    assert ends(plays(call, 1.0)) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_goodbye_that_was_heard_before_its_response_ended_is_not_said_again():
    call = TestCall()
    call.responds()
    call.says(1.0)
    plays(call, 1.0)
    call.calls_tool("end_call")
    assert ends(call.response_ends()) == [do.EndCall("agent_hung_up", "end_call")]


def test_the_longest_call_ends_though_the_caller_has_just_talked_into_a_goodbye():
    call = TestCall(LIMITED)
    call.at(90.0)
    call.answers(1.0)
    plays(call, 1.0)
    call.at(119.0)
    call.responds("r2")
    call.says(2.0, "a2", "r2")
    call.calls_tool("end_call", response="r2")
    call.response_ends("r2")
    call.caller_speaks()
    call.at(120.5)
    call.caller_stops()
    call.answers(30.0, "a3", "r3")
    call.at(136.0)
    assert ends(call.done) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_caller_who_talks_on_into_the_goodbye_and_is_answered_keeps_the_call():
    call = TestCall()
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    call.response_ends()
    call.returns(call.marks()[0])
    call.at(1.0)
    call.caller_speaks()
    call.caller_stops(text="Wait, one more thing")
    call.answers(1.0, "a2", "r2")
    assert ends(plays(call, 10.0)) == []


def test_a_caller_who_talks_into_the_goodbye_and_is_not_answered_is_hung_up_on():
    call = TestCall()
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    call.response_ends()
    call.returns(call.marks()[0])
    call.at(1.0)
    call.caller_speaks()
    call.caller_stops()
    assert ends(call.at(8.0)) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_tool_that_still_runs_is_waited_for():
    call = TestCall()
    call.responds()
    call.says(1.0)
    call.calls_tool("take_message", "t1")
    call.calls_tool("end_call", "t2")
    call.response_ends()
    assert ends(plays(call, 1.0)) == []
    assert ends(call.happens(on.ToolFinished("t1", "stored"))) == [do.EndCall("agent_hung_up", "end_call")]


def test_an_agent_without_the_tool_cannot_hang_up():
    call = TestCall(Agent("test", greeting=None, tools=()))
    call.responds()
    assert call.calls_tool("end_call") == (do.RunTool("t1", "end_call", "{}"),)


def test_an_agent_that_hangs_up_twice_is_told_so_and_hangs_up_once():
    call = TestCall(LIMITED)
    call.at(90.0)
    call.answers(1.0)
    plays(call, 1.0)
    call.at(120.0)
    call.responds("bye")
    call.says(1.0, "a2", "bye")
    assert isinstance(call.calls_tool("end_call", response="bye")[0], do.SendToolOutput)
    call.response_ends("bye")
    assert ends(plays(call, 1.0)) == [do.EndCall("time_limit", "max_minutes")]


def test_a_caller_who_hangs_up_during_the_goodbye_was_said_goodbye_to():
    call = TestCall()
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    call.response_ends()
    assert ends(call.happens(on.StreamEnded())) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_caller_who_takes_a_breath_in_the_goodbye_is_not_hung_up_on_in_the_next_word():
    call = TestCall()
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    call.response_ends()
    call.at(1.0)
    call.caller_speaks("c1")
    call.happens(on.CallerStoppedSpeaking("c1"))
    call.at(6.0)
    call.caller_speaks("c2")
    assert ends(call.at(9.0)) == []


# The idle caller


def test_a_silent_caller_is_prompted_twice_then_the_agent_says_goodbye_and_hangs_up():
    call = TestCall(PATIENT)
    call.answers(3.0)
    plays(call, 3.0)
    assert call.at(7.9) == ()
    assert call.at(8.0) == (HELLO,)  # counted from the end of playout, not of generation
    call.answers(1.0, "a2", "r2")
    plays(call, 1.0)
    assert call.at(14.0) == (HELLO,)
    call.answers(1.0, "a3", "r3")
    plays(call, 1.0)
    assert call.at(20.0) == (GOODBYE,)
    call.answers(1.0, "a4", "r4")
    assert ends(plays(call, 1.0)) == [do.EndCall("caller_silent", "idle")]


def test_a_caller_who_says_something_is_prompted_from_the_start_again():
    call = TestCall(PATIENT)
    assert call.at(5.0) == (HELLO,)
    call.answers(1.0)
    plays(call, 1.0)
    call.caller_speaks()
    call.caller_stops(text="I'm here")
    call.answers(1.0, "a2", "r2")
    plays(call, 1.0)
    for n in range(2):
        assert call.at(call.now + 5.0) == (HELLO,)
        call.answers(1.0, f"b{n}", f"s{n}")
        plays(call, 1.0)
    assert call.at(call.now + 5.0) == (GOODBYE,)


def test_a_turn_without_words_counts_from_anew():
    call = TestCall(PATIENT)
    call.at(4.0)
    call.caller_speaks()
    call.caller_stops()
    assert call.at(8.9) == ()
    assert call.at(9.0) == (HELLO,)


def test_comfort_noise_counts_as_silence():
    call = TestCall(PATIENT)
    for n in range(4):  # sounds that never become a turn
        call.at(n * 1.5)
        call.caller_speaks(f"n{n}")
        call.at(n * 1.5 + 0.3)
        call.happens(on.CallerStoppedSpeaking(f"n{n}"))
    assert HELLO in call.at(6.0)


def test_a_caller_in_the_middle_of_a_word_is_not_prompted():
    call = TestCall(PATIENT)
    call.at(4.9)
    call.caller_speaks()
    assert call.at(9.0) == ()
    call.caller_stops(text="I was thinking")
    assert HELLO not in call.at(9.5)


def test_speech_that_never_ends_is_noise():
    call = TestCall(PATIENT)
    call.caller_speaks()
    assert HELLO in call.at(40.0)


def test_the_silence_while_a_tool_runs_is_not_the_callers():
    call = TestCall(PATIENT)
    call.responds()
    call.calls_tool("look_up")
    call.response_ends()
    assert call.at(20.0) == ()


def test_an_agent_may_wait_for_ever():
    call = TestCall(Agent("test", greeting=None, idle=None))
    assert call.at(600.0) == ()


def test_a_caller_who_wakes_up_during_the_goodbye_is_answered():
    call = TestCall(Agent("test", greeting=None, idle=Idle(after_s=5, times=0)))
    call.at(5.0)
    call.responds("bye")
    call.speaks(3.0, "bye", "bye")
    call.returns(call.marks()[0])
    call.at(6.0)
    assert do.ClearPlayout() in call.caller_speaks()
    call.response_ends("bye", "cancelled")
    call.caller_stops(text="Sorry, I was away")
    call.answers(1.0, "a2", "r2")
    assert ends(plays(call, 1.0)) == []


def test_a_sound_that_has_just_ended_may_yet_become_a_turn():
    call = TestCall(PATIENT)
    call.at(4.5)
    call.caller_speaks()
    call.at(4.9)
    call.happens(on.CallerStoppedSpeaking("c1"))
    assert call.at(5.3) == ()
    assert HELLO in call.at(5.4)


def test_noise_that_becomes_turns_without_words_does_not_count_as_a_caller():
    call = TestCall(PATIENT)
    for n in range(2):
        call.caller_speaks(f"c{n}")
        call.caller_stops(f"c{n}")
        call.happens(on.CallerTranscript(f"c{n}", " ", final=True))
        assert call.at(call.now + 5.0) == (HELLO,)
        call.answers(1.0, f"a{n}", f"r{n}")
        plays(call, 1.0)
    call.caller_speaks()
    call.caller_stops()
    call.happens(on.CallerTranscript("c1", "", final=True))
    assert call.at(call.now + 5.0) == (GOODBYE,)


def test_without_transcription_a_turn_counts_as_a_caller():
    idle = Idle(after_s=5, times=1, prompt=Line("Hello?"))
    call = TestCall(Agent("test", greeting=None, idle=idle, transcription=Transcription(model=None)))
    for n in range(3):
        assert call.at(call.now + 5.0) == (HELLO,)
        call.answers(1.0, f"a{n}", f"r{n}")
        plays(call, 1.0)
        call.caller_speaks()
        call.caller_stops()
        call.answers(1.0, f"b{n}", f"s{n}")
        plays(call, 1.0)


def test_nobody_is_prompted_before_the_stream_opens():
    call = TestCall(PATIENT, ready=False)
    call.happens(on.SessionReady())
    assert call.at(10.0) == ()


# The longest call


def test_the_end_of_a_long_call_is_announced_and_the_agent_says_goodbye():
    call = TestCall(LIMITED)
    assert call.at(90.0) == (do.RequestResponse(say_exactly("Half a minute.")),)
    call.answers(1.0)
    plays(call, 1.0)
    assert call.at(120.0) == (do.RequestResponse(say_exactly("Time is up.")),)
    call.answers(1.0, "a2", "r2")
    assert ends(plays(call, 1.0)) == [do.EndCall("time_limit", "max_minutes")]


def test_the_goodbye_waits_for_the_sentence_that_is_being_spoken():
    call = TestCall(LIMITED)
    call.at(119.0)
    call.responds("warning")
    call.response_ends("warning")
    call.responds("r1")
    call.says(2.0)
    assert call.at(120.0) == ()
    assert call.response_ends("r1") == (do.RequestResponse(say_exactly("Time is up.")),)


def test_a_late_tick_says_one_goodbye():
    limits = Limits(max_minutes=2, warn_s=120, goodbye=Line("Time is up."))
    call = TestCall(Agent("test", greeting=None, idle=Idle(after_s=120.5, times=0), limits=limits))
    assert call.bridge.tick(121.0) == (do.RequestResponse(say_exactly("Time is up.")),)


def test_nobody_talks_longer_than_the_longest_call():
    call = TestCall(LIMITED)
    call.at(90.0)
    call.answers(1.0)
    plays(call, 1.0)
    call.at(119.9)
    call.caller_speaks()
    assert ends(call.at(136.0)) == [do.EndCall("time_limit", "max_minutes", "Time is up.")]


def test_a_caller_who_talks_into_a_goodbye_when_time_is_up_does_not_keep_the_call():
    call = TestCall(LIMITED)
    call.at(90.0)
    call.answers(1.0)
    plays(call, 1.0)
    call.at(119.0)
    call.responds("r2")
    call.says(5.0, "a2", "r2")
    call.calls_tool("end_call", response="r2")
    call.response_ends("r2")
    call.at(121.0)
    assert ends(call.caller_speaks()) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_goodbye_that_is_refused_for_another_response_is_said_after_it():
    call = TestCall(LIMITED)
    call.at(90.0)
    call.answers(1.0)
    plays(call, 1.0)
    call.at(120.0)
    call.responds("by-itself")
    call.happens(on.ResponseRefused())
    assert call.response_ends("by-itself") == (do.RequestResponse(say_exactly("Time is up.")),)


def test_when_the_money_is_used_up_the_agent_says_goodbye_and_hangs_up():
    call = TestCall(LIMITED)
    call.at(10.0)
    assert call.happens(on.MoneyUsedUp("limits.call_usd")) == (do.RequestResponse(say_exactly("Time is up.")),)
    call.answers(1.0)
    assert ends(plays(call, 1.0)) == [do.EndCall("cost_limit", "limits.call_usd")]


def test_an_answer_that_used_it_up_is_heard_first_and_no_other_comes():
    call = TestCall(LIMITED)
    call.responds()
    call.says(4.0)
    call.happens(on.MoneyUsedUp("limits.call_usd"))
    assert call.at(1.0) == ()
    assert call.response_ends() == (do.RequestResponse(say_exactly("Time is up.")),)


def test_a_goodbye_for_money_takes_no_longer_than_one_for_time():
    call = TestCall(LIMITED)
    call.happens(on.MoneyUsedUp("limits.call_usd"))
    assert ends(call.at(15.0)) == [do.EndCall("cost_limit", "limits.call_usd", "Time is up.")]


def test_a_caller_whose_money_is_used_up_before_the_stream_opens_hears_goodbye_when_it_has():
    call = TestCall(LIMITED, ready=False)
    call.happens(on.SessionReady())
    call.happens(on.MoneyUsedUp("PHONEAGENT_DAY_USD"))
    assert call.at(10.0) == ()
    assert call.happens(on.StreamStarted()) == (do.RequestResponse(say_exactly("Time is up.")),)


def test_a_warning_that_came_too_late_is_not_given():
    call = TestCall(LIMITED)
    call.at(89.0)
    call.responds()
    call.says(33.0)
    call.at(120.0)
    assert call.response_ends() == (do.RequestResponse(say_exactly("Time is up.")),)
    call.answers(1.0, "a2", "r2")
    assert ends(plays(call, 4.0)) == [do.EndCall("time_limit", "max_minutes")]


@pytest.mark.parametrize("minutes", [0.25, 0.5])
def test_a_call_that_is_shorter_than_its_warning_has_none(minutes):
    limits = Limits(max_minutes=minutes, warn_s=30, goodbye=Line("Time is up."))
    call = TestCall(Agent("test", greeting=None, idle=None, limits=limits))
    assert call.at(minutes * 60) == (do.RequestResponse(say_exactly("Time is up.")),)


# Keys


def test_digits_are_told_to_the_model_at_the_terminator():
    call = TestCall()
    for digit in "4711":
        assert call.happens(on.DigitPressed(digit)) == ()
    report, message, ask = call.happens(on.DigitPressed("#"))
    assert report == do.ReportDigits("4711")
    assert message.role == "user"
    assert message.text.endswith("4711")
    assert ask == do.RequestResponse()


def test_digits_are_told_to_the_model_after_a_pause():
    call = TestCall()
    call.happens(on.DigitPressed("4"))
    call.at(1.0)
    call.happens(on.DigitPressed("2"))
    assert call.at(2.9) == ()
    report, message, _ = call.at(3.0)
    assert report == do.ReportDigits("42")
    assert message.text.endswith("42")


@pytest.mark.parametrize("length", [1, 4])
def test_digits_are_told_to_the_model_when_they_are_complete(length):
    call = TestCall(Agent("test", greeting=None, dtmf=Dtmf(length=length)))
    done = [call.happens(on.DigitPressed("7")) for _ in range(length)]
    assert done[:-1] == [()] * (length - 1)
    assert done[-1][1].text.endswith("7" * length)


def test_digits_that_come_before_the_session_wait_for_it():
    call = TestCall(ready=False)
    call.happens(on.StreamStarted())
    call.happens(on.DigitPressed("1"))
    assert call.happens(on.DigitPressed("#")) == (do.ReportDigits("1"),)
    message, ask = call.happens(on.SessionReady())
    assert message.text.endswith("1")
    assert ask == do.RequestResponse()


def test_keys_are_secret_if_one_of_them_was_when_it_was_pressed():
    secret, other = Agent("secret", dtmf=Dtmf(secure=True)), Agent("other", greeting=None)
    call = TestCall(secret)
    call.responds()
    call.calls_tool("hand_over", "t1")
    call.response_ends()
    call.happens(on.DigitPressed("1"))
    call.happens(on.AgentChanged("t1", other, {}))
    assert call.bridge.agent is other
    call.happens(on.DigitPressed("2"))
    assert call.happens(on.DigitPressed("#"))[0] == do.ReportDigits("12", secure=True)
    call.happens(on.DigitPressed("3"))
    assert call.happens(on.DigitPressed("#"))[0] == do.ReportDigits("3")


def test_keys_without_end_are_told_in_pieces():
    call = TestCall()
    assert [command for _ in range(MOST_DIGITS) for command in call.happens(on.DigitPressed("7"))]


def test_keys_do_not_interrupt_the_agent():
    call = TestCall()
    call.responds()
    call.says(2.0)
    _, message = call.happens(on.DigitPressed("#"))
    assert message.text.endswith("#")
    assert call.response_ends() == (do.RequestResponse(),)


# Other ends


def test_a_caller_who_hangs_up_ends_the_call_once():
    call = TestCall()
    call.answers(2.0, text="one two three four")
    call.returns(call.marks()[0])
    call.at(1.0)
    assert ends(call.happens(on.StreamEnded())) == [do.EndCall("caller_hung_up", "the caller's stream ended")]
    assert call.turns() == [("agent", "one two", "three four")]
    assert call.happens(on.StreamEnded()) == ()
    assert call.bridge.deadline is None


def test_an_operator_may_hang_up():
    assert TestCall().happens(on.HangUpRequested("an operator")) == (do.EndCall("hung_up", "an operator"),)


def test_whom_the_service_has_no_more_time_for_is_told_that_we_are_sorry():
    hung_up = do.EndCall("hung_up", "drain", say=Agent("test").apology)
    assert TestCall().happens(on.HangUpRequested("drain", sorry=True)) == (hung_up,)


def test_barge_in_never_still_ends_politely():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=None)))
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    call.response_ends()
    assert without_reports(call.caller_speaks()) == ()
    assert ends(plays(call, 2.0)) == []  # they speak: perhaps they'll be answered
    call.caller_stops(text="bye")
    call.answers(1.0, "a2", "r2")
    assert ends(plays(call, 1.0)) == []
