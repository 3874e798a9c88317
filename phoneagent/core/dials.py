"""A call that we place, from the wish to its end: one way forward, one final state, whatever is heard in what order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

State = Literal[
    "pending",  # waits for its turn; the carrier was not asked
    "dialing",  # the carrier is being asked, once
    "unknown",  # it was asked and gave no answer: the telephone may be ringing
    "placed",  # the carrier has the call
    "ringing",
    "live",  # somebody has answered
    # final
    "completed",  # a conversation, and its end
    "machine",  # the same, with an answering machine
    "busy",
    "no_answer",
    "failed",
    "canceled",  # by us, before anybody had answered
]

FINAL: frozenset[State] = frozenset({"completed", "machine", "busy", "no_answer", "failed", "canceled"})
UNANSWERED: frozenset[State] = frozenset({"dialing", "unknown", "placed", "ringing"})  # a telephone may be ringing

_STEPS: tuple[State, ...] = ("pending", "dialing", "unknown", "placed", "ringing", "live")


def rank(state: State) -> int:
    """How far on a state is: a dial never returns to a lower one."""
    return _STEPS.index(state) if state in _STEPS else len(_STEPS)


def states_up_to(state: State) -> tuple[State, ...]:
    """The states from which a dial may come to this one, it among them unless it is final."""
    return _STEPS[: rank(state) + 1]


@dataclass(frozen=True, slots=True)
class Dial:
    """A call to be placed at most once.

    `nonce` is in the URLs that the carrier is given, and nowhere else: what bears it is about this dial. `dialed` is
    when the carrier was asked. `machine`: an answering machine has answered. `unwanted`: the call is to be ended as
    soon as there is one.
    """

    id: str
    nonce: str = field(repr=False)
    agent: str
    to: str = field(repr=False)
    from_: str = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)
    created: datetime
    dialed: datetime | None = None
    state: State = "pending"
    reason: str | None = None
    call_sid: str | None = None
    machine: bool = False
    unwanted: bool = False

    @property
    def over(self) -> bool:
        """Whether its state is final."""
        return self.state in FINAL

    def moved(self, state: State, reason: str | None = None, call_sid: str | None = None) -> Dial:
        """The dial after news of it. What is older than what is known changes nothing; what is final stays."""
        if self.over:
            return self
        dial = replace(self, call_sid=call_sid or self.call_sid)
        if rank(state) <= rank(self.state):
            return dial
        if state == "completed" and self.machine:
            state, reason = "machine", "an answering machine answered"
        elif state in FINAL and self.unwanted and self.state != "live":
            state, reason = "canceled", "canceled before anybody answered"
        return replace(dial, state=state, reason=reason)
