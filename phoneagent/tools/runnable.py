"""What the toolbox runs, wherever it comes from: a function, an HTTP request, an MCP server, a built-in tool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from phoneagent.core.agents import Agent, ToolSpec

if TYPE_CHECKING:
    from phoneagent.tools.function import Call


class BadArgumentsError(Exception):
    """Arguments that the tool does not take; nothing was done. The text tells the model which, and why."""


class BusyError(Exception):
    """The tool can't be run just now; nothing was done."""


class FailedError(Exception):
    """A failure inside a tool that ran elsewhere. `kind` is its type, `where` file and line, for the log."""

    def __init__(self, kind: str, where: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.where = where


@dataclass(frozen=True, slots=True)
class Output:
    """A result that is written already, as `output.of_result` does."""

    json: str = field(repr=False)


class Runnable(Protocol):
    """A tool that can be run."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told of it, and how it is run."""

    async def run(self, arguments: str, call: Call) -> object:
        """The result: text, or what can be written as JSON; `HandOver` for another agent to take over.

        `arguments` is JSON text as the model wrote it. Raises BadArgumentsError, BusyError, and ToolError for what the
        tool has to say to the model; whatever else it raises is a failure that the model is told of without its text.
        Cancelled, it stops.
        """


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a tool call. `output` is what the model is told; `ran` is False if certainly nothing was done;
    `agent` is who takes over, if somebody does."""

    output: str = field(repr=False)
    ran: bool = True
    agent: Agent | None = None
