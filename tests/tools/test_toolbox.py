from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.core.agents import Agent
from phoneagent.tools import Call, Tool, Toolbox, ToolError, tool
from phoneagent.tools.toolbox import MAX_OUTPUT_BYTES, MOST_AT_ONCE


def call_of(*tools: str) -> Call:
    return Call("CA1", "+15550199", "+15550100", Agent("ada", tools=tools), "CA1/call_1")


async def ask(function: Tool, arguments: str = "{}", timeout_s: float = 5.0) -> str:
    name = function.spec.name
    return await Toolbox({name: function}, timeout_s=timeout_s).run(name, arguments, call_of(name))


@tool
def book(people: int, time: Literal["19:00", "20:00"] = "19:00") -> dict[str, Any]:
    """Book a table."""
    return {"people": people, "time": time}


async def test_a_result_is_told_as_json_and_text_as_it_is():
    @tool
    async def greet() -> str:
        """Greet."""
        return "Grüß Gott"

    @tool
    def forget() -> None:
        """Forget."""

    assert await ask(book, '{"people": 4}') == '{"people":4,"time":"19:00"}'
    assert await ask(greet, "") == "Grüß Gott"
    assert await ask(forget) == '{"ok":true}'


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
    assert json.loads(await ask(book, arguments)) == {"error": "bad_arguments", "message": message}


@given(st.text())
def test_no_arguments_that_a_model_may_write_raise(arguments: str):
    answer = asyncio.run(ask(book, arguments))
    assert json.loads(answer)["error"] == "bad_arguments"


async def test_a_tool_that_the_agent_does_not_have_is_not_run():
    ran = []

    @tool
    def refund() -> None:
        """Pay back."""
        ran.append(True)

    toolbox = Toolbox({"refund": refund})
    for name in ("refund", "nonsense"):
        answer = json.loads(await toolbox.run(name, "{}", call_of("end_call")))
        assert answer == {"error": "unknown_tool", "message": f"There is no tool {name!r}."}
    assert ran == []


def test_an_agent_has_the_tools_of_its_file_in_that_order_and_end_call_is_built_in():
    toolbox = Toolbox({"book": book})
    assert toolbox.names == {"book", "end_call"}
    assert [spec.name for spec in toolbox.specs(Agent("ada", tools=("end_call", "book")))] == ["end_call", "book"]
    assert toolbox.specs(Agent("ada", tools=())) == ()


async def test_failures_are_told_by_their_type_only_and_a_tool_error_in_its_own_words(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)

    @tool
    def crash() -> None:
        """Crash."""
        raise KeyError("the caller's secret")

    @tool
    async def leave() -> None:
        """Leave."""
        sys.exit(1)

    @tool
    def leave_thread() -> None:
        """Leave."""
        sys.exit(1)

    @tool
    def exhaust() -> None:
        """Take what isn't there."""
        next(iter(()))

    @tool
    async def refuse() -> None:
        """Refuse."""
        raise ToolError("No table is free at eight.")

    @tool
    def odd() -> object:
        """Return what JSON can't say."""
        return object()

    assert json.loads(await ask(crash)) == {"error": "failed", "message": "The tool failed (KeyError)."}
    assert json.loads(await ask(leave)) == {"error": "failed", "message": "The tool failed (SystemExit)."}
    assert json.loads(await ask(leave_thread)) == {"error": "failed", "message": "The tool failed (RuntimeError)."}
    assert json.loads(await ask(exhaust)) == {"error": "failed", "message": "The tool failed (RuntimeError)."}
    assert json.loads(await ask(refuse)) == {"error": "failed", "message": "No table is free at eight."}
    assert json.loads(await ask(odd))["message"] == "The tool failed (PydanticSerializationError)."
    assert "secret" not in caplog.text
    assert caplog.records[0].__dict__["where"].startswith(f"{__file__}:")


async def test_an_async_tool_that_takes_too_long_is_cancelled():
    cancelled = asyncio.Event()

    @tool
    async def hang() -> None:
        """Hang."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    assert json.loads(await ask(hang, timeout_s=0.01))["error"] == "timeout"
    await asyncio.wait_for(cancelled.wait(), 1)


async def test_a_tools_own_timeout_goes_before_the_toolboxs():
    @tool(timeout_s=0.01)
    async def hang() -> None:
        """Hang."""
        await asyncio.Event().wait()

    assert json.loads(await ask(hang, timeout_s=60))["error"] == "timeout"


async def test_blocking_tools_do_not_stop_the_loop_and_those_that_hang_are_bounded():
    release = threading.Event()

    @tool
    def block() -> None:
        """Block."""
        release.wait(10)

    toolbox = Toolbox({"block": block, "book": book}, timeout_s=0.01)
    call = call_of("block", "book")
    answers = await asyncio.gather(*(toolbox.run("block", "{}", call) for _ in range(MOST_AT_ONCE + 1)))
    assert [json.loads(answer)["error"] for answer in answers] == ["timeout"] * MOST_AT_ONCE + ["busy"]
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "tool")
    release.set()
    async with asyncio.timeout(5):
        while "busy" in (answer := await toolbox.run("book", '{"people": 1}', call)):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert json.loads(answer) == {"people": 1, "time": "19:00"}


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
    await asyncio.wait_for(started.wait(), 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(cancelled.wait(), 1)


async def test_a_long_output_is_cut_and_says_so():
    @tool
    def dump() -> str:
        """Return far too much."""
        return "ü" * 3_000_000

    answer = await ask(dump)
    assert len(answer.encode()) <= MAX_OUTPUT_BYTES
    assert answer.startswith("üüü")
    assert answer.endswith("ü\n[cut: the result has 6000000 bytes]")


async def test_the_notes_of_a_call_are_shared_by_its_tools():
    @tool
    def remember(name: str, call: Call) -> None:
        """Note a name."""
        call.notes["name"] = name

    @tool
    async def recall(call: Call) -> str:
        """Tell the name."""
        return f"{call.notes['name']} {call.idempotency_key} {call.agent.name}"

    toolbox = Toolbox({"remember": remember, "recall": recall})
    call = call_of("remember", "recall")
    await toolbox.run("remember", '{"name": "Eve"}', call)
    assert await toolbox.run("recall", "{}", call) == "Eve CA1/call_1 ada"
