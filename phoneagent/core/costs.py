"""Tokens, seconds and telephone minutes used, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Final, Literal

Direction = Literal["inbound", "outbound"]
Service = Literal[
    "inbound-local",
    "inbound-toll-free",
    "outbound-local",
    "outbound-toll-free",
    "media-streams",
    "recording",
    "machine-detection",
]
"""What a carrier bills for. A number that is not toll-free counts as local."""

_MILLION = Decimal(1_000_000)


def line(direction: Direction, *, toll_free: bool = False) -> Service:
    """The service that a telephone line is; `toll_free` is the number that was called."""
    if direction == "inbound":
        return "inbound-toll-free" if toll_free else "inbound-local"
    return "outbound-toll-free" if toll_free else "outbound-local"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a response or a transcription used. The cached tokens are among the input tokens."""

    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    text_cached: int = 0
    audio_cached: int = 0
    image_cached: int = 0
    text_out: int = 0
    audio_out: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)))


@dataclass(frozen=True, slots=True)
class Price:
    """Of a model, in US dollars: per million tokens, and per minute, to the second, for what is billed by time.

    `as_of` is when it was read, `source` where.
    """

    text_in: Decimal = Decimal(0)
    text_cached: Decimal = Decimal(0)
    text_out: Decimal = Decimal(0)
    audio_in: Decimal = Decimal(0)
    audio_cached: Decimal = Decimal(0)
    audio_out: Decimal = Decimal(0)
    image_in: Decimal = Decimal(0)
    image_cached: Decimal = Decimal(0)
    minute: Decimal = Decimal(0)
    as_of: date = date.min
    source: str = ""

    def of(self, usage: Usage) -> Decimal:
        """The price of a usage, in US dollars, not rounded."""
        tokens = (
            _fresh(usage.text_in, usage.text_cached) * self.text_in
            + usage.text_cached * self.text_cached
            + usage.text_out * self.text_out
            + _fresh(usage.audio_in, usage.audio_cached) * self.audio_in
            + usage.audio_cached * self.audio_cached
            + usage.audio_out * self.audio_out
            + _fresh(usage.image_in, usage.image_cached) * self.image_in
            + usage.image_cached * self.image_cached
        )
        return tokens / _MILLION + Decimal(str(usage.seconds)) * self.minute / 60


def _fresh(tokens: int, cached: int) -> int:
    return max(0, tokens - cached)  # a server that counts wrongly must not earn us money: limits would not hold


@dataclass(frozen=True, slots=True)
class Rate:
    """What a carrier bills for a service, in US dollars: for each started minute, and for each use.

    `as_of` is when it was read, `source` where.
    """

    minute: Decimal = Decimal(0)
    use: Decimal = Decimal(0)
    as_of: date = date.min
    source: str = ""

    def of(self, seconds: float) -> Decimal:
        """The price of one use that lasted so long."""
        return math.ceil(seconds / 60) * self.minute + self.use


PART_OF: Final[Mapping[Service, str]] = {
    "inbound-local": "telephone",
    "inbound-toll-free": "telephone",
    "outbound-local": "telephone",
    "outbound-toll-free": "telephone",
    "media-streams": "streams",
    "recording": "recording",
    "machine-detection": "machine_detection",
}
"""The part of a `Cost` that a service belongs to."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call costs, in US dollars, by what it is for; not rounded.

    `telephone` is of all lines, that of a person included to whom the caller was transferred. `unpriced` are the models
    that were used and have no price: with any, the call costs more than this.
    """

    model: Decimal = Decimal(0)
    transcription: Decimal = Decimal(0)
    telephone: Decimal = Decimal(0)
    streams: Decimal = Decimal(0)
    recording: Decimal = Decimal(0)
    machine_detection: Decimal = Decimal(0)
    after_call: Decimal = Decimal(0)
    unpriced: frozenset[str] = frozenset()

    @property
    def total(self) -> Decimal:
        """All of it."""
        parts = (getattr(self, f.name) for f in fields(self) if f.name != "unpriced")
        return sum(parts, Decimal(0))
