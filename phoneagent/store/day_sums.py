"""What the calls of each day come to, by agent and number of ours, in the tables `day_sums` and `day_charges`.

The sums are made of the calls and can be made again: whoever changes a call marks its day as stale in the same
transaction, and stale days are summed up anew before anybody reads them. What is about to be deleted is added to sums
of its own, which are `gone`, so that charts keep what retention deletes. Nothing in a sum is about a person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Date, Row, Select, case, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Float

from phoneagent.core.figures import Figures
from phoneagent.core.histogram import Histogram
from phoneagent.store.database import upsert
from phoneagent.store.models import calls, charges, day_charges, day_sums, stale_days, tool_runs, turns

Key = tuple[date, str, str]
"""A day, an agent, a number of ours."""


class Day(FunctionElement[date]):
    """The day of a moment, UTC."""

    type = Date()
    inherit_cache = True


@compiles(Day, "sqlite")
def _day_in_sqlite(day: Day, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(day.clauses, **options)}, 1, 10)"


@compiles(Day, "postgresql")
def _day_in_postgresql(day: Day, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(day.clauses, **options)} AT TIME ZONE 'UTC')::date"


class _MsBetween(FunctionElement[float]):
    """From one moment to a later one."""

    type = Float()
    inherit_cache = True


@compiles(_MsBetween, "sqlite")
def _ms_in_sqlite(between: _MsBetween, compiler: SQLCompiler, **options: Any) -> str:
    began, ended = (compiler.process(moment, **options) for moment in between.clauses)
    return f"round((julianday({ended}) - julianday({began})) * 86400000)"


@compiles(_MsBetween, "postgresql")
def _ms_in_postgresql(between: _MsBetween, compiler: SQLCompiler, **options: Any) -> str:
    began, ended = (compiler.process(moment, **options) for moment in between.clauses)
    return f"round(extract(epoch FROM {ended} - {began}) * 1000)::float"


_KEY = (Day(calls.c.began), calls.c.agent, calls.c.called)


def midnight(day: date) -> datetime:
    """When a day begins, UTC."""
    return datetime.combine(day, time(), UTC)


def on_day(day: date) -> ColumnElement[bool]:
    """Whether a call began on a day (UTC)."""
    return calls.c.began.between(midnight(day), datetime.combine(day, time.max, UTC))


async def mark_stale(connection: AsyncConnection, moments: Iterable[datetime]) -> None:
    """Have the days of calls that began then summed up anew; to be said by whoever has changed them."""
    days = sorted({moment.astimezone(UTC).date() for moment in moments})
    if days:
        new = upsert(connection, stale_days)
        # written even if it is there: who sums up the day meanwhile waits for the calls that are changed here
        again = new.on_conflict_do_update(index_elements=[stale_days.c.day], set_={"day": new.excluded.day})
        await connection.execute(again, [{"day": day} for day in days])


async def sum_up(connection: AsyncConnection, day: date) -> None:
    """Sum up a day anew, if it is stale."""
    # first of all, so that whoever has marked it is waited for, and whoever is about to do so waits
    marked = await connection.execute(delete(stale_days).where(stale_days.c.day == day))
    if not marked.rowcount:
        return
    that_day = on_day(day)
    found: defaultdict[Key, Figures] = defaultdict(Figures)
    await _add_calls(connection, that_day, found)
    await _add_transcripts(connection, that_day, found)
    await connection.execute(delete(day_sums).where(day_sums.c.day == day, day_sums.c.gone.is_(False)))
    if found:
        await connection.execute(insert(day_sums), [_values(key, each, gone=False) for key, each in found.items()])
    await connection.execute(delete(day_charges).where(day_charges.c.day == day))
    lines = charge_lines(that_day).subquery()
    sums = [
        func.sum(column).label(column.name)
        for column in (lines.c.calls, lines.c.seconds, lines.c.usd, lines.c.unpriced)
    ]
    keys = [lines.c[column.name] for column in day_charges.primary_key.columns]
    summed = select(*keys, *(func.coalesce(each, 0) for each in sums)).group_by(*keys)
    await connection.execute(insert(day_charges).from_select([column.name for column in day_charges.columns], summed))


def totals(chosen: ColumnElement[bool]) -> Select[Any]:
    """A row for each of the chosen calls, as there is one in `day_sums` for many."""
    return select(
        Day(calls.c.began).label("day"),
        calls.c.agent,
        calls.c.called.label("number"),
        literal(1).label("calls"),
        calls.c.duration_s.label("seconds"),
        calls.c.usd,
    ).where(chosen)


def charge_lines(chosen: ColumnElement[bool]) -> Select[Any]:
    """A row for each charge of the chosen calls, as there is one in `day_charges` for many.

    A call counts with its first charge for a model, so that it counts once however many there are.
    """
    is_first = charges.c.part == func.min(charges.c.part).over(partition_by=(charges.c.call_id, charges.c.model))
    return (
        select(
            Day(calls.c.began).label("day"),
            calls.c.agent,
            calls.c.called.label("number"),
            charges.c.model,
            charges.c.part,
            case((is_first, 1), else_=0).label("calls"),
            case((is_first, calls.c.duration_s), else_=0.0).label("seconds"),
            charges.c.usd,
            case((charges.c.usd.is_(None), 1), else_=0).label("unpriced"),
        )
        .join_from(calls, charges)
        .where(chosen)
    )


async def remember(connection: AsyncConnection, call_ids: Collection[str], *, transcripts_only: bool = False) -> None:
    """Keep the sums of calls, or of their transcripts, that are deleted in this transaction."""
    doomed = calls.c.id.in_(call_ids)
    began = (await connection.execute(select(calls.c.began).where(doomed))).scalars().all()
    await mark_stale(connection, began)  # first of all: it is also the lock on the sums of what is gone
    found: defaultdict[Key, Figures] = defaultdict(Figures)
    if not transcripts_only:
        await _add_calls(connection, doomed, found)
    await _add_transcripts(connection, doomed, found)
    days = {day for day, _, _ in found}
    # until the day is summed up anew, it rather counts for too little than twice
    await connection.execute(delete(day_sums).where(day_sums.c.day.in_(days), day_sums.c.gone.is_(False)))
    for row in await connection.execute(select(day_sums).where(day_sums.c.gone, day_sums.c.day.in_(days))):
        if (key := (row.day, row.agent, row.number)) in found:
            found[key].add(figures(row))
    if found:
        new = upsert(connection, day_sums)
        names = [column.name for column in day_sums.columns if not column.primary_key]
        newest = new.on_conflict_do_update(
            index_elements=list(day_sums.primary_key.columns), set_={name: new.excluded[name] for name in names}
        )
        await connection.execute(newest, [_values(key, each, gone=True) for key, each in found.items()])


def figures(row: Row[Any]) -> Figures:
    """What is in a row of `day_sums`."""
    return Figures(
        row.calls,
        row.seconds,
        row.usd,
        Counter(row.outcomes),
        row.barge_ins,
        row.tool_runs,
        row.tool_failures,
        Histogram(row.latency),
        Histogram(row.first_word),
    )


def _values(key: Key, one: Figures, *, gone: bool) -> dict[str, Any]:
    return {
        "day": key[0],
        "agent": key[1],
        "number": key[2],
        "gone": gone,
        "calls": one.calls,
        "seconds": one.seconds,
        "usd": one.usd,
        "outcomes": dict(one.outcomes),
        "barge_ins": one.barge_ins,
        "tool_runs": one.tool_runs,
        "tool_failures": one.tool_failures,
        "latency": one.latency.counts(),
        "first_word": one.first_word.counts(),
    }


async def _add_calls(
    connection: AsyncConnection, chosen: ColumnElement[bool], found: defaultdict[Key, Figures]
) -> None:
    sums = (func.count(), func.sum(calls.c.duration_s), func.sum(calls.c.usd), func.sum(calls.c.barge_ins))
    by_outcome = select(*_KEY, calls.c.outcome, *sums).where(chosen).group_by(*_KEY, calls.c.outcome)
    for *key, outcome, count, seconds, usd, barge_ins in await connection.execute(by_outcome):
        outcomes = Counter() if outcome is None else Counter({outcome: count})
        found[tuple(key)].add(Figures(count, seconds or 0.0, usd, outcomes, barge_ins or 0))
    ms = (_MsBetween(calls.c.began, calls.c.streamed) + calls.c.first_audio_ms).label("ms")
    heard = chosen & calls.c.streamed.is_not(None) & calls.c.first_audio_ms.is_not(None)
    for *key, took_ms, count in await connection.execute(
        select(*_KEY, ms, func.count()).where(heard).group_by(*_KEY, ms)
    ):
        found[tuple(key)].first_word.add(took_ms, count)


async def _add_transcripts(
    connection: AsyncConnection, chosen: ColumnElement[bool], found: defaultdict[Key, Figures]
) -> None:
    ms = turns.c.latency_ms
    answers = select(*_KEY, ms, func.count()).join_from(calls, turns).where(chosen, ms.is_not(None))
    for *key, took_ms, count in await connection.execute(answers.group_by(*_KEY, ms)):
        found[tuple(key)].latency.add(took_ms, count)
    failures = func.count().filter(tool_runs.c.failed)
    runs = select(*_KEY, func.count(), failures).join_from(calls, tool_runs).where(chosen).group_by(*_KEY)
    for *key, count, failed in await connection.execute(runs):
        found[tuple(key)].add(Figures(tool_runs=count, tool_failures=failed))
