"""What calls come to: by day, agent and number of ours, over any range of days."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, select

from phoneagent.core.figures import Figures
from phoneagent.store.database import Database
from phoneagent.store.day_sums import figures, sum_up
from phoneagent.store.models import day_sums, stale_days


@dataclass(frozen=True, slots=True)
class Report:
    """What the calls of a range of days come to. Every day is in `days`, in their order; agents and numbers are those
    that had a call, the busiest first. Where calls of one agent are wanted, `agents` has the others as well, to compare
    it with; so does `numbers`. Of `stale` days the sums are still to be made: what they say is of earlier, or nothing.
    """

    total: Figures
    days: Mapping[date, Figures]
    agents: Mapping[str, Figures]
    numbers: Mapping[str, Figures]
    stale: int


AT_ONCE = 3
"""Stale days that somebody who asks waits for, the newest. There are more only for a while after an upgrade, or after
many calls were deleted: `records.bookkeeping`."""


class Statistics:
    """The sums of all days. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(
        self, first: date, last: date, *, agent: str | None = None, number: str | None = None, complete: bool = False
    ) -> Report:
        """What calls that began on these days (UTC) come to: all, or those of an agent, on a number of ours.

        Calls that were deleted count, as far as they were there to be counted. `complete`: wait for all stale days.
        """
        stale = await self.stale(first, last)
        fresh = set(stale if complete else stale[:AT_ONCE])
        for day in fresh:
            await self.sum_up(day)
        sums = select(day_sums).where(day_sums.c.day.between(first, last))
        async with self._database.look() as connection:
            rows = (await connection.execute(sums)).all()
        left = set(await self.stale(first, last)) - fresh
        # it takes a while, and calls go on
        return await asyncio.to_thread(_report, first, last, rows, agent, number, len(left))

    async def stale(self, first: date, last: date) -> Sequence[date]:
        """The days of these of which calls have changed since they were summed up, the newest first."""
        found = select(stale_days.c.day).where(stale_days.c.day.between(first, last)).order_by(stale_days.c.day.desc())
        async with self._database.look() as connection:
            return (await connection.execute(found)).scalars().all()

    async def sum_up(self, day: date) -> None:
        """Sum up a day anew, if it is stale; others who write wait meanwhile."""
        async with self._database.begin() as connection:
            await sum_up(connection, day)


def _report(
    first: date, last: date, rows: Sequence[Row[Any]], agent: str | None, number: str | None, stale: int
) -> Report:
    days = {first + timedelta(days=n): Figures() for n in range((last - first).days + 1)}
    both: defaultdict[tuple[str, str], Figures] = defaultdict(Figures)  # few, of which the others are made sooner
    agents: defaultdict[str, Figures] = defaultdict(Figures)
    numbers: defaultdict[str, Figures] = defaultdict(Figures)
    total = Figures()
    for row in rows:
        of_agent, of_number = agent in (None, row.agent), number in (None, row.number)
        if not (of_agent or of_number):
            continue
        one = figures(row)
        both[row.agent, row.number].add(one)
        if of_agent and of_number:
            days[row.day].add(one)
    for (its_agent, its_number), one in both.items():
        if number in (None, its_number):
            agents[its_agent].add(one)
        if agent in (None, its_agent):
            numbers[its_number].add(one)
    for one in days.values():
        total.add(one)
    return Report(total, days, _busiest_first(agents), _busiest_first(numbers), stale)


def _busiest_first(sums: Mapping[str, Figures]) -> dict[str, Figures]:
    return dict(sorted(sums.items(), key=lambda item: (-item[1].calls, item[0])))
