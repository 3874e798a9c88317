"""A tool that needs the caller's yes runs when the model asks for it again after the caller has answered."""

import json

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on

from .calls import TestCall, ToolPolicy, output_of

ASK = do.RequestResponse()
CONFIRM = ToolPolicy(confirm=True)
ORDER = '{"dish": "soup", "n": 2}'


def runs(call: TestCall) -> list[str]:
    return [command.tool_call_id for command in call.done if isinstance(command, do.RunTool)]


def asked() -> TestCall:
    """The model has called the tool, was told to ask the caller, and does."""
    call = TestCall(order=CONFIRM)
    call.wants("order", "t1", ORDER)
    call.answers(1.0, "a1", "question", "Two soups?")
    call.plays(1.0)
    return call


def test_the_first_call_does_nothing_but_have_the_caller_asked():
    call = TestCall(order=CONFIRM)
    commands = call.wants("order", "t1", ORDER)
    output = json.loads(output_of(commands, "t1"))
    assert output["error"] == "not_confirmed"
    assert "same arguments" in output["message"]
    assert commands[-1] == ASK
    assert runs(call) == []


def test_the_second_runs_once_the_caller_has_answered():
    call = asked()
    call.says_something("c1")
    assert do.RunTool("t2", "order", '{"n": 2, "dish": "soup"}') in call.wants(
        "order", "t2", '{"n": 2, "dish": "soup"}'
    )


def test_a_model_that_does_not_wait_for_the_caller_is_held_again():
    call = TestCall(order=CONFIRM)
    call.wants("order", "t1", ORDER)
    assert "not_confirmed" in output_of(call.wants("order", "t2", ORDER), "t2")
    assert runs(call) == []


def test_the_second_call_of_one_response_is_no_confirmation():
    call = TestCall(order=CONFIRM)
    call.responds()
    call.calls_tool("order", "t1", arguments=ORDER)
    call.calls_tool("order", "t2", arguments=ORDER)
    assert runs(call) == []


def test_what_the_caller_said_before_is_no_answer():
    call = TestCall(order=CONFIRM)
    call.says_something("c1")
    call.wants("order", "t1", ORDER)
    assert runs(call) == []


def test_silence_is_no_answer():
    call = asked()
    call.happens(on.CallerTurnEnded("c1", silent=True))
    call.wants("order", "t2", ORDER)
    assert runs(call) == []


def test_a_key_is_an_answer():
    call = asked()
    call.happens(on.DigitPressed("1"))
    call.happens(on.DigitPressed("#"))
    call.wants("order", "t2", ORDER)
    assert runs(call) == ["t2"]


def test_other_details_are_another_question():
    call = asked()
    call.says_something("c1", "Three!")
    call.wants("order", "t2", '{"dish": "soup", "n": 3}')
    assert runs(call) == []
    call.says_something("c2")
    call.wants("order", "t3", '{"dish": "soup", "n": 3}')
    assert runs(call) == ["t3"]


def test_a_yes_is_good_for_once():
    call = asked()
    call.says_something("c1")
    call.wants("order", "t2", ORDER)
    call.tool_ends("t2")
    call.wants("order", "t3", ORDER)
    assert runs(call) == ["t2"]


@pytest.mark.parametrize("policy", [CONFIRM, ToolPolicy(confirm=True, side_effects=True)])
def test_a_yes_to_what_certainly_was_not_done_still_holds(policy):
    call = TestCall(order=policy)
    call.wants("order", "t1", ORDER)
    call.says_something("c1")
    call.wants("order", "t2", ORDER)
    call.tool_ends("t2", "the kitchen is busy", ran=False)
    call.wants("order", "t3", ORDER)
    assert runs(call) == ["t2", "t3"]
    call.tool_ends("t3", "ordered")
    call.wants("order", "t4", ORDER)
    assert runs(call) == ["t2", "t3"]


def test_what_has_side_effects_is_neither_asked_nor_done_again():
    call = TestCall(order=ToolPolicy(confirm=True, side_effects=True))
    call.wants("order", "t1", ORDER)
    call.says_something("c1")
    call.wants("order", "t2", ORDER)
    call.tool_ends("t2", "ordered")
    assert do.SendToolOutput("t3", "ordered") in call.wants("order", "t3", ORDER)
    assert runs(call) == ["t2"]


@pytest.mark.parametrize("answered", [True, False])
def test_so_it_is_with_a_tool_that_the_engines_service_runs(answered):
    call = TestCall(crm_delete=CONFIRM)
    first, ask = call.happens(on.ApprovalRequested("q1", "crm_delete", ORDER))
    assert (first.approve, ask) == (False, ASK)
    assert "same arguments" in first.reason
    call.answers(1.0)
    call.plays(1.0)
    if answered:
        call.says_something("c1")
    second, *_ = call.happens(on.ApprovalRequested("q2", "crm_delete", ORDER))
    assert second.approve is answered
