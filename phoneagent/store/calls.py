"""The calls that were, and those that are going on: looked up, summed up, noted, held, deleted."""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Row, Table, Tuple, false, func, insert, literal, or_, select, true, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.costs import Usage
from phoneagent.core.records import Charge, Happened, RecordingKept, ToolKept
from phoneagent.core.transcript import Turn
from phoneagent.store.database import Database
from phoneagent.store.day_sums import Day, midnight
from phoneagent.store.models import (
    agent_versions,
    call_events,
    calls,
    charges,
    notes,
    recordings,
    tool_runs,
    turns,
)
from phoneagent.store.search import saying

Place = Literal["local", "remote", "gone"]
After = Literal["pending", "done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as it stands in a list. `ended` is None while it goes on; then `usd` is what it has cost so far."""

    id: str
    call_sid: str
    direction: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    agent: str
    agent_version: str
    engine: str
    model: str
    began: datetime
    streamed: datetime | None
    ended: datetime | None
    outcome: str | None
    reason: str | None = field(repr=False)
    duration_s: float | None
    turn_count: int | None
    barge_ins: int | None
    first_audio_ms: int | None
    latency_ms: int | None
    usd: Decimal
    summary: str | None = field(repr=False)
    held: bool

    @property
    def place(self) -> Cursor:
        """Its place in the list."""
        return Cursor(self.began, self.id)


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording, and where its file is: here, in the bucket, or nowhere any more."""

    kept: RecordingKept
    place: Place


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody has written about a call."""

    id: str
    author: str
    text: str = field(repr=False)
    created: datetime


@dataclass(frozen=True, slots=True)
class CallDetail:
    """A call with all that belongs to it. `turns` are in the order of the conversation."""

    row: CallRow
    stream_sid: str | None
    session_id: str | None
    counters: Mapping[str, int]
    after: After | None
    after_problem: str | None
    extracted: Mapping[str, Any] | None = field(repr=False)
    transcript_deleted: datetime | None
    turns: tuple[Turn, ...] = field(repr=False)
    tools: tuple[ToolKept, ...] = field(repr=False)
    events: tuple[Happened, ...] = field(repr=False)
    charges: tuple[Charge, ...]
    recordings: tuple[StoredRecording, ...]
    notes: tuple[Note, ...]
    agent_files: Mapping[str, str] | None = field(repr=False)  # of the version that answered


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; None: it does not matter. `number` is the person's or ours, in E.164. All words of `text`
    were said, or longer ones that begin so, wherever and however they are written. `since` is included, `before` is
    not; both are of when the call began."""

    number: str | None = None
    agent: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    outcome: str | None = None
    text: str | None = None
    open: bool | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list of calls, which is ordered by when they began, the newest first."""

    began: datetime
    id: str


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some calls, and where those begin that come after; None: there are no more."""

    calls: tuple[CallRow, ...]
    following: Cursor | None


@dataclass(frozen=True, slots=True)
class DaySum:
    """What the calls of a day (UTC) of an agent on a number of ours have cost."""

    day: date
    agent: str
    number: str = field(repr=False)
    usd: Decimal


Part = TypeVar("Part", Turn, ToolKept, Happened, RecordingKept, Note)

_ROW = tuple(f.name for f in fields(CallRow))


class Calls:
    """All calls. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def page(self, wanted: CallFilter | None = None, *, after: Cursor | None = None, limit: int = 50) -> CallPage:
        """The newest calls that are wanted, those after a place in the list."""
        columns = (calls.c[name] for name in _ROW)
        async with self._database.look() as connection:
            chosen = await conditions(connection, wanted, after, limit=limit + 1)
            found = select(*columns).where(*chosen).order_by(calls.c.began.desc(), calls.c.id.desc())
            rows = (await connection.execute(found.limit(limit + 1))).all()
        page = tuple(_row(row) for row in rows[:limit])
        return CallPage(page, page[-1].place if len(rows) > limit else None)

    async def newer(self, wanted: CallFilter | None = None, *, than: Cursor, limit: int = 50) -> tuple[CallRow, ...]:
        """The wanted calls right before a place in the list, in the list's order."""
        columns = (calls.c[name] for name in _ROW)
        async with self._database.look() as connection:
            chosen = [*await conditions(connection, wanted), _place() > _place(than)]
            found = select(*columns).where(*chosen).order_by(calls.c.began, calls.c.id).limit(limit)
            rows = (await connection.execute(found)).all()
        return tuple(_row(row) for row in reversed(rows))

    async def each(
        self, wanted: CallFilter | None = None, *, most: int | None = None, at_once: int = 200
    ) -> AsyncIterator[CallRow]:
        """The wanted calls one by one, the newest first: all, or `most`. They are read `at_once` so many."""
        after, left = None, sys.maxsize if most is None else most
        while left:
            page = await self.page(wanted, after=after, limit=min(at_once, left))
            for row in page.calls:
                yield row
            left -= len(page.calls)
            if (after := page.following) is None:
                return

    async def get(self, id_or_sid: str) -> CallDetail | None:
        """The call of this id, or the last of this CallSid."""
        named = or_(calls.c.id == id_or_sid, calls.c.call_sid == id_or_sid)
        async with self._database.look() as connection:
            row = (await connection.execute(select(calls).where(named).order_by(calls.c.began.desc()).limit(1))).first()
            return None if row is None else await _detail(connection, row)

    async def ids(self, beginning: str, *, limit: int = 10) -> list[str]:
        """The ids that begin so, some of them."""
        found = select(calls.c.id).where(calls.c.id.startswith(beginning, autoescape=True)).order_by(calls.c.id)
        async with self._database.look() as connection:
            return list((await connection.execute(found.limit(limit))).scalars())

    async def spent(self, since: date, *, but_for: str | None = None) -> list[DaySum]:
        """What calls have cost that began on a day (UTC) or later, those included that go on, by day, agent and number
        of ours. Those of one instance of the service can be left out."""
        day, usd = Day(calls.c.began), func.sum(calls.c.usd)
        sums = (
            select(day, calls.c.agent, calls.c.called, usd)
            .where(calls.c.began >= midnight(since))
            .where(true() if but_for is None else calls.c.instance != but_for)
            .group_by(day, calls.c.agent, calls.c.called)
        )
        async with self._database.look() as connection:
            return [DaySum(*row) for row in await connection.execute(sums)]

    async def add_note(self, call_id: str, author: str, text: str) -> Note | None:
        """Write something about a call; None: there is none of this id."""
        note = Note(secrets.token_hex(8), author, text, self._clock())
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(notes).values(asdict(note) | {"call_id": call_id}))
        except IntegrityError:
            return None
        return note

    async def hold(self, call_id: str, held: bool) -> bool:
        """Keep a call whatever its retention says, or no longer. Returns whether there is one of this id."""
        async with self._database.begin() as connection:
            result = await connection.execute(update(calls).where(calls.c.id == call_id).values(held=held))
            return result.rowcount == 1


def _place(of: Cursor | None = None) -> Tuple:
    """The place of a call in the list, or another."""
    if of is None:
        return tuple_(calls.c.began, calls.c.id)
    return tuple_(literal(of.began, calls.c.began.type), literal(of.id, calls.c.id.type))


async def conditions(
    connection: AsyncConnection, wanted: CallFilter | None, after: Cursor | None = None, *, limit: int = sys.maxsize
) -> list[ColumnElement[bool]]:
    """What holds for the newest `limit` calls that are wanted, after a place in the list, and no others."""
    wanted = wanted or CallFilter()
    found: list[ColumnElement[bool]] = []
    if wanted.number is not None:
        found.append(await _with(connection, wanted.number))
    if wanted.agent is not None:
        found.append(calls.c.agent == wanted.agent)
    if wanted.since is not None:
        found.append(calls.c.began >= wanted.since)
    if wanted.before is not None:
        found.append(calls.c.began < wanted.before)
    if wanted.outcome is not None:
        found.append(calls.c.outcome == wanted.outcome)
    if wanted.open is not None:
        found.append(calls.c.ended.is_(None) if wanted.open else calls.c.ended.is_not(None))
    if after is not None:
        found.append(_place() < _place(after))
    if wanted.text is not None:
        found.append(await saying(connection, wanted.text, found, limit))
    return found


async def _with(connection: AsyncConnection, number: str) -> ColumnElement[bool]:
    """The condition that a number was on either side. Most only ever are on one, which an index has in order."""
    sides = [side == number for side in (calls.c.caller, calls.c.called)]
    there = [side for side in sides if (await connection.execute(select(calls.c.id).where(side).limit(1))).first()]
    return or_(false(), *there)


def _row(row: Row[Any]) -> CallRow:
    return CallRow(**{name: getattr(row, name) for name in _ROW})


async def _detail(connection: AsyncConnection, call: Row[Any]) -> CallDetail:
    async def of(table: Table, *order: Any) -> Sequence[Row[Any]]:
        return (await connection.execute(select(table).where(table.c.call_id == call.id).order_by(*order))).all()

    files = select(agent_versions.c.files).where(agent_versions.c.version == call.agent_version)
    placed = (turns.c.position.is_(None), turns.c.position, turns.c.at_s, turns.c.turn_id)
    return CallDetail(
        row=_row(call),
        stream_sid=call.stream_sid,
        session_id=call.session_id,
        counters=call.counters or {},
        after=call.after,
        after_problem=call.after_problem,
        extracted=call.extracted,
        transcript_deleted=call.transcript_deleted,
        turns=tuple(_made(Turn, row) for row in await of(turns, *placed)),
        tools=tuple(_made(ToolKept, row) for row in await of(tool_runs, tool_runs.c.at_s, tool_runs.c.tool_call_id)),
        events=tuple(_made(Happened, row) for row in await of(call_events, call_events.c.number)),
        charges=tuple(_charge(row) for row in await of(charges, charges.c.part, charges.c.model)),
        recordings=tuple(
            StoredRecording(_made(RecordingKept, row), row.place)
            for row in await of(recordings, recordings.c.at_s, recordings.c.name)
        ),
        notes=tuple(_made(Note, row) for row in await of(notes, notes.c.created, notes.c.id)),
        agent_files=(await connection.execute(files)).scalar(),
    )


def _made(kind: type[Part], row: Row[Any]) -> Part:
    return kind(**{f.name: getattr(row, f.name) for f in fields(kind)})


def _charge(row: Row[Any]) -> Charge:
    return Charge(row.part, row.model, row.usd, None if row.usage is None else Usage(**row.usage))
