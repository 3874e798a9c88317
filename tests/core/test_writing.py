"""The caller writes instead of speaking, as in the browser's phone."""

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Line

from .calls import TestCall, without_reports

WROTE = on.CallerWrote("A table for two")
MESSAGE = do.AddMessage("user", "A table for two")
ASK = do.RequestResponse()


def test_what_the_caller_writes_is_a_turn_of_theirs_and_answered():
    call = TestCall()
    assert without_reports(call.happens(WROTE)) == (MESSAGE, ASK)
    call.answers(1.0, text="For two, gladly.")
    call.plays(1.1)
    assert call.turns() == [("caller", "A table for two", ""), ("agent", "For two, gladly.", "")]


def test_the_answer_is_as_late_as_if_it_had_been_said():
    call = TestCall()
    call.happens(WROTE)
    call.at(0.8)
    call.answers(1.0)
    call.plays_all()
    assert call.bridge.transcript.turn("a1").latency_ms == 800


@pytest.mark.parametrize("by_session", [True, False])
def test_it_stops_the_agent_whose_session_has_heard_nothing(by_session):
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn() if by_session else BargeIn(200)))
    call.responds()
    call.speaks(4.0)
    call.returns(call.marks()[0])
    call.at(1.5)
    stopped = without_reports(call.happens(WROTE))
    assert stopped == (do.ClearPlayout(), do.CancelResponse("r1"), do.TruncateTurn("a1", 1500), MESSAGE)
    assert ASK in call.response_ends("r1", "cancelled")
    assert call.bridge.counters.barge_ins == 1


def test_what_is_protected_is_said_to_its_end_first():
    call = TestCall(Agent("test", greeting=Line("Hello"), barge_in=BargeIn(protect_greeting=True)))
    call.responds()
    call.speaks(1.0)
    assert without_reports(call.happens(WROTE)) == (MESSAGE,)
    assert ASK in call.response_ends()


def test_what_is_written_before_there_is_a_session_is_not_lost():
    call = TestCall(ready=False)
    call.happens(on.StreamStarted())
    assert call.happens(WROTE) == ()
    assert without_reports(call.happens(on.SessionReady())) == (MESSAGE, ASK)


def test_another_session_is_told_of_it_once():
    call = TestCall()
    call.happens(WROTE)
    call.leaves()
    call.happens(on.CallerConnected("desk"))
    call.happens(on.CallerReturning("Back."))
    call.happens(on.StreamStarted())
    assert call.happens(on.SessionReady()).count(MESSAGE) == 1


def test_somebody_who_writes_is_not_idle_and_goes_on_after_goodbye():
    call = TestCall()
    call.responds()
    call.calls_tool("end_call")
    call.response_ends()
    call.happens(WROTE)
    call.plays_all()
    assert not call.ends()
