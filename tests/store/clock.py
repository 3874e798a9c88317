"""A clock that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now
