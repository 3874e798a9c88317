"""What services do that no diagram shows: bursts, ends that are not told, refusals without end, losses in between."""

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Dtmf, Idle, Limits, Line
from phoneagent.core.errors import Problem
from phoneagent.core.wording import say_exactly

from .calls import TestCall, output_of

ASK = do.RequestResponse()
LOUD = "gICA" * 53 + "gA=="  # 160 bytes at full scale
LOST = on.SessionEnded(Problem("close:1006"))


def ends(call: TestCall) -> list[do.EndCall]:
    return [command for command in call.done if isinstance(command, do.EndCall)]


def plays(call: TestCall, s: float) -> None:
    call.at(call.now + s)
    call.plays_all()


def saying_goodbye() -> TestCall:
    """A second of the agent's last two was heard."""
    call = TestCall()
    call.responds()
    call.says(2.0)
    call.calls_tool("end_call")
    call.response_ends()
    call.returns(call.marks()[0])
    call.at(1.0)
    return call


# Bursts of starts, as of semantic VAD


def test_a_burst_of_starts_is_one_barge_in():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(protect_greeting=True)))
    call.responds()
    call.speaks(2.0)
    assert do.CancelResponse("r1") in call.caller_speaks("c1")
    assert call.caller_speaks("c2") == ()
    assert call.bridge.counters.barge_ins == 1


def test_a_burst_of_starts_is_one_speech_that_must_last():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.responds()
    call.speaks(5.0)
    call.caller_speaks("c1")
    call.frames(6, LOUD)
    call.caller_speaks("c2")
    call.frames(4, LOUD)
    assert do.ClearPlayout() in call.done


def test_a_second_short_sound_must_last_by_itself():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.responds()
    call.speaks(5.0)
    for turn in "c1", "c2":
        call.caller_speaks(turn)
        call.frames(6, LOUD)
        call.happens(on.CallerStoppedSpeaking(turn))
    assert do.ClearPlayout() not in call.done


def test_a_speech_soon_after_a_noise_is_listened_to_for_as_long_as_any_other():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.responds()
    call.speaks(9.0)
    call.caller_speaks("c1")
    call.happens(on.CallerStoppedSpeaking("c1"))
    call.at(1.9)
    call.caller_speaks("c2")
    call.frames(5, LOUD)
    call.at(2.1)
    call.frames(5, LOUD)
    assert do.ClearPlayout() in call.done


# Responses


def test_a_turn_whose_end_is_not_told_ends_with_its_response():
    call = TestCall()
    call.responds()
    call.happens(on.AgentText("a1", "Half a"))
    call.speaks(1.0)
    call.response_ends("r1", "incomplete")
    plays(call, 1.0)
    call.answers(1.0, "a2", "r2", "All of it.")
    plays(call, 1.0)
    assert call.turns() == [("agent", "Half a", ""), ("agent", "All of it.", "")]


def test_so_it_does_if_all_that_was_before_the_stream_opened():
    call = TestCall(ready=False)
    call.happens(on.SessionReady())
    call.responds()
    call.happens(on.AgentText("a1", "Hello."))
    call.speaks(1.0)
    call.response_ends("r1", "incomplete")
    call.happens(on.StreamStarted())
    plays(call, 1.0)
    assert call.turns() == [("agent", "Hello.", "")]


def test_an_interrupted_response_that_fails_is_not_asked_for_again():
    call = TestCall()
    call.responds()
    call.speaks(1.0)
    call.caller_speaks()
    call.response_ends("r1", "failed", "server_error")
    call.happens(on.CallerStoppedSpeaking("c1"))
    call.at(7.0)
    assert ASK not in call.done


def test_a_turn_that_nobody_heard_is_an_interrupted_one():
    call = TestCall()
    call.responds()
    call.caller_speaks()
    call.happens(on.AgentText("a1", "never heard"))
    call.speaks(1.0)
    (turn,) = call.bridge.transcript.turns
    assert (turn.text, turn.unheard, turn.interrupted, turn.final) == ("", "never heard", True, True)


def test_a_response_that_never_ends_ends_the_call_with_an_apology():
    call = TestCall()
    call.responds()
    call.speaks(15.0)
    plays(call, 15.0)
    call.at(36.9)
    assert ends(call) == []
    call.at(37.1)
    assert ends(call) == [do.EndCall("failed", "timeout", call.bridge.agent.apology)]


def test_a_request_that_is_refused_without_end_ends_the_call_with_an_apology():
    call = TestCall()
    call.happens(on.DigitPressed("#"))
    while not ends(call) and call.now < 60:
        call.happens(on.ResponseRefused())
        call.at(call.now + 0.25)
    assert ends(call) == [do.EndCall("failed", "timeout", call.bridge.agent.apology)]


def test_the_outputs_of_a_tool_and_of_end_call_are_both_posted_before_goodbye_is_asked_for():
    call = TestCall()
    call.responds()
    call.calls_tool("take_message", "t1")
    call.calls_tool("end_call", "t2")
    assert ASK not in call.response_ends()
    assert call.happens(on.ToolFinished("t1", "stored")) == (do.SendToolOutput("t1", "stored"), ASK)


# The greeting


def test_the_answer_behind_a_protected_greeting_can_be_interrupted():
    call = TestCall(Agent("test", greeting=Line("Hello"), barge_in=BargeIn(protect_greeting=True)))
    call.answers(2.0, "a1", "r1")
    call.returns(call.marks()[0])
    call.at(1.0)
    call.caller_speaks("c1")
    call.caller_stops("c1")
    call.answers(4.0, "a2", "r2")
    call.at(2.0)
    call.returns(call.marks()[1])  # the end of the greeting, with the answer right behind it
    call.at(3.0)
    assert {do.ClearPlayout(), do.TruncateTurn("a2", 1000)} <= set(call.caller_speaks("c2"))


def test_a_greeting_comes_first_though_the_caller_has_pressed_a_key():
    call = TestCall(Agent("test", greeting=Line("Hello")), ready=False)
    call.happens(on.StreamStarted())
    call.happens(on.DigitPressed("#"))
    assert do.RequestResponse(say_exactly("Hello")) in call.happens(on.SessionReady())
    call.responds()
    assert call.response_ends() == (ASK,)


# Silence


def test_a_caller_who_presses_keys_is_not_silent():
    call = TestCall(Agent("test", greeting=None, idle=Idle(after_s=5), dtmf=Dtmf(pause_s=4)))
    call.at(3.0)
    call.happens(on.DigitPressed("1"))
    assert call.at(6.9) == ()


def test_a_key_pressed_during_the_goodbye_is_answered():
    call = TestCall(Agent("test", greeting=None, idle=Idle(after_s=5, times=0)))
    call.at(5.0)
    call.answers(2.0, "bye", "bye")
    call.returns(call.marks()[0])
    call.at(6.0)
    call.happens(on.DigitPressed("1"))
    plays(call, 1.0)
    assert ASK in call.at(8.0)
    call.answers(1.0, "a2", "r2")
    plays(call, 1.0)
    assert ends(call) == []


def test_a_key_pressed_during_the_goodbye_that_nobody_can_answer_does_not_keep_the_call():
    call = saying_goodbye()
    call.happens(LOST)
    call.happens(on.DigitPressed("1"))
    plays(call, 7.0)
    assert ends(call) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_prompt_answers_nobody():
    call = TestCall(Agent("test", greeting=None, idle=Idle(after_s=5)))
    call.at(1.0)
    call.caller_speaks()
    call.happens(on.CallerStoppedSpeaking("c1"))
    call.at(5.0)
    call.answers(1.0)
    (report,) = call.returns(call.marks()[0])
    assert report.turn.latency_ms is None


# The end


def test_a_last_goodbye_that_was_cancelled_is_said_by_the_carrier():
    limits = Limits(max_minutes=2, warn_s=120, goodbye=Line("Time is up."))
    call = TestCall(Agent("test", greeting=None, idle=None, limits=limits))
    call.at(120.0)
    call.caller_speaks()
    call.responds("bye")
    call.response_ends("bye", "cancelled")
    assert ends(call) == [do.EndCall("time_limit", "max_minutes", "Time is up.")]


def test_a_session_that_is_lost_while_the_caller_talks_into_the_goodbye_leaves_nobody_waiting():
    call = saying_goodbye()
    call.caller_speaks()
    call.happens(LOST)
    assert ends(call) == [do.EndCall("failed", "close:1006", call.bridge.agent.apology)]


def test_the_answer_of_a_session_that_has_expired_does_not_keep_the_call():
    call = TestCall()
    call.responds()
    call.says(3.0)
    call.calls_tool("end_call", "e1")
    call.response_ends()
    call.happens(on.SessionErrored(Problem("session_expired")))
    call.caller_speaks()
    call.caller_stops()
    assert call.responds("r2") == ()
    assert [end.outcome for end in call.at(20.0) if isinstance(end, do.EndCall)] == ["agent_hung_up"]


def test_a_session_that_is_lost_while_goodbye_is_heard_changes_nothing():
    call = saying_goodbye()
    call.happens(LOST)
    plays(call, 1.0)
    assert ends(call) == [do.EndCall("agent_hung_up", "end_call")]


def test_a_session_that_is_lost_while_a_tool_runs_is_apologised_for_at_once():
    call = TestCall()
    call.responds()
    call.calls_tool("look_up")
    call.response_ends()
    call.happens(LOST)
    assert ends(call) == [do.EndCall("failed", "close:1006", call.bridge.agent.apology)]


def test_a_session_that_is_lost_before_the_stream_opens_lets_the_greeting_be_heard():
    call = TestCall(Agent("test", greeting=Line("Hello")), ready=False)
    call.happens(on.SessionReady())
    call.answers(1.0)
    call.happens(LOST)
    call.at(10.0)
    assert ends(call) == []
    call.happens(on.StreamStarted())
    plays(call, 1.0)
    assert ends(call) == [do.EndCall("failed", "close:1006", call.bridge.agent.apology)]


@pytest.mark.parametrize("barge_in", [BargeIn(), BargeIn(after_ms=20)])
def test_a_goodbye_that_the_caller_has_interrupted_is_not_the_end(barge_in):
    call = TestCall(Agent("test", greeting=None, idle=None, barge_in=barge_in))
    call.responds()
    call.speaks(3.0)
    call.at(1.0)
    call.caller_speaks()
    call.frames(1, LOUD)
    assert "The caller spoke first" in output_of(call.calls_tool("end_call", "e1"), "e1")
    call.response_ends("r1", "cancelled")
    call.at(20.0)
    assert call.ends() == []


def test_an_interrupted_goodbye_for_a_noise_is_taken_up_again():
    call = TestCall()
    call.responds()
    call.speaks(3.0)
    call.caller_speaks()
    call.calls_tool("end_call", "e1")
    call.response_ends("r1", "cancelled")
    call.happens(on.CallerStoppedSpeaking("c1"))
    assert ASK in call.at(3.0)
