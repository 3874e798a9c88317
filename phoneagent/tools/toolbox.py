"""Running the tools that a model asks for. Whatever they do, the model gets an answer, and in time."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.tools.builtin import BUILTIN
from phoneagent.tools.function import Call, Tool, ToolError

logger = logging.getLogger(__name__)

MAX_OUTPUT_BYTES = 16 * 1024
MOST_AT_ONCE = 64


class Toolbox:
    """The tools of the service, the built-in `end_call` among them. `timeout_s` is for a tool without its own."""

    def __init__(self, tools: Mapping[str, Tool], *, timeout_s: float = 8.0) -> None:
        self._tools = BUILTIN | dict(tools)
        self._timeout_s = timeout_s
        self._running: set[asyncio.Task[str]] = set()

    @property
    def names(self) -> frozenset[str]:
        """The names that an agent file may use."""
        return frozenset(self._tools)

    def specs(self, agent: Agent) -> tuple[ToolSpec, ...]:
        """The agent's tools as the model is told of them."""
        return tuple(self._tools[name].spec for name in agent.tools if name in self._tools)

    async def run(self, name: str, arguments: str, call: Call) -> str:
        """What the model is told of a tool call: the result as JSON (text as it is), or `{"error", "message"}`.

        `arguments` is JSON text as the model wrote it. Never raises, unless it is cancelled. When the time is up, an
        async tool is cancelled and no tool is waited for.
        """
        tool = self._tools.get(name)
        if tool is None or name not in call.agent.tools:
            return _error("unknown_tool", f"There is no tool {name[:64]!r}.")
        if len(self._running) >= MOST_AT_ONCE:  # tools that hang and can't be cancelled
            logger.error("too many tools are running", extra={"tool": name})
            return _error("busy", "The tool is busy. Try again in a moment.")
        task = asyncio.create_task(_answer(tool, arguments, call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            done, _ = await asyncio.wait({task}, timeout=tool.timeout_s or self._timeout_s)
        finally:
            if tool.is_async:  # a thread can't be stopped: its task lives, and counts, until it ends by itself
                task.cancel()
        if not done:
            logger.warning("tool timed out", extra={"tool": name})
            return _error("timeout", "The tool took too long. It may or may not have done its work.")
        return _error("failed", "The tool was cancelled.") if task.cancelled() else _capped(task.result())


async def _answer(tool: Tool, arguments: str, call: Call) -> str:
    """The result as text; what goes wrong is told to the model in a line, and to the log without what was said."""
    try:
        values = tool.parse(arguments.strip() or "{}", call)
    except ValidationError as error:
        return _error("bad_arguments", _faults(error))
    try:
        return _text(await tool.run(values))
    except ToolError as error:
        return _error("failed", str(error))
    except (Exception, SystemExit) as error:
        return _failed(tool, error)


def _text(result: Any) -> str:
    if result is None:
        return '{"ok":true}'
    return result if isinstance(result, str) else to_json(result).decode()


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(str(step) for step in fault['loc']) or 'arguments'}: {fault['msg']}" for fault in faults[:5]
    )


def _failed(tool: Tool, error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}"
    logger.error("tool failed", extra={"tool": tool.spec.name, "error": type(error).__name__, "where": where})
    # Without the exception itself, which may quote the caller.
    logger.debug("tool's traceback", extra={"tool": tool.spec.name, "frames": frames.format()})
    return _error("failed", f"The tool failed ({type(error).__name__}).")


def _error(kind: str, message: str) -> str:
    return json.dumps({"error": kind, "message": message}, ensure_ascii=False)


def _capped(text: str) -> str:
    data = text.encode(errors="replace")
    if len(data) <= MAX_OUTPUT_BYTES:
        return text
    note = f"\n[cut: the result has {len(data)} bytes]"
    return data[: MAX_OUTPUT_BYTES - len(note)].decode(errors="ignore") + note
