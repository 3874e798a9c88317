"""The tools that nobody has to write: what they offer an agent, and what they do to its call."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from phoneagent.core.agents import Agent, Destination, Filler, Sms, ToolPolicy
from phoneagent.tools import Call, Toolbox
from phoneagent.tools.control import ControlError

ALL = ("end_call", "transfer_call", "send_digits", "send_sms", "take_message", "wait", "hand_over")
BILLING = Agent("billing")
ADA = Agent(
    "ada",
    tools=ALL,
    transfer={"desk": Destination("+15550111"), "kitchen": Destination("+15550112")},
    handoff=("billing",),
    sms=Sms(numbers={"manager": "+15550113"}),
)


class Control:
    """A call that notes what its tools want of it."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.refusal: str | None = None

    def _note(self, *what: Any) -> None:
        if self.refusal is not None:
            raise ControlError(self.refusal)
        self.done.append(what)

    async def transfer(self, to: str, briefing: str) -> str:
        self._note("transfer", to, briefing)
        return "Nobody answered."

    async def send_digits(self, digits: str) -> None:
        self._note("digits", digits)

    async def send_sms(self, to: str, text: str) -> None:
        self._note("sms", to, text)

    async def take_message(self, text: str, callback_number: str | None) -> None:
        self._note("message", text, callback_number)

    def agent(self, name: str) -> Agent:
        self._note("agent", name)
        return BILLING


@pytest.fixture
def control() -> Control:
    return Control()


async def run(control: Control | None, name: str, agent: Agent = ADA, **arguments: Any) -> Any:
    call = Call("CA1", "+15550199", "+15550100", agent, "CA1/call_1", control=control)
    return await Toolbox({}).run(name, json.dumps(arguments), call)


def parameters(name: str, agent: Agent = ADA) -> Any:
    [spec] = [spec for spec in Toolbox({}).specs(agent) if spec.name == name]
    return spec.parameters["properties"]


async def test_each_does_what_it_says(control: Control):
    assert (await run(control, "send_digits", digits="1ww#")).output == '{"result":"done"}'
    await run(control, "send_sms", to="caller", text="Table for two.")
    await run(control, "send_sms", to="manager", text="They are angry.")
    await run(control, "take_message", text="Call back.", callback_number="+1 555 0123")
    await run(control, "take_message", text="No need to.")
    assert (await run(control, "transfer_call", to="desk", briefing="Eve.")).output == '{"result":"Nobody answered."}'
    assert (await run(control, "hand_over", to="billing", reason="An invoice.")).agent is BILLING
    assert control.done == [
        ("digits", "1ww#"),
        ("sms", "caller", "Table for two."),
        ("sms", "manager", "They are angry."),
        ("message", "Call back.", "+1 555 0123"),
        ("message", "No need to.", None),
        ("transfer", "desk", "Eve."),
        ("agent", "billing"),
    ]
    assert (await run(None, "wait")).output == (await run(None, "end_call")).output == '{"result":"done"}'


def test_who_can_be_reached_is_what_the_agents_file_names():
    assert parameters("transfer_call")["to"]["enum"] == ["desk", "kitchen"]
    assert parameters("hand_over")["to"]["const"] == "billing"
    assert parameters("send_sms")["to"]["enum"] == ["caller", "manager"]
    assert parameters("send_sms", replace(ADA, sms=Sms()))["to"]["const"] == "caller"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("transfer_call", {"to": "+15550111", "briefing": "Eve."}),
        ("transfer_call", {"to": "Desk", "briefing": "Eve."}),
        ("transfer_call", {"to": "desk", "briefing": "Eve.", "number": "+19005550100"}),
        ("send_sms", {"to": "+15550113", "text": "Hello."}),
        ("send_sms", {"to": "caller", "template": "hello"}),
        ("send_digits", {"digits": "1;2"}),
        ("send_digits", {"digits": "1\n"}),
        ("send_digits", {"digits": ""}),
        ("take_message", {"text": "Call.", "callback_number": "<script>"}),
        ("hand_over", {"to": "sales", "reason": "Money."}),
    ],
)
async def test_nothing_that_the_file_does_not_name_is_done(control: Control, name: str, arguments: dict[str, str]):
    result = await run(control, name, **arguments)
    assert json.loads(result.output)["error"] == "bad_arguments"
    assert not result.ran
    assert control.done == []


async def test_with_templates_only_they_are_sent(control: Control):
    agent = replace(ADA, sms=Sms(templates={"hours": "We open at five.", "address": "12 Harbour Street"}))
    assert parameters("send_sms", agent)["template"]["enum"] == ["hours", "address"]
    assert "text" not in parameters("send_sms", agent)
    await run(control, "send_sms", agent, to="caller", template="hours")
    assert not (await run(control, "send_sms", agent, to="caller", text="Anything.")).ran
    assert control.done == [("sms", "caller", "We open at five.")]


async def test_what_the_call_refuses_is_told_in_its_words_and_was_not_done(control: Control):
    control.refusal = "The line is taken."
    for name, arguments in (
        ("transfer_call", {"to": "desk", "briefing": "Eve."}),
        ("send_sms", {"to": "caller", "text": "Hello."}),
        ("hand_over", {"to": "billing", "reason": "Money."}),
    ):
        result = await run(control, name, **arguments)
        assert json.loads(result.output) == {"error": "failed", "message": "The line is taken."}
        assert not result.ran


async def test_a_call_that_nobody_controls_says_so():
    result = await run(None, "take_message", text="Call back.")
    assert json.loads(result.output)["message"] == "This is not possible on this call."


def test_what_the_file_gives_no_means_for_is_not_offered():
    bare = Agent("ada", tools=ALL)
    assert [spec.name for spec in Toolbox({}).specs(bare)] == [
        "end_call",
        "send_digits",
        "send_sms",
        "take_message",
        "wait",
    ]


def test_how_each_is_run():
    assert Toolbox({}).policies(ADA) == {
        "end_call": ToolPolicy(),
        "transfer_call": ToolPolicy(math.inf, Filler(None, 2000), after_speech=True),
        "send_digits": ToolPolicy(after_speech=True),
        "send_sms": ToolPolicy(side_effects=True, after_speech=True),
        "take_message": ToolPolicy(side_effects=True),
        "wait": ToolPolicy(silent=True),
        "hand_over": ToolPolicy(after_speech=True),
    }
