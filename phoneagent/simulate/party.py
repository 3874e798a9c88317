"""Who is on the telephone, and what can become of their call. Values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from phoneagent.simulate.caller import CallerSide
from phoneagent.simulate.network import Network
from phoneagent.simulate.record import Outcome
from phoneagent.simulate.twiml import Inline, Next

Final = Literal["completed", "busy", "no-answer", "failed", "canceled"]
FINAL: frozenset[str] = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Keys:
    """A party presses these keys, so long after it was asked to."""

    keys: str
    after_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Words:
    """A party says this, so long after it was asked to."""

    words: str
    after_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Handset:
    """The telephone of a party: who holds it, over which network, for how long at most.

    `gather` is what the party does whenever a document asks for keys or words.
    """

    side: CallerSide
    network: Network | None = None
    record: bool = True
    max_s: float = 600.0
    gather: Keys | Words | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast time goes by for the carrier, `speed` times as fast as on the clock; <Say> takes `word_s` per word."""

    speed: float = 1.0
    word_s: float = 0.0

    def of(self, seconds: float) -> float:
        """How long so much of the carrier's time takes on the clock."""
        return seconds / self.speed

    def carriers(self, seconds: float) -> float:
        """How much of the carrier's time goes by in so much time of the clock."""
        return seconds * self.speed


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over: how, for its party, and which status the carrier gives it."""

    outcome: Outcome
    status: Final = "completed"


@dataclass(frozen=True, slots=True)
class Held:
    """No document: the party talks to another call, until either leaves, which sets `over`."""

    over: asyncio.Event


Doing = Next | Inline | Held  # what a call is doing: a document that it follows, or none
