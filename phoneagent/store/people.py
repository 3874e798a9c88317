"""All that is known of a person, who is a telephone number: found, and taken out wherever it stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Table, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.dials import FINAL
from phoneagent.core.redaction import Redactor
from phoneagent.core.redaction.telephones import TelephoneNumber
from phoneagent.store.database import Database
from phoneagent.store.erasure import batches
from phoneagent.store.models import (
    agent_versions,
    call_events,
    calls,
    deliveries,
    dials,
    messages,
    notes,
    recordings,
    tool_runs,
    turns,
)
from phoneagent.store.search import keep_words

ERASED = "erased"
_AT_ONCE = 500  # rows that are looked through in one transaction

# Where people talk, or are talked of. A column of type JSON, or one that is named here, holds JSON.
_TEXTS: Mapping[Table, tuple[Column[Any], ...]] = {
    calls: (calls.c.reason, calls.c.after_problem, calls.c.summary, calls.c.extracted),
    turns: (turns.c.text, turns.c.unheard),
    tool_runs: (tool_runs.c.arguments, tool_runs.c.output),
    call_events: (call_events.c.data,),
    notes: (notes.c.author, notes.c.text),
    messages: (messages.c.text, messages.c.callback_number),
    dials: (dials.c.variables, dials.c.reason, dials.c.idempotency_key),
    deliveries: (deliveries.c.body, deliveries.c.problem),
    agent_versions: (agent_versions.c.files, agent_versions.c.afterwards),
}
_JSON_TEXTS = {tool_runs.c.arguments, tool_runs.c.output, deliveries.c.body}


@dataclass(frozen=True, slots=True)
class Known:
    """What there is of a person. `calls` may be deleted; `held` and `open` ones may not, nor may `dialing`, the dials
    that are not over. `named` are their messages and dials by the names of their calls, and when they were."""

    calls: tuple[str, ...]
    held: tuple[str, ...]
    open: tuple[str, ...]
    dialing: tuple[str, ...]
    recordings: int
    messages: int
    dials: int
    named: tuple[tuple[str, datetime], ...]


@dataclass(frozen=True, slots=True)
class Mentions:
    """In how many places others speak of a person, and in which calls; and the `held` ones, which stay as they are."""

    count: int
    calls: frozenset[str]
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by their number, E.164 and as it may be found in texts."""

    number: str = field(repr=False)
    written: TelephoneNumber = field(repr=False)


class People:
    """The people that the service has talked to. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ours(self, number: str) -> bool:
        """Whether this is no person but a number of ours, which was called or calls."""
        async with self._database.begin() as connection:
            called = await connection.execute(select(calls.c.id).where(calls.c.called == number).limit(1))
            calling = await connection.execute(select(dials.c.id).where(dials.c.from_ == number).limit(1))
            return called.first() is not None or calling.first() is not None

    async def known(self, person: Person) -> Known:
        """What there is of a person under their own number."""
        async with self._database.begin() as connection:
            rows = await connection.execute(
                select(calls.c.id, calls.c.caller, calls.c.held, calls.c.ended).where(_like(calls.c.caller, person))
            )
            theirs = [row for row in rows if _is(person, row.caller)]
            left = await connection.execute(
                select(messages.c.call_id, messages.c.caller, messages.c.created).where(
                    _like(messages.c.caller, person)
                )
            )
            taken = [row for row in left if _is(person, row.caller)]
            called = await connection.execute(
                select(dials.c.id, dials.c.to, dials.c.state, dials.c.call_sid, dials.c.created).where(
                    _like(dials.c.to, person)
                )
            )
            dialed = [row for row in called if _is(person, row.to)]
            held = {row.id for row in theirs if row.held}
            spared = held | {row.id for row in theirs if row.ended is None}
            recorded = 0
            for some in batches(row.id for row in theirs if row.id not in spared):
                count = select(func.count()).where(recordings.c.call_id.in_(some), recordings.c.place != "gone")
                recorded += (await connection.execute(count)).scalar_one()
        over = [row for row in dialed if row.state in FINAL]
        names = [(row.call_id, row.created) for row in taken]
        names += [(name, row.created) for row in over for name in (row.id, row.call_sid) if name]
        return Known(
            calls=tuple(row.id for row in theirs if row.id not in spared),
            held=tuple(held),
            open=tuple(spared - held),
            dialing=tuple(row.id for row in dialed if row.state not in FINAL),
            recordings=recorded,
            messages=sum(row.call_id not in spared for row in taken),
            dials=sum(row.id not in spared for row in over),
            named=tuple((name, at) for name, at in names if name not in spared),
        )

    async def delete_messages_and_dials(self, person: Person) -> tuple[int, int]:
        """Delete a person's messages and the dials to them that are over, but for those of calls that are held or go
        on. Returns how many."""
        spared = select(calls.c.id).where(or_(calls.c.held, calls.c.ended.is_(None)))
        async with self._database.begin() as connection:
            rows = await connection.execute(
                select(messages.c.id, messages.c.caller).where(
                    _like(messages.c.caller, person), messages.c.call_id.not_in(spared)
                )
            )
            taken = [row.id for row in rows if _is(person, row.caller)]
            rows = await connection.execute(
                select(dials.c.id, dials.c.to).where(
                    _like(dials.c.to, person), dials.c.state.in_(FINAL), dials.c.id.not_in(spared)
                )
            )
            over = [row.id for row in rows if _is(person, row.to)]
            for table, ids in ((messages, taken), (dials, over)):
                for some in batches(ids):
                    await connection.execute(delete(table).where(table.c.id.in_(some)))
        return len(taken), len(over)

    async def take_out(self, person: Person, *, really: bool = True, besides: Collection[str] = ()) -> Mentions:
        """Write `[erased]` in place of the number wherever others speak of it, but not in calls that are held; `really`
        False only counts, `besides` the calls and dials that are to be deleted anyway."""
        found = [await self._take_out_of(table, person.written, really, besides) for table in _TEXTS]
        return Mentions(
            sum(each.count for each in found),
            frozenset().union(*(each.calls for each in found)),
            frozenset().union(*(each.held for each in found)),
        )

    async def _take_out_of(
        self, table: Table, number: TelephoneNumber, really: bool, besides: Collection[str]
    ) -> Mentions:
        redactor = Redactor(kinds=(), patterns=(number,))
        keys, texts = tuple(table.primary_key.columns), _TEXTS[table]
        after: tuple[Any, ...] | None = None
        call = table.c.id if table in (calls, dials) else table.c.get("call_id")
        held = select(calls.c.id).where(calls.c.held)
        count, names, spared = 0, set(), set()
        while True:
            page = select(*keys, *texts).order_by(*keys).limit(_AT_ONCE)
            if call is not None:
                page = page.add_columns(call, func.coalesce(call, "").in_(held))
            if after is not None:
                page = page.where(tuple_(*keys) > tuple_(*after))
            async with self._database.begin() as connection:
                rows, cleaned = (await connection.execute(page)).all(), set()
                if really and call is not None:
                    texts_of = slice(len(keys), len(keys) + len(texts))
                    await _lock(connection, {row[-2] for row in rows if number.may_stand_in(str(row[texts_of]))})
                    rows = (await connection.execute(page)).all()  # as they are now that nobody else writes them
                for row in rows:
                    values = row[len(keys) : len(keys) + len(texts)]
                    if number.may_stand_in(str(values)) and (changed := _changed(redactor, texts, values)):
                        name, is_held = row[-2:] if call is not None else (None, False)
                        if is_held:
                            spared.add(name)
                        if is_held or name in besides:
                            continue
                        count += len(changed)
                        names |= {name} if name else set()
                        if really:
                            this = tuple_(*keys) == tuple_(*row[: len(keys)])
                            await connection.execute(update(table).where(this).values(changed))
                            cleaned.add(name)
                if table is turns:
                    await keep_words(connection, cleaned)
            if len(rows) < _AT_ONCE:
                return Mentions(count, frozenset(names), frozenset(spared))
            after = tuple(rows[-1][: len(keys)])


async def _lock(connection: AsyncConnection, call_ids: Collection[str | None]) -> None:
    """Have nobody else change these calls and what belongs to them meanwhile."""
    locked = select(calls.c.id).where(calls.c.id.in_(call_ids)).order_by(calls.c.id)  # in everybody's order
    await connection.execute(locked.with_for_update())


def _changed(redactor: Redactor, texts: tuple[Column[Any], ...], values: Sequence[Any]) -> dict[str, Any]:
    if texts is _TEXTS[turns]:  # a number that was cut off stands in both
        kept: Sequence[Any] = redactor.parts(*values)
    else:
        kept = [_clean(redactor, column, value) for column, value in zip(texts, values, strict=True)]
    return {column.key: new for column, old, new in zip(texts, values, kept, strict=True) if new != old}


def _clean(redactor: Redactor, column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if column is dials.c.idempotency_key:  # a request is known again by the whole of it
        return value if redactor.text(value) == value else None
    if isinstance(column.type, JSON):
        return redactor.value(value)
    return redactor.json_text(value) if column in _JSON_TEXTS else redactor.text(value)


def _like(column: Column[Any], person: Person) -> Any:
    return column.contains(person.written.digits)


def _is(person: Person, number: str) -> bool:
    """Whether a number is the person's, in whatever address it stands: sip:+1…@…"""
    return number == person.number or any(person.written.spans(number))
