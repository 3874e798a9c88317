"""The two peers of a call as the runner sees them. Sending never waits; sending to a peer that is gone does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.core.commands import Command
from phoneagent.core.events import Event

Receive = Callable[[Event], None]


class Leg(Protocol):
    """The caller's audio connection. Takes PlayAudio, SendMark and ClearPlayout."""

    def send(self, command: Command) -> None:
        """Put a command on the wire before returning."""

    def close(self) -> None:
        """End the stream; what was queued and not played is lost."""


class Session(Protocol):
    """The one conversation that an engine holds for one call. Takes the commands "to the engine's session"."""

    def send(self, command: Command) -> None:
        """Put a command on the wire before returning."""

    def close(self) -> None:
        """End the session. No event comes after this."""


class Engine(Protocol):
    """What can hold a conversation."""

    name: str

    def open(self, agent: Agent, prompt: str, tools: tuple[ToolSpec, ...], receive: Receive) -> Session:
        """Begin a session, without waiting for it: `SessionReady` or `SessionEnded` is told to `receive`."""
