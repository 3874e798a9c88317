"""What other processes have spent today: those that share the database, and those that ran before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from phoneagent.core.spending import Ledger
from phoneagent.store.calls import DaySum
from phoneagent.store.carrying_on import carrying_on

REFRESHED_EVERY_S = 15.0


class DayTotals:
    """Tells a ledger what the calls of others have cost, again and again, so that no call has to wait for it.

    So limits hold over all processes, as far as each knows of the others: by what it was told last.
    """

    def __init__(
        self,
        ledger: Ledger,
        spent_by_others: Callable[[date], Awaitable[Sequence[DaySum]]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`spent_by_others`, since a day (UTC); may raise StoreError."""
        self._ledger = ledger
        self._spent_by_others = spent_by_others
        self._clock = clock

    async def refresh(self) -> None:
        """Tell it now; while the database is away, what was told before stays."""
        yesterday = self._clock().astimezone(UTC).date() - timedelta(days=1)
        with carrying_on("day totals"):
            sums = await self._spent_by_others(yesterday)
            self._ledger.learn({(one.day, one.agent, one.number): one.usd for one in sums})

    async def keep_fresh(self) -> None:
        """Do so every few seconds. Never ends."""
        while True:
            await asyncio.sleep(REFRESHED_EVERY_S)
            await self.refresh()
