"""What decides on the agent's words: the interface of a brain, and what it is told of the conversation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the conversation. What of the agent's words was not heard is not in `text`."""

    item_id: str
    role: Literal["system", "user", "assistant"]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A request of the brain to run a tool; `arguments` is JSON text."""

    item_id: str
    call_id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What came of a tool call."""

    item_id: str
    call_id: str
    output: str = field(repr=False)


Entry = Said | ToolCall | ToolOutput


@dataclass(frozen=True, slots=True)
class Request:
    """What a response is to be made of. `instructions` are set when they replace the session's."""

    history: Sequence[Entry]
    session_instructions: str = field(repr=False)
    instructions: str | None = field(default=None, repr=False)
    tools: Sequence[dict[str, Any]] = ()
    tool_choice: str | dict[str, Any] = "auto"


@dataclass(frozen=True, slots=True)
class Speak:
    """Say a sentence or two."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """Have a tool run; its output comes as an entry of a later request. `arguments` is JSON text."""

    name: str
    arguments: str
    call_id: str


Step = Speak | CallTool


async def say(words: str) -> AsyncIterator[Step]:
    """The steps of a response whose words are given."""
    yield Speak(words)


class BrainError(Exception):
    """The brain cannot answer; the response fails with this message."""


class Brain(Protocol):
    """Decides what the agent says and does in one call."""

    def expectation(self) -> str | None:
        """The grammar (JSGF) of what the caller may say now; None for anything."""

    def pass_over(self, history: Sequence[Entry]) -> None:
        """Take this much of the conversation for answered: it was held with another agent, or in another session."""

    def respond(self, request: Request) -> AsyncIterator[Step]:
        """The steps of the next response. Closing the iterator interrupts it. Raises BrainError."""
