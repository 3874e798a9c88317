"""Tokens and seconds used, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

_MILLION = Decimal(1_000_000)


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
    """US dollars per million tokens, and per minute for what is billed by time."""

    text_in: Decimal = Decimal(0)
    text_cached: Decimal = Decimal(0)
    text_out: Decimal = Decimal(0)
    audio_in: Decimal = Decimal(0)
    audio_cached: Decimal = Decimal(0)
    audio_out: Decimal = Decimal(0)
    image_in: Decimal = Decimal(0)
    image_cached: Decimal = Decimal(0)
    minute: Decimal = Decimal(0)

    def of(self, usage: Usage) -> Decimal:
        """The price of a usage, in US dollars, not rounded."""
        tokens = (
            (usage.text_in - usage.text_cached) * self.text_in
            + usage.text_cached * self.text_cached
            + usage.text_out * self.text_out
            + (usage.audio_in - usage.audio_cached) * self.audio_in
            + usage.audio_cached * self.audio_cached
            + usage.audio_out * self.audio_out
            + (usage.image_in - usage.image_cached) * self.image_in
            + usage.image_cached * self.image_cached
        )
        return tokens / _MILLION + Decimal(str(usage.seconds)) / 60 * self.minute
