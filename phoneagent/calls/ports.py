"""The two peers of a call as the runner sees them. Sending never waits; sending to a peer that is gone does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from phoneagent.calls.keeper import CallKeeper
from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.core.commands import Command
from phoneagent.core.costs import Service
from phoneagent.core.dials import Dial
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

    def update(self, agent: Agent, prompt: str, tools: tuple[ToolSpec, ...]) -> None:
        """Go on as another agent; voice, model and audio stay as they are."""

    def close(self) -> None:
        """End the session. No event comes after this."""


class Engine(Protocol):
    """What can hold a conversation."""

    name: str

    def open(self, agent: Agent, prompt: str, tools: tuple[ToolSpec, ...], receive: Receive) -> Session:
        """Begin a session, without waiting for it: `SessionReady` or `SessionEnded` is told to `receive`."""


class LiveCall(Protocol):
    """A call, as those see it who take its caller out of the stream."""

    @property
    def agent(self) -> Agent:
        """Who speaks now."""

    @property
    def kept(self) -> CallKeeper:
        """Keeps the record of the call."""

    @property
    def streaming(self) -> bool:
        """Whether the caller is on a stream."""

    def receive(self, event: Event) -> None:
        """Take note of an event and do what follows from it."""

    def person_came(self, *billed: Service) -> None:
        """A person to whom the caller is transferred is on a line for which the carrier bills these services."""

    def person_left(self) -> None:
        """The person's line is over."""


class Dials(Protocol):
    """The calls that we place, which the carrier asks about with the nonce that was in their URLs."""

    @property
    def unanswered(self) -> int:
        """How many calls are being placed, or ring."""

    def cancel_unanswered(self) -> None:
        """End those."""

    def expected(self, nonce: str, call_sid: str) -> Dial | None:
        """The dial that this call is, or None if there is none."""

    def status(self, nonce: str, params: Mapping[str, str]) -> None:
        """Take note of a status callback."""

    def machine(self, nonce: str, params: Mapping[str, str]) -> None:
        """Take note of who has answered."""
