"""The instances of the service that share the database, and the calls of those that died.

An instance says every few seconds that it is there. Who is dead is for those to say who hear no more of it: by how long
they have heard nothing, not by what its clock said, or theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.records import LOST
from phoneagent.store.database import Database, upsert
from phoneagent.store.day_sums import mark_stale
from phoneagent.store.models import call_events, calls, instances, tool_runs, turns
from phoneagent.store.outbox import announce_over
from phoneagent.store.search import keep_words

_REMEMBERED = timedelta(days=1)  # when an instance died says when its calls ended
_REASON = "the service died"


class Instances:
    """All instances. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, instance: str, now: datetime) -> dict[str, datetime]:
        """An instance is there. Returns when each of them last said so, by its own clock."""
        async with self._database.begin() as connection:
            new = upsert(connection, instances).values(id=instance, began=now, seen=now)
            await connection.execute(
                new.on_conflict_do_update(index_elements=[instances.c.id], set_={"seen": new.excluded.seen})
            )
            return {row.id: row.seen for row in await connection.execute(select(instances))}

    async def leave(self, instance: str) -> None:
        """It ends, and all that it knows of its calls is kept."""
        async with self._database.begin() as connection:
            await connection.execute(delete(instances).where(instances.c.id == instance))

    async def close_lost(self, now: datetime, dead: Collection[str] = ()) -> list[str]:
        """Close the calls of the instances that are `dead`, and of those that are not there; returns which calls it
        were.

        Two instances may do so at once: each call is closed by one of them.
        """
        lost = or_(calls.c.instance.in_(dead), calls.c.instance.not_in(select(instances.c.id)))
        async with self._database.begin() as connection:
            found = await connection.execute(
                select(calls).where(calls.c.ended.is_(None), lost).with_for_update(skip_locked=True)
            )
            rows = {row["id"]: dict(row) for row in found.mappings()}
            if rows:
                await _close(connection, rows, now)
            forgotten = and_(instances.c.id.in_(dead), instances.c.seen < now - _REMEMBERED)
            await connection.execute(delete(instances).where(forgotten))
        return sorted(rows)


async def _close(connection: AsyncConnection, rows: Mapping[str, dict[str, Any]], now: datetime) -> None:
    seen = {row.id: row.seen for row in await connection.execute(select(instances))}
    last_s = await _last_moments(connection, rows)
    turns_of = await _turns(connection, rows)
    barge_ins = await _barge_ins(connection, rows)
    for call_id, row in rows.items():
        known = row["began"] + timedelta(seconds=last_s[call_id])
        ended = min(now, max(known, seen.get(row["instance"], known)))
        latencies = [turn.latency_ms for turn in turns_of[call_id] if turn.latency_ms is not None]
        row |= {
            "ended": ended,
            "outcome": LOST,
            "reason": _REASON,
            "duration_s": max(0.0, (ended - row["streamed"]).total_seconds()) if row["streamed"] else 0.0,
            "turn_count": sum(1 for turn in turns_of[call_id] if turn.text or turn.unheard),
            "barge_ins": barge_ins.get(call_id, 0),
            "latency_ms": round(median(latencies)) if latencies else None,
        }
    columns = ("ended", "outcome", "reason", "duration_s", "turn_count", "barge_ins", "latency_ms")
    values = [{"of": call_id} | {name: row[name] for name in columns} for call_id, row in rows.items()]
    await connection.execute(update(calls).where(calls.c.id == bindparam("of")), values)
    await keep_words(connection, rows)
    for row in rows.values():
        await announce_over(connection, row)
    await mark_stale(connection, (row["began"] for row in rows.values()))


async def _last_moments(connection: AsyncConnection, call_ids: Iterable[str]) -> dict[str, float]:
    """Up to when, on the clock of each call, something is known of it."""
    last_s: defaultdict[str, float] = defaultdict(float)
    for table in (turns, tool_runs, call_events):
        latest = select(table.c.call_id, func.max(table.c.at_s)).where(table.c.call_id.in_(call_ids))
        for call_id, at_s in await connection.execute(latest.group_by(table.c.call_id)):
            last_s[call_id] = max(last_s[call_id], at_s)
    return last_s


async def _turns(connection: AsyncConnection, call_ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for turn in await connection.execute(select(turns).where(turns.c.call_id.in_(call_ids))):
        found[turn.call_id].append(turn)
    return found


async def _barge_ins(connection: AsyncConnection, call_ids: Iterable[str]) -> dict[str, int]:
    counted = await connection.execute(
        select(call_events.c.call_id, func.count().label("times"))
        .where(call_events.c.call_id.in_(call_ids), call_events.c.kind == "barge_in")
        .group_by(call_events.c.call_id)
    )
    return {row.call_id: row.times for row in counted}
