"""Deletes calls, and what their agents keep no longer: rows here; files by a list of those that have to go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Row, and_, delete, false, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.agents import Retention
from phoneagent.core.dials import FINAL
from phoneagent.store.blobs import day_folder
from phoneagent.store.database import Database, StoreError
from phoneagent.store.day_sums import remember
from phoneagent.store.models import (
    audit,
    call_events,
    call_words,
    calls,
    deliveries,
    dials,
    erasures,
    file_deletions,
    messages,
    notes,
    recordings,
    tool_runs,
    turns,
)
from phoneagent.store.search import forget_words

Piece = Literal["recording", "transcript", "call"]

BATCH = 200  # calls that are deleted in one transaction, for which others wait
FILES_WANTED_GONE = timedelta(days=30)  # for so long a machine may be away that has them, or a call in its journal
DELIVERIES_KEPT = timedelta(days=30)
AUDIT_KEPT = timedelta(days=400)

_OF_RECORDING = ("consent", "recording")  # events that are no matter of the transcript's: why there was a recording

_DELETABLE = and_(calls.c.ended.is_not(None), calls.c.held.is_(False))
_DAYS = {"recording": calls.c.recording_days, "transcript": calls.c.transcript_days, "call": calls.c.call_days}


@dataclass(frozen=True, slots=True)
class FileDeletion:
    """A file that has to go. In the bucket (`remote`), `name` is its name there. A `local` one is below the data folder
    of any machine, and may have any suffix and a number: `recordings/2026/11/21/<call>` is also `….part.wav`."""

    place: Literal["local", "remote"]
    name: str


class Erasure:
    """What is deleted for good. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def delete(self, call_ids: Iterable[str]) -> set[str]:
        """Delete calls with all that belongs to them; not those that are held or go on. Returns which were."""
        deleted: set[str] = set()
        for some in batches(call_ids):
            async with self._database.begin() as connection:
                rows = await _deletable(connection, some)
                ids = [row.id for row in rows]
                deleted.update(ids)
                await self._doom(connection, rows, recordings=True, event_log=True)
                await _delete_around(connection, rows)
                await remember(connection, ids)
                await connection.execute(delete(dials).where(dials.c.id.in_(ids), dials.c.state.in_(FINAL)))
                await connection.execute(delete(calls).where(calls.c.id.in_(ids)))
        return deleted

    async def delete_transcripts(self, call_ids: Iterable[str]) -> int:
        """Delete what was said, done and taken down in calls, but for those that are held or go on. Whether the caller
        might be recorded stays. Returns of how many."""
        count = 0
        for some in batches(call_ids):
            async with self._database.begin() as connection:
                rows = await _deletable(connection, some)
                ids = [row.id for row in rows]
                count += len(ids)
                await self._doom(connection, rows, recordings=False, event_log=True)
                await _delete_around(connection, rows)
                await remember(connection, ids, transcripts_only=True)
                for table in (turns, tool_runs, notes, call_words):
                    await connection.execute(delete(table).where(table.c.call_id.in_(ids)))
                happened = call_events.c.call_id.in_(ids) & call_events.c.kind.not_in(_OF_RECORDING)
                await connection.execute(delete(call_events).where(happened))
                gone = {"summary": None, "extracted": None, "transcript_deleted": self._clock()}
                await connection.execute(update(calls).where(calls.c.id.in_(ids)).values(gone))
                # what is not there can't be summed up
                waiting = calls.c.id.in_(ids) & (calls.c.after == "pending")
                await connection.execute(update(calls).where(waiting).values(after="skipped"))
        return count

    async def delete_recordings(self, call_ids: Iterable[str]) -> int:
        """Delete the recordings of calls, but for those that are held or go on. Returns of how many."""
        count = 0
        for some in batches(call_ids):
            async with self._database.begin() as connection:
                rows = await _deletable(connection, some)
                count += len(rows)
                await self._doom(connection, rows, recordings=True, event_log=False)
                theirs = recordings.c.call_id.in_([row.id for row in rows])
                await connection.execute(update(recordings).where(theirs).values(place="gone", upload_at=None))
        return count

    async def delete_event_logs(self, call_ids: Iterable[str]) -> None:
        """Have the event logs of calls deleted."""
        for some in batches(call_ids):
            async with self._database.begin() as connection:
                rows = await _named(connection, some)
                await self._doom(connection, rows, recordings=False, event_log=True)

    async def keep_by(self, agents: Mapping[str, Retention]) -> None:
        """Have the calls of these agents, old ones too, kept for as long as the agents' files say now."""
        for agent, kept in agents.items():
            values = {
                "recording_days": kept.recording_days,
                "transcript_days": kept.transcript_days,
                "call_days": kept.call_days,
            }
            differs = or_(*(calls.c[name].is_distinct_from(days) for name, days in values.items()))
            async with self._database.begin() as connection:
                await connection.execute(update(calls).where(calls.c.agent == agent, differs).values(values))

    async def due(self, piece: Piece) -> list[str]:
        """Calls of which a piece has been kept for as long as it may, some of them: delete it, and ask again."""
        days = _DAYS[piece]
        left: ColumnElement[bool] = _DELETABLE
        if piece == "recording":
            left &= calls.c.id.in_(select(recordings.c.call_id).where(recordings.c.place != "gone"))
        if piece == "transcript":
            left &= calls.c.transcript_deleted.is_(None)
        async with self._database.begin() as connection:
            known = (await connection.execute(select(days).where(days.is_not(None)).distinct())).scalars().all()
            over = [
                # that it began before, too, is said for the index
                and_(days == count, calls.c.began <= before, calls.c.ended <= before)
                for count in known
                if (before := self._before(count)) is not None
            ]
            wanted = select(calls.c.id).where(left, or_(false(), *over)).order_by(calls.c.began).limit(BATCH)
            return list((await connection.execute(wanted)).scalars())

    async def delete_leftovers(self, agents: Mapping[str, Retention]) -> int:
        """Delete what is old and belongs to no call: deliveries that are over, the audit log's lines, dials that nobody
        answered. Returns how many dials."""
        count = 0
        async with self._database.begin() as connection:
            old = deliveries.c.created <= self._clock() - DELIVERIES_KEPT
            await connection.execute(delete(deliveries).where(deliveries.c.state != "pending", old))
            await connection.execute(delete(audit).where(audit.c.at <= self._clock() - AUDIT_KEPT))
            for agent, kept in agents.items():
                if kept.call_days is None or (before := self._before(kept.call_days)) is None:
                    continue
                unanswered = and_(dials.c.state.in_(FINAL), dials.c.id.not_in(select(calls.c.id)))
                result = await connection.execute(
                    delete(dials).where(unanswered, dials.c.agent == agent, dials.c.created <= before)
                )
                count += result.rowcount
        return count

    async def doom_files(self, named: Collection[tuple[str, datetime]]) -> None:
        """Put on the list the files of calls that have no row, by our id or the carrier's, and when they were."""
        async with self._database.begin() as connection:
            await self._add(connection, {FileDeletion("local", stem) for name, at in named for stem in stems(name, at)})

    async def files(self) -> list[FileDeletion]:
        """The files that have to go."""
        async with self._database.begin() as connection:
            rows = await connection.execute(select(file_deletions.c.place, file_deletions.c.name))
            return [FileDeletion(row.place, row.name) for row in rows]

    async def files_are_gone(self, names: Collection[str]) -> None:
        """Take these off the list of the remote ones; and the local ones that have been on it for long."""
        async with self._database.begin() as connection:
            old = file_deletions.c.since <= self._clock() - FILES_WANTED_GONE
            await connection.execute(delete(file_deletions).where(file_deletions.c.place == "local", old))
            for some in batches(names):
                done = and_(file_deletions.c.place == "remote", file_deletions.c.name.in_(some))
                await connection.execute(delete(file_deletions).where(done))

    async def receipt(self, receipt_id: str, counts: Mapping[str, int]) -> datetime:
        """Keep that something was erased, and how much; when is returned."""
        at = self._clock()
        async with self._database.begin() as connection:
            await connection.execute(insert(erasures).values(id=receipt_id, at=at, counts=dict(counts)))
        return at

    async def forget_words(self) -> None:
        """Leave nothing of deleted transcripts in what calls are found by, if something was deleted of late."""
        async with self._database.look() as connection:
            deleted = (await connection.execute(select(file_deletions.c.name).limit(1))).first()
        if deleted:
            await forget_words(self._database)

    async def compact(self) -> None:
        """Leave nothing of what was deleted in the database's files. Takes long if they are large."""
        if not await forget_words(self._database):
            raise StoreError("its index of words is just being written anew by another program")
        await self._database.compact()

    def _before(self, days: int) -> datetime | None:
        try:
            return self._clock() - timedelta(days=days)
        except OverflowError:  # for longer than there are years
            return None

    async def _doom(
        self, connection: AsyncConnection, rows: Sequence[Row[str, str, datetime]], *, recordings: bool, event_log: bool
    ) -> None:
        doomed = set()
        for row in rows:
            audio, events = stems(row.id, row.began)
            doomed |= {FileDeletion("local", audio)} if recordings else set()
            doomed |= {FileDeletion("local", events)} if event_log else set()
        if recordings:
            doomed |= await _recorded(connection, [row.id for row in rows])
        await self._add(connection, doomed)

    async def _add(self, connection: AsyncConnection, doomed: set[FileDeletion]) -> None:
        names = {file.name for file in doomed}
        known = set()
        for some in batches(names):
            found = await connection.execute(
                select(file_deletions.c.place, file_deletions.c.name).where(file_deletions.c.name.in_(some))
            )
            known |= {FileDeletion(row.place, row.name) for row in found}
        if new := doomed - known:
            now = self._clock()
            await connection.execute(
                insert(file_deletions), [{"place": file.place, "name": file.name, "since": now} for file in new]
            )


def batches(values: Iterable[str], size: int = BATCH) -> Iterable[list[str]]:
    """The values, some at a time: a statement takes only so many."""
    listed = list(values)
    return (listed[start : start + size] for start in range(0, len(listed), size))


def stems(name: str, began: datetime) -> tuple[str, str]:
    """Where a call's recording and its event log are below a data folder, without suffixes."""
    day = day_folder(began)
    return f"recordings/{day}/{name}", f"events/{day}/{name}"


async def deleted_among(connection: AsyncConnection, named: Sequence[tuple[str, datetime]]) -> set[str]:
    """Which of these calls, by our ids and when they began, were deleted: their recordings are on the list, whether
    they had any or not."""
    by_stem = {stems(name, began)[0]: name for name, began in named}
    deleted = set()
    for some in batches(by_stem):
        listed = select(file_deletions.c.name).where(file_deletions.c.place == "local", file_deletions.c.name.in_(some))
        deleted |= {by_stem[stem] for stem in (await connection.execute(listed)).scalars()}
    return deleted


async def _deletable(connection: AsyncConnection, call_ids: Collection[str]) -> Sequence[Row[str, str, datetime]]:
    return await _named(connection, call_ids, _DELETABLE)


async def _named(
    connection: AsyncConnection, call_ids: Collection[str], *conditions: ColumnElement[bool]
) -> Sequence[Row[str, str, datetime]]:
    wanted = select(calls.c.id, calls.c.call_sid, calls.c.began).where(calls.c.id.in_(call_ids), *conditions)
    return (await connection.execute(wanted.order_by(calls.c.id).with_for_update())).all()  # in everybody's order


async def _delete_around(connection: AsyncConnection, rows: Sequence[Row[str, str, datetime]]) -> None:
    """Delete what is said of calls in tables that know of calls only by name."""
    ids = [row.id for row in rows]
    names = [*ids, *(row.call_sid for row in rows)]  # messages once went by the carrier's
    await connection.execute(delete(messages).where(messages.c.call_id.in_(names)))
    await connection.execute(delete(deliveries).where(deliveries.c.call_id.in_(ids)))


async def _recorded(connection: AsyncConnection, call_ids: Collection[str]) -> set[FileDeletion]:
    wanted = select(recordings).where(recordings.c.call_id.in_(call_ids), recordings.c.place != "gone")
    rows = (await connection.execute(wanted)).all()
    # what is to be uploaded may be there already, and nobody had the time to say so
    there = {FileDeletion("remote", row.name) for row in rows if row.place == "remote" or row.upload_at is not None}
    return there | {
        FileDeletion("local", f"recordings/{row.name}".rpartition(".")[0]) for row in rows if row.place == "local"
    }
