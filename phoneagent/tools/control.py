"""What the built-in tools can do to the call in which they run. `calls` does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from phoneagent.core.agents import Agent


@dataclass(frozen=True, slots=True)
class HandOver:
    """The result of a tool by which another agent takes over the call."""

    agent: Agent


class ControlError(Exception):
    """What was asked for can't be done; the text is for the model. `ran`: it may have been done all the same."""

    def __init__(self, message: str, *, ran: bool = False) -> None:
        super().__init__(message)
        self.ran = ran


class CallControl(Protocol):
    """The call, as its tools may act upon it. Every method raises ControlError."""

    async def transfer(self, to: str, briefing: str) -> str:
        """Connect the caller with a destination of the agent's. Returns why they are back, if they come back."""

    async def send_digits(self, digits: str) -> None:
        """Press keys for the other side: 0-9, *, #, A-D, and w for half a second's wait."""

    async def send_sms(self, to: str, text: str) -> None:
        """Text "caller", or one of the agent's `sms.numbers` by its name."""

    async def take_message(self, text: str, callback_number: str | None) -> None:
        """Keep a message with the call."""

    def agent(self, name: str) -> Agent:
        """One of the agents to which this one may hand over."""
