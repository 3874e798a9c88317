from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from phoneagent.core.agents import Agent, Filler, Line, ToolPolicy
from phoneagent.tools import Call, ToolError, caller_lookup, tool
from phoneagent.tools.runnable import BadArgumentsError


class Guest(BaseModel):
    name: str
    age: int | None = None


class Room(enum.Enum):
    GARDEN = "garden"
    CELLAR = "cellar"


@tool
def book_table(
    people: Annotated[int, "How many come.", Field(ge=1, le=12)],
    day: date,
    call: Call,
    guests: list[Guest],
    room: Room = Room.GARDEN,
    smoking: Literal["yes", "no"] = "no",
) -> dict[str, Any]:
    """Book a table,
    for today or later.

    Ask for the day first.

    Args:
        day: The day
            of the visit.
        room (Room): Where to sit.

    Returns:
        A reference.
    """
    return {"people": people, "day": day, "guests": guests, "room": room, "caller": call.caller}


def test_the_model_is_told_of_a_tool_by_its_signature_and_docstring():
    spec = book_table.spec
    assert spec.name == "book_table"
    assert spec.description == "Book a table, for today or later.\n\nAsk for the day first."
    Draft202012Validator.check_schema(dict(spec.parameters))
    assert {key: value for key, value in spec.parameters.items() if key != "$defs"} == {
        "type": "object",
        "properties": {
            "people": {"description": "How many come.", "maximum": 12, "minimum": 1, "type": "integer"},
            "day": {"description": "The day of the visit.", "format": "date", "type": "string"},
            "guests": {"items": {"$ref": "#/$defs/Guest"}, "type": "array"},
            "room": {"$ref": "#/$defs/Room", "default": "garden", "description": "Where to sit."},
            "smoking": {"default": "no", "enum": ["yes", "no"], "type": "string"},
        },
        "required": ["people", "day", "guests"],
        "additionalProperties": False,
    }


def test_a_tool_without_parameters_has_an_empty_object():
    @tool
    async def now() -> str:
        """Tell the time."""
        return "now"

    assert now.spec.parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_the_arguments_arrive_with_the_types_of_the_signature_and_the_call():
    call = Call("CA1", "+15550199", "+15550100", Agent("ada"), "key")
    arguments = '{"people": 2, "day": "2026-11-24", "guests": [{"name": "Eve"}], "room": "cellar"}'
    assert book_table.parse(arguments, call) == {
        "people": 2,
        "day": date(2026, 11, 24),
        "guests": [Guest(name="Eve")],
        "room": Room.CELLAR,
        "smoking": "no",
        "call": call,
    }


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_is_one_of_json(amount: str):
    @tool
    def pay(amount: float) -> None:
        """Pay."""

    with pytest.raises(BadArgumentsError, match="amount: Input should be a finite number"):
        pay.parse(f'{{"amount": {amount}}}', Call("CA1", "", "", Agent("ada"), "key"))


def test_a_tool_can_still_be_called_as_the_function_that_it_is():
    @tool(timeout_s=20)
    def double(amount: Decimal) -> Decimal:
        """Double an amount."""
        return amount * 2

    assert double(Decimal("1.5")) == 3


def test_how_a_tool_is_run_is_said_where_it_is_defined():
    def policy(**options: Any) -> ToolPolicy:
        @tool(**options)
        def pay() -> None:
            """Pay."""

        return pay.spec.policy

    assert policy() == ToolPolicy()
    assert policy(timeout_s=20, on_barge_in="cancel", side_effects=True, confirm=True) == ToolPolicy(
        20, None, "cancel", side_effects=True, confirm=True
    )
    assert policy(while_running="One moment.").while_running == Filler(Line("One moment."))
    assert policy(while_running="music").while_running == Filler(None)
    assert policy(while_running=Filler(None, 500)).while_running == Filler(None, 500)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeouts": 3}, "@tool: timeouts: "),
        ({"timeout_s": 0}, "@tool: timeout_s: "),
        ({"timeout_s": 601}, "@tool: timeout_s: "),
        ({"while_running": 800}, "@tool: while_running"),
        ({"on_barge_in": "stop"}, "@tool: on_barge_in: .*'keep' or 'cancel'"),
        ({"confirm": "yes"}, "@tool: confirm: "),
    ],
)
def test_an_option_that_is_none_is_refused_where_it_is_written(options: dict[str, Any], said: str):
    with pytest.raises(ToolError, match=said):
        tool(**options)


def test_a_function_of_the_call_can_say_who_is_calling():
    @caller_lookup
    def customer(call: Call) -> str:
        """They are customers of ours."""
        return f"Eve, of {call.caller}"

    assert customer.spec.name == "look_up_caller"
    assert customer.spec.description == "Look up who is calling. They are customers of ours."
    assert customer.spec.parameters["properties"] == {}
    call = Call("CA1", "+15550199", "+15550100", Agent("ada"), "key")
    assert customer.call("", call) == "Eve, of +15550199"
    with pytest.raises(BadArgumentsError):
        customer.call('{"caller": "+15550111"}', call)
    with pytest.raises(ToolError, match="has one parameter, the Call"):
        caller_lookup(lambda: None)


def test_what_can_not_be_a_tool_is_refused_with_a_reason():
    def silent(people: int) -> None: ...

    def untyped(people) -> None:
        """Book."""

    def starred(*people: int) -> None:
        """Book."""

    def endless():
        """Book."""
        yield

    def strange(what: type[int] | memoryview) -> None:
        """Book."""

    def unsure(call: Call | None = None) -> None:
        """Book."""

    def zürich() -> None:
        """Book."""

    reasons = {
        silent: "silent: a tool needs a docstring, it is what the model is told",
        untyped: "untyped: the parameter people needs a type",
        starred: "starred: the parameter *people can't be passed by name",
        endless: "endless: a tool returns its result, it can't yield",
        strange: "strange: ",
        unsure: "unsure: the type of the parameter call must be Call, and nothing around it",
        zürich: "zürich: a tool's name may have ASCII letters, digits and _ only",
    }
    for function, reason in reasons.items():
        with pytest.raises(ToolError) as refused:
            tool(function)
        assert str(refused.value).startswith(reason)
