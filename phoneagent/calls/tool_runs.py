"""The tools that run for one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from phoneagent.calls.control import Control
from phoneagent.calls.keeper import CallKeeper
from phoneagent.calls.ports import Receive
from phoneagent.calls.record import CallDetails
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.tools import Call, Toolbox

_CANCELLED = '{"error":"cancelled","message":"It was stopped. It may or may not have been done."}'
_INTERRUPTED = '{"error":"interrupted","message":"The call ended while it ran. It may or may not have been done."}'


@dataclass(frozen=True, slots=True)
class _Run:
    command: do.RunTool
    began: float
    task: asyncio.Task[None]


class ToolRuns:
    """Runs tools as tasks. What comes of each is kept, and told to the call as ToolFinished or AgentChanged."""

    def __init__(
        self,
        details: CallDetails,
        toolbox: Toolbox,
        control: Control,
        kept: CallKeeper,
        receive: Receive,
        clock: Callable[[], float],
    ) -> None:
        self._details = details
        self._toolbox = toolbox
        self._control = control
        self._kept = kept
        self._receive = receive
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._running: dict[str, _Run] = {}
        self._notes: dict[str, object] = {}

    def start(self, command: do.RunTool) -> None:
        """Run a tool."""
        task = self._loop.create_task(self._run(command))
        self._running[command.tool_call_id] = _Run(command, self._clock(), task)
        self._kept.tool_began(command)

    def cancel(self, tool_call_id: str) -> None:
        """Stop a tool, if it runs. The call is told no more of it."""
        self._stop(tool_call_id, _CANCELLED)

    def end(self) -> None:
        """The call is over: stop them all."""
        for tool_call_id in tuple(self._running):
            self._stop(tool_call_id, _INTERRUPTED)

    async def _run(self, command: do.RunTool) -> None:
        details, tool_call_id = self._details, command.tool_call_id
        key = f"{details.call_id}:{tool_call_id}"
        agent = self._kept.agent
        call = Call(details.call_id, details.caller, details.called, agent, key, self._notes, self._control)
        result = await self._toolbox.run(command.name, command.arguments, call)
        self._ran(self._running.pop(tool_call_id), result.output)
        if result.agent is not None:
            self._receive(on.AgentChanged(tool_call_id, result.agent, self._toolbox.policies(result.agent)))
        else:
            self._receive(on.ToolFinished(tool_call_id, result.output, result.ran))

    def _stop(self, tool_call_id: str, output: str) -> None:
        if (run := self._running.pop(tool_call_id, None)) is not None:
            run.task.cancel()
            self._ran(run, output)

    def _ran(self, run: _Run, output: str) -> None:
        self._kept.tool_ran(run.command, output, self._clock() - run.began)
