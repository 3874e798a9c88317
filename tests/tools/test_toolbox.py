"""What the model is told of tools and of what became of them, whatever runs them."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.core.agents import Agent, Destination, Filler, HttpTool, Line, ToolPolicy, ToolSpec
from phoneagent.tools import Call, Runnable, Tool, Toolbox, ToolError, ToolResult, tool
from phoneagent.tools.control import HandOver
from phoneagent.tools.runnable import BusyError, FailedError


def call_of(agent: Agent) -> Call:
    return Call("CA1", "+15550199", "+15550100", agent, "CA1/call_1")


async def ask(function: Tool, arguments: str = "{}", timeout_s: float = 5.0) -> ToolResult:
    name = function.spec.name
    agent = Agent("ada", tools=(name,))
    return await Toolbox({name: function}, timeout_s=timeout_s).run(name, arguments, call_of(agent))


@tool
def book(people: int, time: Literal["19:00", "20:00"] = "19:00") -> dict[str, Any]:
    """Book a table."""
    return {"people": people, "time": time}


async def test_a_result_is_told_as_data_whatever_it_is():
    @tool
    async def greet() -> str:
        """Greet."""
        return 'Say "Grüß Gott"'

    @tool
    def forget() -> None:
        """Forget."""

    assert await ask(book, '{"people": 4}') == ToolResult('{"result":{"people":4,"time":"19:00"}}')
    assert await ask(greet, "") == ToolResult('{"result":"Say \\"Grüß Gott\\""}')
    assert await ask(forget) == ToolResult('{"result":"done"}')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('{"people": "4"}', "people: Input should be a valid integer"),
        ("{}", "people: Field required"),
        ('{"people": 4, "day": "monday"}', "day: Extra inputs are not permitted"),
        ('{"people": 4, "time": "7"}', "time: Input should be '19:00' or '20:00'"),
        ("[4]", "arguments: Input should be an object"),
        ('{"people": 4', "arguments: Invalid JSON: EOF while parsing an object at line 1 column 12"),
    ],
)
async def test_bad_arguments_are_answered_in_a_line_and_nothing_runs(arguments: str, message: str):
    result = await ask(book, arguments)
    assert json.loads(result.output) == {"error": "bad_arguments", "message": message}
    assert not result.ran


@given(st.text())
def test_no_arguments_that_a_model_may_write_raise(arguments: str):
    result = asyncio.run(ask(book, arguments))
    assert json.loads(result.output)["error"] == "bad_arguments"


async def test_a_tool_that_the_agent_does_not_have_is_not_run():
    ran = []

    @tool
    def refund() -> None:
        """Pay back."""
        ran.append(True)

    toolbox = Toolbox({"refund": refund})
    for name in ("refund", "nonsense", "wait"):
        result = await toolbox.run(name, "{}", call_of(Agent("ada", tools=("end_call",))))
        assert json.loads(result.output) == {"error": "unknown_tool", "message": f"There is no tool {name!r}."}
        assert not result.ran
    assert ran == []


async def test_failures_are_told_by_their_type_only_and_a_tool_error_in_its_own_words(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)

    @tool
    async def crash() -> None:
        """Crash."""
        raise KeyError("the caller's secret")

    @tool
    async def crash_elsewhere() -> None:
        """Crash."""
        raise FailedError("KeyError", "booking.py:12")

    @tool
    async def refuse() -> None:
        """Refuse."""
        raise ToolError("No table is free at eight.")

    @tool
    async def break_off() -> None:
        """Refuse."""
        raise ToolError("The line went dead.", ran=True)

    @tool
    async def odd() -> object:
        """Return what JSON can't say."""
        return object()

    async def told(function: Tool) -> tuple[str, str, bool]:
        result = await ask(function)
        error = json.loads(result.output)
        return error["error"], error["message"], result.ran

    assert await told(crash) == ("failed", "The tool failed (KeyError).", True)
    assert await told(crash_elsewhere) == ("failed", "The tool failed (KeyError).", True)
    assert await told(odd) == (
        "failed",
        "The tool failed (its result, of type object, can't be written as JSON).",
        True,
    )
    assert await told(refuse) == ("failed", "No table is free at eight.", False)
    assert await told(break_off) == ("failed", "The line went dead.", True)
    assert "secret" not in caplog.text
    assert caplog.records[0].__dict__["where"].startswith(f"{__file__}:")
    assert caplog.records[1].__dict__["where"] == "booking.py:12"


async def test_a_tool_for_which_there_is_no_room_was_not_run():
    @tool
    async def crowded() -> None:
        """Have no room."""
        raise BusyError

    result = await ask(crowded)
    assert json.loads(result.output)["error"] == "busy"
    assert not result.ran


async def test_a_tool_that_takes_too_long_is_cancelled_and_may_have_done_its_work():
    cancelled = asyncio.Event()

    @tool
    async def hang() -> None:
        """Hang."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    result = await ask(hang, timeout_s=0.01)
    assert json.loads(result.output)["error"] == "timeout"
    assert result.ran
    assert cancelled.is_set()


async def test_a_tools_own_time_out_goes_before_the_toolboxs_and_the_agents_before_both():
    @tool(timeout_s=0.01)
    async def hang() -> None:
        """Hang."""
        await asyncio.Event().wait()

    assert json.loads((await ask(hang, timeout_s=60)).output)["error"] == "timeout"

    @tool(timeout_s=60)
    async def linger() -> str:
        """Take a moment."""
        await asyncio.sleep(0.02)
        return "there"

    async def with_timeout(timeout_s: float) -> Any:
        agent = Agent("ada", tools=("linger",), tool_options={"linger": {"timeout_s": timeout_s}})
        toolbox = Toolbox({"linger": linger}, timeout_s=0.01)
        return json.loads((await toolbox.run("linger", "{}", call_of(agent))).output)

    assert (await with_timeout(0.01))["error"] == "timeout"
    assert await with_timeout(math.inf) == {"result": "there"}


async def test_a_time_out_of_the_tools_own_making_is_a_failure():
    @tool
    async def give_up() -> None:
        """Give up."""
        raise TimeoutError

    assert json.loads((await ask(give_up)).output)["message"] == "The tool failed (TimeoutError)."


async def test_a_call_that_ends_cancels_its_tool():
    started, cancelled = asyncio.Event(), asyncio.Event()

    @tool
    async def hang() -> None:
        """Hang."""
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    running = asyncio.create_task(ask(hang))
    await asyncio.wait_for(started.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cancelled.is_set()


async def test_a_tool_may_say_who_takes_over():
    eve = Agent("eve")

    @tool
    async def pass_on() -> HandOver:
        """Pass the call on."""
        return HandOver(eve)

    assert await ask(pass_on) == ToolResult('{"result":"eve has taken over."}', agent=eve)


def test_the_policy_is_that_of_the_tool_where_the_agents_file_does_not_say_otherwise():
    @tool(timeout_s=20, side_effects=True, while_running="One moment.")
    def pay() -> None:
        """Pay."""

    agent = Agent("ada", tools=("pay", "wait"), tool_options={"pay": {"confirm": True, "timeout_s": 5}})
    assert Toolbox({"pay": pay}).policies(agent) == {
        "pay": ToolPolicy(5, Filler(Line("One moment.")), side_effects=True, confirm=True),
        "wait": ToolPolicy(silent=True),
    }


class Elsewhere:
    """A tool of an HTTP or MCP server."""

    def __init__(self, name: str) -> None:
        self.spec = ToolSpec(name, "Ask.", {"type": "object"})

    async def run(self, arguments: str, call: Call) -> str:
        return f"{self.spec.name} got {arguments}"


class Http:
    closed = False

    def tool(self, name: str, declared: HttpTool) -> Runnable:
        if declared.url == "odd":
            raise ValueError("url: is odd")
        return Elsewhere(name)

    async def close(self) -> None:
        self.closed = True


class Mcp(Http):
    def tools(self, agent: Agent) -> Mapping[str, Runnable]:
        return {"crm_find": Elsewhere("crm_find"), "book": Elsewhere("book")} if agent.mcp else {}


async def test_an_agent_has_the_tools_that_it_lists_declares_and_is_offered_by_its_servers():
    http, mcp = Http(), Mcp()
    toolbox = Toolbox({"book": book}, http=http, mcp=mcp)
    weather = HttpTool("Ask.", "GET", "https://example.com", {"type": "object"})
    broken = replace(weather, url="odd")
    agent = Agent(
        "ada",
        tools=("end_call", "weather", "broken", "transfer_call", "book"),
        http_tools={"weather": weather, "broken": broken},
        transfer={"desk": Destination("+15550111")},
        mcp={"crm": None},  # type: ignore[dict-item]
    )
    assert [spec.name for spec in toolbox.specs(agent)] == ["end_call", "weather", "transfer_call", "book", "crm_find"]
    assert toolbox.specs(Agent("eve", tools=())) == ()
    assert (await toolbox.run("book", '{"people": 2}', call_of(agent))).output.startswith('{"result":{"people":2')
    for name in ("weather", "crm_find"):
        assert await toolbox.run(name, "{}", call_of(agent)) == ToolResult(f'{{"result":"{name} got {{}}"}}')
        assert not (await toolbox.run(name, "{}", call_of(Agent("eve")))).ran
    await toolbox.close()
    assert http.closed
    assert mcp.closed


def test_the_names_for_agent_files_are_those_of_functions_and_what_is_built_in():
    assert Toolbox({"book": book}).names == {
        "book",
        "end_call",
        "hand_over",
        "recording_consent",
        "send_digits",
        "send_sms",
        "take_message",
        "transfer_call",
        "wait",
    }
