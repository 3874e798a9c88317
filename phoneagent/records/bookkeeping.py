"""Sums up the days of calls before somebody asks for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from phoneagent.store import StoreError
from phoneagent.store.carrying_on import carrying_on
from phoneagent.store.statistics import Statistics

log = logging.getLogger(__name__)

EVERY_S = 60.0
BREATH_S = 0.1  # between two days, in which other programs write


class Bookkeeper:
    """Sums up what is stale, a day at a time. Not today: that is stale again with the next word, and soon summed up.
    Several services may do so at once."""

    def __init__(self, statistics: Statistics, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._statistics = statistics
        self._clock = clock
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sum up."""
        self._working = asyncio.create_task(self._keep_working())

    async def close(self) -> None:
        """Leave the rest for another time."""
        if self._working is not None:
            self._working.cancel()
            with suppress(asyncio.CancelledError):
                await self._working

    async def work(self, breath_s: float = BREATH_S) -> int:
        """Sum up all stale days before today. Returns how many there were. Raises StoreError."""
        days = await self._statistics.stale(date.min, self._clock().date() - timedelta(days=1))
        for day in days:
            await self._statistics.sum_up(day)
            await asyncio.sleep(breath_s)
        return len(days)

    async def _keep_working(self) -> None:
        while True:
            with carrying_on("summing up days"):
                try:
                    await self.work()
                except StoreError as error:
                    log.error("days can't be summed up", extra={"reason": str(error)})
            await asyncio.sleep(EVERY_S)
