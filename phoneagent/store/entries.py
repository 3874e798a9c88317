"""What comes to be kept of calls, written into their rows. An entry that comes again changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, not_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.records import (
    AgentKept,
    CallBegan,
    CallOver,
    CostPosted,
    Entry,
    Happened,
    MessageTaken,
    RecordingKept,
    SessionBegan,
    StreamBegan,
    ToolKept,
    TurnKept,
)
from phoneagent.store.database import Database, ValueRefusedError, upsert
from phoneagent.store.day_sums import mark_stale
from phoneagent.store.erasure import deleted_among
from phoneagent.store.models import (
    LONGEST_ID,
    agent_versions,
    call_events,
    calls,
    charges,
    messages,
    recordings,
    tool_runs,
    turns,
)
from phoneagent.store.outbox import announce_begun, announce_message, announce_over, announce_transfer
from phoneagent.store.search import keep_words

log = logging.getLogger(__name__)

E = TypeVar("E")
OfCall = StreamBegan | SessionBegan | CostPosted | CallOver

_OF_TRANSCRIPT = (TurnKept, ToolKept, Happened, MessageTaken)  # which nobody wants back, once it is deleted
_FIRST = (  # the columns of `calls` that are there from the beginning
    "id",
    "call_sid",
    "instance",
    "direction",
    "caller",
    "called",
    "agent",
    "agent_version",
    "engine",
    "model",
    "began",
    "recording_days",
    "transcript_days",
    "call_days",
)
_FOLLOWED = (  # the columns of `calls` that change afterwards
    "stream_sid",
    "streamed",
    "session_id",
    "model",
    "ended",
    "outcome",
    "reason",
    "duration_s",
    "turn_count",
    "barge_ins",
    "first_audio_ms",
    "latency_ms",
    "counters",
    "usd",
    "after",
)


class EntryRefusedError(Exception):
    """The database does not take one of the entries, and never will. The others are yet to be kept, without it."""


class Entries:
    """The way into the records of calls."""

    def __init__(
        self, database: Database, *, uploads: bool = False, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """`uploads`: whether recordings are to be taken elsewhere."""
        self._database = database
        self._uploads = uploads
        self._clock = clock

    async def apply(self, instance: str, entries: Sequence[Entry]) -> None:
        """Keep what has come of calls of this instance of the service, all of it or nothing.

        It is in the order in which it came, as far as it is of the same call. What is of a call that was deleted
        meanwhile is left out. Raises StoreError, EntryRefusedError.
        """
        try:
            async with self._database.begin() as connection:
                await self._apply(connection, instance, entries)
        except (IntegrityError, ValueRefusedError, TypeError, ValueError) as error:
            raise EntryRefusedError(type(error).__name__) from None  # the text would show the value

    async def _apply(self, connection: AsyncConnection, instance: str, entries: Sequence[Entry]) -> None:
        await _keep_agents(connection, _all(entries, AgentKept))
        begun = await _begin(connection, instance, _all(entries, CallBegan))
        rows = await _locked(connection, {entry.call_id for entry in entries if not isinstance(entry, AgentKept)})
        for call_id in begun:
            await announce_begun(connection, rows[call_id])
        of_calls = [entry for entry in entries if not isinstance(entry, AgentKept | CallBegan)]
        wanted = [entry for entry in of_calls if _is_wanted(entry, rows.get(entry.call_id))]
        if left_out := len(of_calls) - len(wanted):
            log.info("left out what came of calls that are deleted", extra={"entries": left_out})
        over = await _follow(connection, rows, [entry for entry in wanted if isinstance(entry, OfCall)])
        await _keep_turns(connection, _all(wanted, TurnKept))
        await _keep_tools(connection, _all(wanted, ToolKept))
        await _keep_charges(connection, _all(wanted, CallOver))
        await self._keep_recordings(connection, _all(wanted, RecordingKept))
        for event in await _keep_events(connection, _all(wanted, Happened)):
            if event.kind == "transfer" and event.data.get("state") == "connected":
                await announce_transfer(connection, rows[event.call_id], event)
        for message in await _keep_messages(connection, _all(wanted, MessageTaken)):
            await announce_message(connection, rows[message.call_id], message)
        await _place_turns(connection, _all(wanted, CallOver))
        await keep_words(connection, {*over, *(entry.call_id for entry in _all(wanted, TurnKept))})
        for call_id in over:
            await announce_over(connection, rows[call_id])
        await mark_stale(connection, (row["began"] for row in rows.values()))

    async def _keep_recordings(self, connection: AsyncConnection, kept: Sequence[RecordingKept]) -> None:
        upload_at = self._clock() if self._uploads else None
        values = [asdict(recording) | {"place": "local", "upload_at": upload_at} for recording in kept]
        if values:
            await connection.execute(upsert(connection, recordings).on_conflict_do_nothing(), values)


def _all(entries: Iterable[Any], kind: type[E]) -> list[E]:
    return [entry for entry in entries if isinstance(entry, kind)]


def _is_wanted(entry: Entry, row: Mapping[str, Any] | None) -> bool:
    return row is not None and (row["transcript_deleted"] is None or not isinstance(entry, _OF_TRANSCRIPT))


def _kept_id(name: str) -> str:
    """An engine's id; of one that is too long, its digest."""
    return name if len(name) <= LONGEST_ID else sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


async def _keep_agents(connection: AsyncConnection, kept: Sequence[AgentKept]) -> None:
    values = [
        {
            "version": agent.version,
            "name": agent.name,
            "files": dict(agent.files),
            "afterwards": agent.afterwards and asdict(agent.afterwards),
            "first_used": agent.at,
        }
        for agent in kept
    ]
    if values:
        await connection.execute(upsert(connection, agent_versions).on_conflict_do_nothing(), values)


async def _begin(connection: AsyncConnection, instance: str, begun: Sequence[CallBegan]) -> list[str]:
    """Write down calls, but for those that were deleted; returns those that were not there yet."""
    if not begun:
        return []
    values = []
    for call in begun:
        value = asdict(call) | asdict(call.retention) | {"id": call.call_id, "instance": instance}
        values.append({name: value[name] for name in _FIRST})
    new = upsert(connection, calls).on_conflict_do_nothing().returning(calls.c.id)
    ids = list((await connection.execute(new, values)).scalars())
    if deleted := await deleted_among(
        connection, [(call.call_id, call.began) for call in begun if call.call_id in ids]
    ):
        await connection.execute(delete(calls).where(calls.c.id.in_(deleted)))
    return [call_id for call_id in ids if call_id not in deleted]


async def _locked(connection: AsyncConnection, call_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The rows of calls, which nobody else changes meanwhile."""
    if not call_ids:
        return {}
    found = select(calls).where(calls.c.id.in_(call_ids)).order_by(calls.c.id).with_for_update()
    return {row["id"]: dict(row) for row in (await connection.execute(found)).mappings()}


async def _follow(
    connection: AsyncConnection, rows: Mapping[str, dict[str, Any]], entries: Sequence[OfCall]
) -> list[str]:
    """Change rows by what has come of their calls; returns those that are over now and were not before."""
    before = {entry.call_id: rows[entry.call_id].copy() for entry in entries}
    for entry in entries:
        _change(rows[entry.call_id], entry)
    changed = [call_id for call_id, row in before.items() if row != rows[call_id]]
    if changed:
        values = [{"of": call_id} | {name: rows[call_id][name] for name in _FOLLOWED} for call_id in changed]
        await connection.execute(update(calls).where(calls.c.id == bindparam("of")), values)
    return [call_id for call_id in changed if before[call_id]["ended"] is None and rows[call_id]["ended"] is not None]


def _change(row: dict[str, Any], entry: OfCall) -> None:
    match entry:
        case StreamBegan():
            row |= {"stream_sid": entry.stream_sid, "streamed": row["streamed"] or entry.at}
        case SessionBegan():
            row |= {"session_id": entry.session_id, "model": entry.model}
        case CostPosted() if row["counters"] is None:
            row["usd"] = max(row["usd"], entry.usd)
        case CallOver() if row["counters"] is None:  # its details are not there, though the call may have been closed
            if row["ended"] is None:
                row |= {"ended": entry.ended, "outcome": entry.outcome, "reason": entry.reason}
                row["duration_s"] = entry.duration_s
            left = "pending" if row["transcript_deleted"] is None else "skipped"
            row |= {
                "turn_count": len(entry.turns),
                "barge_ins": entry.counters.get("barge_ins", 0),
                "first_audio_ms": entry.first_audio_ms,
                "latency_ms": entry.latency_ms,
                "counters": dict(entry.counters),
                "usd": sum((charge.usd or Decimal(0) for charge in entry.charges), Decimal(0)),
                "after": left if entry.summarize else None,
            }


async def _keep_turns(connection: AsyncConnection, kept: Sequence[TurnKept]) -> None:
    if not kept:
        return
    new = upsert(connection, turns)
    columns = ("speaker", "text", "unheard", "at_s", "latency_ms", "interrupted", "final")
    newest = new.on_conflict_do_update(
        index_elements=[turns.c.call_id, turns.c.turn_id],
        set_={name: new.excluded[name] for name in columns},
        where=or_(not_(turns.c.final), new.excluded.final),
    )
    values = [
        asdict(entry.turn) | {"call_id": entry.call_id, "turn_id": _kept_id(entry.turn.turn_id)} for entry in kept
    ]
    await connection.execute(newest, values)


async def _place_turns(connection: AsyncConnection, over: Iterable[CallOver]) -> None:
    places = [
        {"of": call.call_id, "turn": _kept_id(turn_id), "position": position}
        for call in over
        for position, turn_id in enumerate(call.turns)
    ]
    if places:
        placed = update(turns).where(turns.c.call_id == bindparam("of"), turns.c.turn_id == bindparam("turn"))
        await connection.execute(placed, places)


async def _keep_tools(connection: AsyncConnection, kept: Sequence[ToolKept]) -> None:
    if not kept:
        return
    new = upsert(connection, tool_runs)
    newest = new.on_conflict_do_update(
        index_elements=[tool_runs.c.call_id, tool_runs.c.tool_call_id],
        set_={name: new.excluded[name] for name in ("name", "arguments", "output", "failed", "at_s", "duration_ms")},
    )
    values = [asdict(run) | {"tool_call_id": _kept_id(run.tool_call_id)} for run in kept]
    await connection.execute(newest, values)


async def _keep_charges(connection: AsyncConnection, over: Iterable[CallOver]) -> None:
    values = [
        {
            "call_id": call.call_id,
            "part": charge.part,
            "model": charge.model,
            "usd": charge.usd,
            "usage": charge.usage and asdict(charge.usage),
        }
        for call in over
        for charge in call.charges
    ]
    if values:
        await connection.execute(upsert(connection, charges).on_conflict_do_nothing(), values)


async def _keep_events(connection: AsyncConnection, events: Sequence[Happened]) -> list[Happened]:
    """Write down events; returns those that were not there yet."""
    if not events:
        return []
    new = upsert(connection, call_events).on_conflict_do_nothing()
    values = [
        {"call_id": e.call_id, "number": e.number, "at_s": e.at_s, "kind": e.kind, "data": dict(e.data)} for e in events
    ]
    kept = await connection.execute(new.returning(call_events.c.call_id, call_events.c.number), values)
    numbers = {(row.call_id, row.number) for row in kept}
    return [event for event in events if (event.call_id, event.number) in numbers]


async def _keep_messages(connection: AsyncConnection, taken: Sequence[MessageTaken]) -> list[MessageTaken]:
    """Write down messages; returns those that were not there yet."""
    if not taken:
        return []
    values = [
        {
            "id": message.message_id,
            "call_id": message.call_id,
            "agent": message.agent,
            "caller": message.caller,
            "text": message.text,
            "callback_number": message.callback_number,
            "created": message.at,
        }
        for message in taken
    ]
    new = upsert(connection, messages).on_conflict_do_nothing().returning(messages.c.id)
    ids = set((await connection.execute(new, values)).scalars())
    return [message for message in taken if message.message_id in ids]
