"""Running the tools that a model asks for. Whatever they do, the model gets an answer, and in time."""

from __future__ import annotations

import asyncio
import logging
import math
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from phoneagent.core.agents import Agent, HttpTool, ToolPolicy, ToolSpec
from phoneagent.tools import output
from phoneagent.tools.builtin import BUILTIN
from phoneagent.tools.control import HandOver
from phoneagent.tools.function import Call, ToolError
from phoneagent.tools.runnable import BadArgumentsError, BusyError, FailedError, Output, Runnable, ToolResult

logger = logging.getLogger(__name__)


class HttpSource(Protocol):
    """Makes tools of the HTTP requests that an agent's file declares."""

    def tool(self, name: str, declared: HttpTool) -> Runnable: ...
    async def close(self) -> None: ...


class McpSource(Protocol):
    """Knows the tools of an agent's MCP servers."""

    def tools(self, agent: Agent) -> Mapping[str, Runnable]: ...
    async def close(self) -> None: ...


class WorkerPool(Protocol):
    """What the Python tools run in."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...


class Toolbox:
    """The tools of the service. Beside `tools`, an agent has those built in, and those that its file declares.

    `timeout_s` is for a tool without its own. What is given is started and closed with the toolbox.
    """

    def __init__(
        self,
        tools: Mapping[str, Runnable],
        *,
        workers: WorkerPool | None = None,
        http: HttpSource | None = None,
        mcp: McpSource | None = None,
        timeout_s: float = 8.0,
    ) -> None:
        self._tools = dict(tools)
        self._workers = workers
        self._http = http
        self._mcp = mcp
        self._timeout_s = timeout_s

    async def start(self) -> None:
        """Have everything ready for the first tool. Raises WorkersError."""
        if self._workers is not None:
            await self._workers.start()

    async def close(self) -> None:
        """Stop what runs, and let go of everything."""
        for source in (self._workers, self._http, self._mcp):
            if source is not None:
                await source.close()

    @property
    def names(self) -> frozenset[str]:
        """The names that an agent file may use without declaring a tool itself."""
        return frozenset(self._tools) | frozenset(BUILTIN)

    def specs(self, agent: Agent) -> tuple[ToolSpec, ...]:
        """The agent's tools as the model is told of them, run as its file says."""
        return tuple(
            replace(tool.spec, policy=_policy(agent, name, tool.spec))
            for name, tool in self._agents_tools(agent).items()
        )

    def policies(self, agent: Agent) -> Mapping[str, ToolPolicy]:
        """How the agent's tools are run, by name; those that the model's service runs, too."""
        return agent.remote_policies | {spec.name: spec.policy for spec in self.specs(agent)}

    async def run(self, name: str, arguments: str, call: Call) -> ToolResult:
        """What came of a tool call; `arguments` is JSON text as the model wrote it.

        Never raises, unless it is cancelled. A tool whose time is up is cancelled.
        """
        tool = self._agents_tools(call.agent).get(name)
        if tool is None:
            return _refused("unknown_tool", f"There is no tool {name[:64]!r}.")
        timeout_s = _policy(call.agent, name, tool.spec).timeout_s or self._timeout_s
        limit = asyncio.timeout(None if timeout_s == math.inf else timeout_s)
        try:
            async with limit:
                return _result(await tool.run(arguments, call))
        except BadArgumentsError as error:
            return _refused("bad_arguments", str(error))
        except BusyError:
            logger.error("too many tools are running", extra={"tool": name})
            return _refused("busy", "The tool is busy, nothing was done. Try again in a moment.")
        except ToolError as error:
            return ToolResult(output.of_error("failed", str(error)), ran=error.ran)
        except FailedError as error:
            return _failed(name, error.kind, error.where)
        except Exception as error:
            if limit.expired():
                logger.warning("tool timed out", extra={"tool": name})
                message = "The tool took too long. It may or may not have done its work."
                return ToolResult(output.of_error("timeout", message))
            frames = traceback.extract_tb(error.__traceback__)
            return _failed(name, type(error).__name__, f"{frames[-1].filename}:{frames[-1].lineno}")

    def _agents_tools(self, agent: Agent) -> Mapping[str, Runnable]:
        """By name; what the agent's file lists goes before what its servers offer."""
        listed = ((name, self._named(name, agent)) for name in agent.tools)
        tools = {name: tool for name, tool in listed if tool is not None}
        return tools if self._mcp is None else {**tools, **self._mcp.tools(agent), **tools}

    def _named(self, name: str, agent: Agent) -> Runnable | None:
        if (declared := agent.http_tools.get(name)) is not None:
            try:
                return self._http.tool(name, declared) if self._http is not None else None
            except ValueError as error:  # the others are still of use
                logger.error("an HTTP tool can't be used", extra={"tool": name, "reason": str(error)})
                return None
        if (tool := self._tools.get(name)) is not None:
            return tool
        return BUILTIN[name](agent) if name in BUILTIN else None


def _policy(agent: Agent, name: str, spec: ToolSpec) -> ToolPolicy:
    return replace(spec.policy, **agent.tool_options.get(name, {}))


def _result(result: object) -> ToolResult:
    match result:
        case HandOver(agent):
            return ToolResult(output.of_result(f"{agent.name} has taken over."), agent=agent)
        case Output(json):
            return ToolResult(json)
        case _:
            return ToolResult(output.of_result(result))


def _refused(kind: str, message: str) -> ToolResult:
    return ToolResult(output.of_error(kind, message), ran=False)


def _failed(name: str, kind: str, where: str) -> ToolResult:
    # Without the exception itself, which may quote the caller.
    logger.error("tool failed", extra={"tool": name, "error": kind, "where": where})
    return ToolResult(output.of_error("failed", f"The tool failed ({kind})."))
