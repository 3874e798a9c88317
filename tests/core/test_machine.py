"""An answering machine has answered a call of ours."""

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.errors import Problem
from phoneagent.core.wording import say_exactly

from .calls import QUIET, Agent, Limits, Line, TestCall, ToolPolicy, output_of, without_reports

CALL_BACK = do.RequestResponse(say_exactly("Please call us back."))
BEEP = on.MachineAnswered("Please call us back.")
LEFT = do.EndCall("left_message", "answering machine")


def test_the_agent_hangs_up_on_a_machine():
    assert TestCall().happens(on.MachineAnswered(None)) == (do.EndCall("machine", "answering machine"),)


def test_a_message_is_left_after_the_beep_word_for_word():
    call = TestCall()
    assert call.happens(BEEP) == (CALL_BACK,)
    call.answers(3.0)
    assert call.at(2.9) == ()
    call.plays(0.1)
    assert call.ends() == [LEFT]


def test_whatever_was_being_said_is_cut():
    call = TestCall()
    call.responds()
    call.speaks(4.0)
    call.returns(call.marks()[0])
    call.at(1.0)
    assert without_reports(call.happens(BEEP)) == (
        do.ClearPlayout(),
        do.CancelResponse("r1"),
        do.TruncateTurn("a1", 1000),
    )
    assert call.speaks(1.0) == ()
    assert call.response_ends("r1", "cancelled") == (CALL_BACK,)


def test_the_noises_of_a_machine_neither_interrupt_nor_delay_the_message():
    call = TestCall()
    call.caller_speaks("c1")  # its greeting
    assert call.happens(BEEP) == (CALL_BACK,)
    assert call.frames(3) == [(), (), ()]
    call.responds()
    call.says(3.0)
    call.response_ends()
    assert call.caller_speaks("c2") == ()
    assert call.caller_stops("c2") == ()
    call.plays(3.0)
    assert call.ends() == [LEFT]


def test_nothing_is_done_for_a_machine():
    call = TestCall(transfer_call=ToolPolicy(after_speech=True), look_up=ToolPolicy(), crm_find=ToolPolicy())
    call.responds()
    call.speaks(4.0)
    call.calls_tool("transfer_call", "t1")
    assert "caller_away" in output_of(call.happens(BEEP), "t1")
    assert "caller_away" in output_of(call.calls_tool("look_up", "t2"), "t2")
    refusal, *_ = call.happens(on.ApprovalRequested("q1", "crm_find", "{}"))
    assert refusal.approve is False
    assert call.response_ends("r1", "cancelled") == (CALL_BACK,)
    call.answers(3.0, "a2", "r2")
    call.plays(3.0)
    assert call.count(do.RunTool) == 0
    assert call.ends() == [LEFT]


@pytest.mark.parametrize("agent", [QUIET, Agent("test", greeting=Line("Hello!"))])
def test_nothing_else_is_said(agent):
    call = TestCall(agent)
    call.happens(BEEP)
    if agent.greeting is None:
        assert call.happens(on.ResponseRefused()) == ()  # the session answers the machine
    assert call.responds("other") == (do.CancelResponse("other"),)
    assert do.PlayAudio not in {type(command) for command in call.speaks(1.0, "a1", "other")}
    assert call.response_ends("other", "cancelled") + call.at(0.5) == (CALL_BACK,)


def test_a_message_that_the_agent_does_not_get_said_is_said_by_the_carrier():
    said = do.EndCall("left_message", "answering machine", "Please call us back.")
    for problem in (on.SessionEnded(Problem("close:1006")), on.SessionErrored(Problem("insufficient_quota"))):
        call = TestCall()
        call.happens(BEEP)
        assert call.happens(problem) == (said,)
    call = TestCall(ready=False)
    call.happens(on.StreamStarted())
    call.happens(BEEP)
    assert call.at(90.0) == (said,)


def test_the_end_of_the_longest_call_does_not_cut_the_message():
    call = TestCall(Agent("test", greeting=None, limits=Limits(max_minutes=0.1, warn_s=0)))
    call.at(5.0)
    call.happens(BEEP)
    call.answers(3.0)
    call.plays(3.0)
    assert call.ends() == [LEFT]


def test_a_machine_that_hangs_up_first_has_the_message_up_to_there():
    call = TestCall()
    call.happens(BEEP)
    call.answers(3.0)
    assert call.happens(on.StreamEnded())[-1] == LEFT


def test_two_beeps_make_one_message():
    call = TestCall()
    call.happens(BEEP)
    call.answers(3.0)
    call.happens(BEEP)
    call.plays(3.0)
    assert call.done.count(CALL_BACK) == 1
