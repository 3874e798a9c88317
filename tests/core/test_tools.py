"""Tools are run once, when it is time, and the model is told what came of them."""

import json

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on

from .calls import QUIET, Agent, BargeIn, TestCall, ToolPolicy, output_of, without_reports

ASK = do.RequestResponse()
PAY = ToolPolicy(side_effects=True)
TRANSFER = ToolPolicy(after_speech=True)
SLOW = ToolPolicy(on_barge_in="cancel")


def runs(call: TestCall) -> list[str]:
    return [command.tool_call_id for command in call.done if isinstance(command, do.RunTool)]


# The same tool call again


def test_a_tool_call_that_is_told_again_is_answered_with_the_output_that_there_is():
    call = TestCall()
    call.wants("look_up", "t1")
    call.tool_ends("t1", "found")
    call.answers(1.0, "a1", "r1")
    call.responds("r2")
    assert call.calls_tool("look_up", "t1", "r2") == (do.SendToolOutput("t1", "found"),)
    assert call.response_ends("r2") == (ASK,)  # the model waits for it
    assert runs(call) == ["t1"]


def test_a_tool_call_that_is_told_again_while_it_runs_waits_for_the_first():
    call = TestCall()
    call.responds()
    call.calls_tool("look_up", "t1")
    assert call.calls_tool("look_up", "t1") == ()
    call.response_ends()
    assert call.tool_ends("t1") == (do.SendToolOutput("t1", "done"), ASK)


def test_a_tool_call_that_is_told_twice_by_one_response_is_spoken_of_once():
    call = TestCall()
    call.wants("look_up", "t1")
    call.tool_ends("t1")
    call.responds("r2")
    assert call.calls_tool("look_up", "t1", "for-t1") == (do.SendToolOutput("t1", "done"),)
    assert call.response_ends("r2") == ()


# The same deed again


@pytest.mark.parametrize("again", ['{"b": 2.0, "a":1}', '{"a":1,"b":2}'])
def test_what_was_done_is_not_done_again_however_the_arguments_are_written(again):
    call = TestCall(pay=PAY)
    call.wants("pay", "t1", '{"a": 1, "b": 2}')
    call.tool_ends("t1", "paid")
    call.answers(1.0)
    commands = call.wants("pay", "t2", again)
    assert commands == (do.SendToolOutput("t2", "paid"), ASK)
    assert runs(call) == ["t1"]


def test_what_is_being_done_is_not_done_twice_at_a_time():
    call = TestCall(pay=PAY)
    call.responds()
    call.calls_tool("pay", "t1")
    assert call.calls_tool("pay", "t2") == ()
    call.response_ends()
    assert call.tool_ends("t1", "paid") == (do.SendToolOutput("t1", "paid"), do.SendToolOutput("t2", "paid"), ASK)


def test_no_arguments_are_no_arguments_however_they_are_written():
    call = TestCall(pay=PAY)
    call.wants("pay", "t1", "")
    call.tool_ends("t1", "paid")
    call.answers(1.0)
    call.wants("pay", "t2", "{}")
    assert runs(call) == ["t1"]


def test_other_arguments_are_another_deed():
    call = TestCall(pay=PAY)
    call.wants("pay", "t1", '{"amount": 1}')
    call.tool_ends("t1", "paid")
    call.wants("pay", "t2", '{"amount": 2}')
    assert runs(call) == ["t1", "t2"]


def test_what_certainly_was_not_done_may_be_tried_again():
    call = TestCall(pay=PAY)
    call.wants("pay", "t1")
    call.tool_ends("t1", "busy", ran=False)
    call.wants("pay", "t2")
    call.tool_ends("t2", "paid")
    call.wants("pay", "t3")
    assert runs(call) == ["t1", "t2"]


def test_a_tool_without_side_effects_runs_as_often_as_it_is_asked_for():
    call = TestCall()
    call.wants("look_up", "t1")
    call.tool_ends("t1")
    call.wants("look_up", "t2")
    assert runs(call) == ["t1", "t2"]


@pytest.mark.parametrize("arguments", ["not JSON", "[" * 100_000])
def test_arguments_that_are_no_json_are_the_tools_to_refuse(arguments):
    call = TestCall(pay=PAY)
    call.wants("pay", "t1", arguments)
    assert runs(call) == ["t1"]


# After the agent's last word


def test_a_transfer_waits_for_the_end_of_the_response_and_for_its_last_word_to_be_heard():
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    call.says(2.0)
    assert call.calls_tool("transfer_call") == ()
    assert call.response_ends() == ()
    assert call.at(1.9) == ()
    assert do.RunTool("t1", "transfer_call", "{}") in call.plays(0.1)


def test_a_transfer_without_a_word_begins_when_the_response_has_ended():
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    assert call.calls_tool("transfer_call") == ()
    assert call.response_ends() == (do.RunTool("t1", "transfer_call", "{}"),)


def test_a_last_word_that_never_ends_is_not_waited_for():
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    call.says(60.0)
    call.calls_tool("transfer_call")
    call.response_ends()
    assert call.at(14.9) == ()
    assert call.at(15.0) == (do.RunTool("t1", "transfer_call", "{}"),)


def test_a_caller_who_speaks_first_is_not_transferred():
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    call.says(2.0)
    call.calls_tool("transfer_call")
    call.response_ends()
    call.returns(call.marks()[0])
    call.at(1.0)
    commands = call.caller_speaks()
    assert json.loads(output_of(commands, "t1"))["error"] == "caller_spoke"
    assert ASK not in commands  # they are answered first
    call.caller_stops()
    call.answers(1.0, "a2", "r2")
    call.plays(20.0)
    assert runs(call) == []
    call.tool_ends("t1")
    assert runs(call) == []


def test_a_turn_of_the_caller_that_stops_nobody_holds_back_the_transfer_all_the_same():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=None)), transfer_call=TRANSFER)
    call.responds()
    call.says(2.0)
    call.calls_tool("transfer_call")
    call.response_ends()
    call.caller_speaks()
    call.plays(2.0)
    assert runs(call) == []  # they are speaking
    assert "caller_spoke" in output_of(call.caller_stops(), "t1")


@pytest.mark.parametrize("policy", [TRANSFER, PAY])
def test_what_is_told_after_the_caller_has_interrupted_is_not_begun(policy):
    call = TestCall(deed=policy)
    call.responds()
    call.says(2.0)
    call.caller_speaks()
    assert "caller_spoke" in output_of(call.calls_tool("deed"), "t1")
    call.response_ends(status="cancelled")
    call.happens(on.CallerStoppedSpeaking("c1"))  # a cough
    call.at(20.0)
    assert runs(call) == []
    call.wants("deed", "t2")
    assert runs(call) == ["t2"]


def test_a_transfer_waits_for_the_last_word_of_another_response_too():
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    call.says(1.0)
    call.calls_tool("transfer_call")
    call.response_ends()
    call.responds("r2")
    assert call.plays(1.0)
    assert runs(call) == []
    call.says(1.0, "a2", "r2")
    call.response_ends("r2")
    call.plays(1.0)
    assert runs(call) == ["t1"]


def test_a_caller_who_speaks_while_a_transfer_is_tried_is_answered():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(100)), look_up=ToolPolicy(), transfer_call=TRANSFER)
    call.responds()
    call.calls_tool("look_up", "t1")
    call.calls_tool("transfer_call", "t2")
    call.response_ends()
    assert runs(call) == ["t1", "t2"]
    assert ASK not in call.tool_ends("t1")  # of both tools, the agent speaks when both are done
    call.caller_speaks()
    assert ASK in call.caller_stops()
    call.responds("r2")
    call.happens(on.ResponseEnded("r2", "failed", None))
    assert ASK in call.at(1.0)  # still at once
    call.answers(1.0, "a2", "r3")
    assert call.plays(1.0)
    assert ASK in call.tool_ends("t2")


def test_what_was_not_done_because_the_caller_spoke_may_be_done_later():
    call = TestCall(transfer_call=ToolPolicy(after_speech=True, side_effects=True))
    call.responds()
    call.says(2.0)
    call.calls_tool("transfer_call")
    call.response_ends()
    call.caller_speaks()
    call.caller_stops()
    call.wants("transfer_call", "t2")
    assert runs(call) == ["t2"]


# Nothing to speak of


def test_after_a_silent_tool_the_agent_says_nothing():
    call = TestCall(wait=ToolPolicy(silent=True))
    call.wants("wait", "t1")
    assert call.tool_ends("t1", "ok") == (do.SendToolOutput("t1", "ok"),)


def test_of_another_tool_of_the_same_response_it_does_speak():
    call = TestCall(wait=ToolPolicy(silent=True))
    call.responds()
    call.calls_tool("wait", "t1")
    call.calls_tool("look_up", "t2")
    call.response_ends()
    assert call.tool_ends("t2") == (do.SendToolOutput("t2", "done"),)
    assert call.tool_ends("t1") == (do.SendToolOutput("t1", "done"), ASK)


# The caller speaks while it runs


def test_a_tool_that_is_not_worth_waiting_for_is_stopped_when_the_caller_interrupts():
    call = TestCall(search=SLOW)
    call.responds()
    call.says(2.0)
    call.calls_tool("search")
    call.response_ends()
    commands = call.caller_speaks()
    assert do.CancelTool("t1") in commands
    assert "cancelled" in output_of(commands, "t1")
    assert call.tool_ends("t1", "late") == ()


def test_so_it_is_when_the_caller_says_something_into_the_silence():
    call = TestCall(search=SLOW)
    call.wants("search", "t1")
    assert do.CancelTool("t1") not in call.caller_speaks()
    assert do.CancelTool("t1") in call.caller_stops()


def test_a_noise_stops_no_tool():
    call = TestCall(search=SLOW)
    call.wants("search", "t1")
    call.caller_speaks()
    call.happens(on.CallerStoppedSpeaking("c1"))
    call.happens(on.CallerTurnEnded("c2", silent=True))
    assert do.CancelTool("t1") not in call.done


def test_any_other_tool_runs_on():
    call = TestCall()
    call.wants("search", "t1")
    call.says_something("c1")
    assert do.CancelTool("t1") not in call.done


def test_what_was_stopped_in_the_middle_is_not_begun_again_if_that_could_do_it_twice():
    call = TestCall(pay=ToolPolicy(side_effects=True, on_barge_in="cancel"))
    call.wants("pay", "t1")
    call.says_something("c1")
    assert "cancelled" in output_of(call.wants("pay", "t2"), "t2")
    assert runs(call) == ["t1"]


# Tools that the engine's service runs


def test_the_agent_speaks_of_a_remote_tool_when_it_and_the_response_have_ended():
    call = TestCall()
    call.responds()
    call.happens(on.RemoteToolStarted("r1", "m1"))
    assert call.response_ends() == ()
    assert call.happens(on.RemoteToolEnded("m1")) == (ASK,)


def test_a_remote_tool_and_one_of_ours_are_spoken_of_together():
    call = TestCall()
    call.responds()
    call.happens(on.RemoteToolStarted("r1", "m1"))
    call.calls_tool("look_up", "t1")
    call.happens(on.RemoteToolEnded("m1"))
    call.response_ends()
    assert call.tool_ends("t1") == (do.SendToolOutput("t1", "done"), ASK)


def test_a_remote_tool_that_never_ends_is_given_up():
    call = TestCall()
    call.responds()
    call.happens(on.RemoteToolStarted("r1", "m1"))
    call.response_ends()
    assert call.at(29.9) == ()
    assert call.at(30.0) == (ASK,)
    assert without_reports(call.happens(on.RemoteToolEnded("m1"))) == ()


def test_so_is_the_next_one_in_its_own_time():
    call = TestCall()
    for n in range(2):
        call.at(n * 5.0)
        call.responds(f"r{n}")
        call.happens(on.RemoteToolStarted(f"r{n}", f"m{n}"))
        call.response_ends(f"r{n}")
    for n in range(2):
        assert call.at(30.0 + n * 5.0) == (ASK,)
        call.responds(f"s{n}")
        call.response_ends(f"s{n}")


def test_a_remote_tool_needs_to_be_the_agents():
    call = TestCall(QUIET, crm_find=ToolPolicy())
    assert call.happens(on.ApprovalRequested("q1", "crm_find", "{}")) == (do.AnswerApproval("q1", True, None),)
    answer, ask = call.happens(on.ApprovalRequested("q2", "crm_delete", "{}"))
    assert (answer.request_id, answer.approve) == ("q2", False)
    assert ask == ASK
