"""What operators do to one call: each deed is checked against how the call stands, done, and put on its record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Literal

from phoneagent.calls.control import Control
from phoneagent.calls.keeper import CallKeeper
from phoneagent.calls.transfer import CameOfIt
from phoneagent.core import events as on
from phoneagent.core.audio import duration_ms
from phoneagent.core.bridge import CallBridge
from phoneagent.core.events import Event
from phoneagent.tools.control import ControlError

Reason = Literal[
    "not_streaming", "away", "taken", "not_taken", "ending", "transferring", "unknown_destination", "no_telephone",
    "unusable_number",
]  # fmt: skip


class OperatorError(Exception):
    """What an operator wants can't be done now. `by` is who has taken the call over, if that is the reason."""

    def __init__(self, reason: Reason, message: str, by: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.by = by


class Operators:
    """The operators of one call. `by` is always the name of the one who does it. Used on the event loop.

    The call is one operator's at a time; whoever takes it over has it until `hand_back`, or until the caller is taken
    out of the stream. The feed tells of every deed (`calls.live.OperatorActed`).
    """

    def __init__(
        self, bridge: CallBridge, control: Control, kept: CallKeeper, receive: Callable[[Event], None]
    ) -> None:
        self._bridge = bridge
        self._control = control
        self._kept = kept
        self._receive = receive
        self._asks = ""  # to take the call over
        self._has_it: str | None = None

    @property
    def taken_over_by(self) -> str | None:
        """Who has the call; None: the agent."""
        return None if self._bridge.ended is not None else self._has_it

    def listens(self, by: str) -> None:
        """Note that somebody listens in. The call itself knows nothing of it."""
        self._kept.operator("listen", by)

    def whisper(self, text: str, by: str) -> None:
        """Have the agent know this from its next answer on; the caller hears nothing of it. Raises OperatorError."""
        if self._bridge.state == "ending":
            raise _ending()
        self._kept.operator("whisper", by, text=text)
        self._receive(on.Whispered(text))

    def say(self, text: str, by: str) -> None:
        """Have the agent say these very words, as soon as it has said what it says now. Raises OperatorError."""
        self._must_be("talking")
        self._kept.operator("say", by, text=text)
        self._receive(on.SayRequested(text))

    # In the agent's place

    def take_over(self, by: str) -> None:
        """Talk to the caller in the agent's place from now on. Raises OperatorError."""
        self._must_be("talking", "ending")
        if not self._bridge.can_be_taken_over:
            raise _ending()
        self._asks = by
        self._receive(on.TakenOver())

    def audio(self, ulaw: str) -> None:
        """Say something to the caller: base64 µ-law of any length, 20 ms at best, from whoever has the call."""
        if self._has_it is not None:
            self._receive(on.OperatorAudio(ulaw, duration_ms(ulaw)))

    def hand_back(self, by: str) -> None:
        """Leave the caller to the agent again, which speaks first. Raises OperatorError."""
        if self.taken_over_by != by:
            raise OperatorError("not_taken", "you have not taken this call over", self.taken_over_by)
        self._receive(on.HandedBack())

    def take_over_changed(self, taken_over: bool) -> None:
        """The call has changed hands, as wanted or because the caller is taken out of the stream."""
        if taken_over:
            self._has_it = self._asks
            self._kept.operator("take_over", self._asks)
        elif self._has_it is not None:
            by, self._has_it = self._has_it, None
            self._kept.operator("hand_back", by)

    # Elsewhere

    def transfer(self, to: str, briefing: str, by: str) -> asyncio.Future[CameOfIt]:
        """Begin to connect the caller with one of the agent's destinations. What is returned is done once they talk, or
        it is known why not. Raises OperatorError."""
        self._must_be("talking", "taken_over")
        if (other := self.taken_over_by) not in (None, by):
            raise _taken(other)
        if to not in self._kept.agent.transfer:
            names = ", ".join(self._kept.agent.transfer) or "none"
            raise OperatorError("unknown_destination", f"the agent's file has no transfer of this name, only: {names}")
        if not self._control.has_telephone:
            raise OperatorError("no_telephone", "transfers need TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")
        if self._control.escorted:
            raise OperatorError("transferring", "the caller is being transferred already")
        try:
            escort = self._control.begin_transfer(to, briefing)
        except ControlError as error:  # the log says more
            raise OperatorError("unusable_number", "the number of this destination can't be used") from error
        self._kept.operator("transfer", by, to=to)
        self._receive(on.Whispered(f"A colleague is transferring the caller to: {to}."))
        escort.outcome.add_done_callback(partial(self._transferred, to))
        return escort.outcome

    def hang_up(self, by: str) -> None:
        """End the call, if it is not over."""
        if self._bridge.ended is None:
            self._kept.operator("hang_up", by)
            self._receive(on.HangUpRequested("an operator"))

    def _transferred(self, to: str, outcome: asyncio.Future[CameOfIt]) -> None:
        """Tell an agent with whom the caller has stayed all the while; one to whom they come back is told anyway."""
        if self._bridge.state in ("talking", "taken_over") and not outcome.cancelled():
            self._receive(on.Whispered(f"The caller was not connected with {to}. {outcome.result().why}"))

    def _must_be(self, *states: str) -> None:
        state = self._bridge.state
        if state in states:
            return
        match state:
            case "connecting":
                raise OperatorError("not_streaming", "the caller is not connected yet")
            case "away":
                raise OperatorError("away", "the caller is not with the agent: they are being transferred, or were")
            case "taken_over":
                raise _taken(self.taken_over_by)
            case _:
                raise _ending()


def _taken(by: str | None) -> OperatorError:
    return OperatorError("taken", f"{by} has taken this call over", by)


def _ending() -> OperatorError:
    return OperatorError("ending", "the call is ending, or is over")
