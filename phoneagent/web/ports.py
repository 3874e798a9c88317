"""What the web needs of the calls, and the values they exchange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from phoneagent.calls.transfers import PersonAsks, PersonNews
from phoneagent.twilio.documents import Document
from phoneagent.twilio.leg import MediaStream, Receive
from phoneagent.twilio.webhook import Answer, IncomingCall
from phoneagent.twilio.wire import StreamOpening


class Switchboard(Protocol):
    """Connects callers to agents. Nothing in it waits: it is asked on the event loop."""

    @property
    def open_calls(self) -> int:
        """How many calls are not over: those that are answered, and those that we place and nobody has answered yet."""

    def answer(self, call: IncomingCall, *, draining: bool) -> Answer:
        """How to answer a call; a new one is refused while draining, but whom we have called is answered. Asked again
        with the same CallSid, it says the same."""

    def admit(self, opening: StreamOpening, leg: MediaStream) -> Receive | None:
        """The call that a media stream belongs to, or None for a stream that no call was told to open."""

    def after_stream(self, params: Mapping[str, str]) -> Document:
        """How a caller's line goes on after a stream, if the caller is still there."""

    def next(self, params: Mapping[str, str]) -> Document:
        """How a caller's line goes on that was redirected, or told to ask again."""

    def transfer_ended(self, params: Mapping[str, str]) -> Document:
        """How a caller's line goes on after a person."""

    def person_asks(self, question: PersonAsks, params: Mapping[str, str]) -> Document:
        """How the line of a person goes on to whom a caller is transferred."""

    def person_news(self, news: PersonNews, params: Mapping[str, str]) -> None:
        """Take note of a callback about such a person's line, or about the room where the two meet."""

    def status(self, params: Mapping[str, str]) -> None:
        """Take note of a status callback."""

    def machine(self, params: Mapping[str, str]) -> None:
        """Take note of who has answered, a person or a machine."""

    def reasons_not_ready(self) -> list[str]:
        """Why no call can be answered; empty if all is well."""

    def end_calls(self, reason: str) -> None:
        """Begin to end all calls, also those that nobody has answered yet."""
