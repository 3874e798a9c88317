"""What calls have cost, summed up. Days of which every call is wanted are in the tables of sums already, as far as no
call has changed since; the others are summed up from their calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, CompoundSelect, Select, Table, and_, false, func, or_, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.store.calls import CallFilter, conditions
from phoneagent.store.database import Database
from phoneagent.store.day_sums import charge_lines, midnight, on_day, totals
from phoneagent.store.models import calls, day_charges, day_sums, stale_days

Sums = Literal["day", "number", "agent", "model"]
Source = Select[Any] | CompoundSelect[Any]

MOST_APART = 10
"""Days that are summed up from their calls beside the sums of others. There are more only for a while after an upgrade,
or after many calls were deleted; then it is quicker to go through all calls once."""


@dataclass(frozen=True, slots=True)
class CostSum:
    """What the calls of a day (UTC, YYYY-MM-DD), number of ours, agent or model have cost.

    A model's `calls` are those that used it, `minutes` theirs. `unpriced`: some of it has no price and is left out.
    """

    key: str
    calls: int
    minutes: float
    usd: Decimal
    parts: Mapping[str, Decimal]  # by the fields of `core.costs.Cost`
    unpriced: bool


class Costs:
    """The costs of all calls. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sums(self, by: Sums, wanted: CallFilter | None = None) -> list[CostSum]:
        """What the wanted calls have cost, those included that go on; days in their order, else the dearest first.

        `parts`, and what is by model, are known of calls that are over.
        """
        async with self._database.look() as connection:
            of_calls, of_charges = await _sources(connection, wanted or CallFilter())
            sums = await _sums(connection, by, of_calls, of_charges)
        return sorted(sums, key=(lambda s: s.key) if by == "day" else (lambda s: (-s.usd, s.key)))


async def _sources(connection: AsyncConnection, wanted: CallFilter) -> tuple[Source, Source]:
    """Where the sums of the wanted calls, and of their charges, come from."""
    chosen = and_(true(), *await conditions(connection, wanted))
    apart = await _days_apart(connection, wanted) if await _by_days(connection, wanted) else None
    if apart is None or len(apart) > MOST_APART:
        return totals(chosen), charge_lines(chosen)
    those = and_(chosen, or_(false(), *map(on_day, apart)))
    return (
        _with_days(totals(those), day_sums, wanted, apart, day_sums.c.gone.is_(False)),
        _with_days(charge_lines(those), day_charges, wanted, apart),
    )


async def _by_days(connection: AsyncConnection, wanted: CallFilter) -> bool:
    """Whether the sums of days are kept by all that is wanted: a number is not, if it is a person's."""
    if replace(wanted, since=None, before=None, agent=None, number=None) != CallFilter():
        return False
    calling = select(calls.c.id).where(calls.c.caller == wanted.number).limit(1)
    return wanted.number is None or (await connection.execute(calling)).first() is None


async def _days_apart(connection: AsyncConnection, wanted: CallFilter) -> set[date]:
    """The days whose sums are of no use: a call has changed since, or not every call of theirs is wanted."""
    edges = [moment.astimezone(UTC) for moment in (wanted.since, wanted.before) if moment is not None]
    cut = {moment.date() for moment in edges if moment != midnight(moment.date())}
    stale = select(stale_days.c.day).where(*_within(stale_days, wanted))
    return cut.union((await connection.execute(stale)).scalars())


def _with_days(
    rows: Select[Any], table: Table, wanted: CallFilter, apart: Collection[date], *chosen: ColumnElement[bool]
) -> Source:
    """Rows, and the sums of all days but those apart."""
    of_days = select(*(table.c[column.name] for column in rows.selected_columns))
    of_days = of_days.where(*chosen, *_within(table, wanted), table.c.day.not_in(apart))
    if wanted.agent is not None:
        of_days = of_days.where(table.c.agent == wanted.agent)
    if wanted.number is not None:
        of_days = of_days.where(table.c.number == wanted.number)
    return union_all(rows, of_days)


def _within(table: Table, wanted: CallFilter) -> list[ColumnElement[bool]]:
    """The days on which wanted calls can have begun."""
    within: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        within.append(table.c.day >= wanted.since.astimezone(UTC).date())
    if wanted.before is not None:
        last = wanted.before.astimezone(UTC).date()
        within.append(table.c.day < last if wanted.before == midnight(last) else table.c.day <= last)
    return within


async def _sums(connection: AsyncConnection, by: Sums, of_calls: Source, of_charges: Source) -> list[CostSum]:
    charged, all_ = of_charges.subquery(), of_calls.subquery()
    used = charged if by == "model" else all_
    counted = select(used.c[by], func.sum(used.c.calls), func.sum(used.c.seconds), func.sum(used.c.usd))
    lines = select(charged.c[by], charged.c.part, func.sum(charged.c.usd), func.sum(charged.c.unpriced))
    if by == "model":
        counted, lines = (query.where(charged.c.model != "") for query in (counted, lines))
    parts: defaultdict[Any, dict[str, Decimal]] = defaultdict(dict)
    unpriced = set()
    for key, part, usd, without_price in await connection.execute(lines.group_by(charged.c[by], charged.c.part)):
        parts[key][part] = usd or Decimal(0)
        if without_price:
            unpriced.add(key)
    return [
        CostSum(str(key), count, (seconds or 0.0) / 60, usd or Decimal(0), parts[key], key in unpriced)
        for key, count, seconds, usd in await connection.execute(counted.group_by(used.c[by]))
    ]
