"""Write-behind: calls say what is to be kept, and never wait for the database, nor for the disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from phoneagent.core.records import AgentKept, CostPosted, Entry, Happened, ToolKept, TurnKept
from phoneagent.core.redaction import Redactor
from phoneagent.store.carrying_on import carrying_on
from phoneagent.store.database import StoreError
from phoneagent.store.journal import Journal, decoded, encoded, journals_left, open_journal

log = logging.getLogger(__name__)

WRITE_EVERY_S = 0.5  # to the journal: more is not lost if the process is killed
APPLY_EVERY_S = 2.0  # to the database: a transaction takes what many entries do
BATCH = 500  # entries in one transaction
RETRY_WITHIN_S = 5.0
MOST_NEW = 50_000  # entries that the disk may be behind
MOST_HELD_BYTES = 32 * 1024 * 1024  # of entries in memory, while the disk is full
CLOSE_WITHIN_S = 5.0
_BREATH_S = 0.000_05  # between two entries, in which the calls' thread goes on

_ROOM: Mapping[type[Entry], float] = {CostPosted: 0.5, AgentKept: 0.7, Happened: 0.7, ToolKept: 0.8}
"""The share of the room up to which a kind is still taken; what was said, and how a call ended, to the last."""

Apply = Callable[[str, Sequence[Entry]], Awaitable[None]]
"""Writes an instance's entries into the database. Raises StoreError while that is away; another error means that one
of the entries can't be kept."""

New = tuple[Entry, Redactor | None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not in the database yet: how many entries, for how long it has been away, how many had to be dropped."""

    entries: int
    away_s: float | None
    dropped: int


def _repeated(entry: Entry) -> object:
    """What is said again in full each time there is more of it, so that the last is enough; None: this is said once."""
    match entry:
        case TurnKept(call_id, turn):
            return call_id, turn.turn_id
        case CostPosted(call_id):
            return call_id
    return None


def _newest(entries: Sequence[Entry]) -> list[Entry]:
    newest = {_repeated(entry) or number: entry for number, entry in enumerate(entries)}
    return list(newest.values())


class WriteBehind:
    """Takes what is to be kept and brings it into the database: soon, or once it is there again.

    `put` leaves it in memory. Twice a second a thread takes the new entries, redacts them, and appends them to the
    journal; from there a task applies them to the database. What is applied is gone from the journal. While the disk is
    full, entries wait in memory. Room is bounded everywhere, and the least important does without first.
    """

    def __init__(
        self,
        apply: Apply,
        folder: Path,
        instance: str,
        redacted: Callable[[Entry, Redactor], Entry],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is that of all journals on this disk, `redacted` what may be kept of an entry."""
        self.instance = instance
        self._apply = apply
        self._folder = folder
        self._redacted = redacted
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")
        self._journal: Journal | None = None
        self._new: dict[object, New] = {}
        self._numbers = count()
        self._writing = 0  # entries that the thread has
        self._held: deque[bytes] = deque()  # lines that are not in the journal
        self._disk_full = False
        self._dropped = 0
        self._away_since: float | None = None
        self._something_new = asyncio.Event()
        self._something_to_apply = asyncio.Event()
        self._hurry = asyncio.Event()
        self._applying = asyncio.Lock()  # that a dead instance's call began comes before what is found of it now
        self._all_kept = asyncio.Event()
        self._all_kept.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin. Raises OSError if there can be no journal."""
        self._journal = await self._in_thread(open_journal, self._folder, self.instance)
        self._tasks = [asyncio.create_task(work) for work in (self._keep_writing(), self._keep_applying())]

    @property
    def backlog(self) -> Backlog:
        """How far the database is behind."""
        journal = self._journal.count if self._journal is not None else 0
        entries = len(self._new) + self._writing + len(self._held) + journal
        away_s = None if self._away_since is None else self._clock() - self._away_since
        return Backlog(entries, away_s, self._dropped)

    def put(self, entry: Entry, redactor: Redactor | None = None) -> None:
        """Keep an entry, without what the redactor takes out. Takes no time, and never fails."""
        key = _repeated(entry) or next(self._numbers)
        if len(self._new) >= MOST_NEW * _ROOM.get(type(entry), 1.0) and key not in self._new:
            self._drop(entry)
            return
        self._new[key] = entry, redactor
        self._something_new.set()
        self._all_kept.clear()

    async def flush(self, timeout_s: float) -> bool:
        """Wait until all is in the database; False if it is not by then."""
        self._hurry.set()
        try:
            await asyncio.wait_for(self._all_kept.wait(), timeout_s)
        except TimeoutError:
            return False
        finally:
            self._hurry.clear()
        return True

    async def adopt(self) -> list[str]:
        """Bring what dead instances on this disk have left into the database; their ids."""
        async with self._applying:
            journals = await self._in_thread(journals_left, self._folder)
            for journal in journals:
                try:
                    with carrying_on("journal of a dead instance"):
                        while (batch := await self._in_thread(journal.take, BATCH))[1]:
                            await self._apply_all(journal.instance, batch[0])
                            await self._in_thread(journal.applied, batch[1])
                finally:
                    await self._in_thread(journal.close)
        return [journal.instance for journal in journals]

    async def close(self) -> None:
        """Bring into the database what can be within some seconds; the rest is in the journal for the next start."""
        await self.flush(CLOSE_WITHIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._journal is not None:
            await self._in_thread(self._write, self._take_new())
            if self._held:
                log.error(
                    "records are lost: the disk is full, and the database away", extra={"entries": len(self._held)}
                )
            await self._in_thread(self._journal.close)
        await asyncio.to_thread(self._thread.shutdown)

    async def _keep_writing(self) -> None:
        while True:
            await self._something_new.wait()
            await self._rest(WRITE_EVERY_S)
            self._something_new.clear()
            new = self._take_new()
            self._writing = len(new)
            with carrying_on("journal"):
                await self._in_thread(self._write, new)
            self._writing = 0
            self._something_to_apply.set()

    def _take_new(self) -> list[New]:
        new, self._new = self._new, {}
        return list(new.values())

    async def _rest(self, seconds: float) -> None:
        """Let more come, unless somebody waits for it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def _keep_applying(self) -> None:
        while True:
            await self._something_to_apply.wait()
            await self._rest(APPLY_EVERY_S)
            self._something_to_apply.clear()
            try:
                async with self._applying:
                    while await self._apply_some():
                        pass
            except Exception as error:  # later records must not wait for ever
                reason = (
                    str(error) if isinstance(error, OSError) else type(error).__name__
                )  # others may hold what was said
                log.error("the journal can't be read", extra={"reason": reason})
                self._something_to_apply.set()
                await asyncio.sleep(RETRY_WITHIN_S)
                continue
            if not self.backlog.entries:  # the thread may have written some since we looked
                self._all_kept.set()

    async def _apply_some(self) -> bool:
        """Apply the oldest entries; False if there are none."""
        assert self._journal is not None
        entries, lines = await self._in_thread(self._journal.take, BATCH)
        if lines:
            await self._apply_all(self.instance, _newest(entries))
            await self._in_thread(self._journal.applied, lines)
            return True
        if held := await self._in_thread(self._oldest_held):
            await self._apply_all(self.instance, [decoded(line) for line in held])
            await self._in_thread(self._forget, held)
        return bool(held)

    async def _apply_all(self, instance: str, entries: Sequence[Entry]) -> None:
        """Apply entries, however long the database is away; without those that it refuses."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(StoreError),
            wait=wait_random_exponential(multiplier=0.1, max=RETRY_WITHIN_S),
            before_sleep=self._away,
        )
        try:
            await retrying(self._apply, instance, entries)
        except Exception as error:  # a fault with one entry must not cost the others
            if len(entries) > 1:
                for entry in entries:
                    await self._apply_all(instance, [entry])
            else:
                self._refused(entries[0], error)
        if self._away_since is not None:
            fields = {"away_s": round(self._clock() - self._away_since, 1), "entries": self.backlog.entries}
            self._away_since = None
            log.info("the database is there again", extra=fields)

    def _away(self, state: RetryCallState) -> None:
        if self._away_since is None:
            self._away_since = self._clock()
            reason = state.outcome and state.outcome.exception()
            log.error("the database is away, records wait in the journal", extra={"reason": str(reason)})

    def _drop(self, entry: Entry) -> None:
        self._dropped += 1
        if self._dropped == 1 or self._dropped % 1000 == 0:
            fields = {"kind": type(entry).__name__, "dropped": self._dropped}
            log.error("there is no room for all records", extra=fields)

    def _refused(self, entry: Entry, error: Exception) -> None:
        self._dropped += 1
        fields = {"kind": type(entry).__name__, "call_id": getattr(entry, "call_id", None)}
        log.error("an entry can't be kept", extra=fields | {"reason": type(error).__name__})

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Have the thread do it, after what it was given before; whoever gives up waiting takes nothing back."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments))

    # In the thread

    def _write(self, new: Sequence[New]) -> None:
        assert self._journal is not None
        held_bytes = sum(map(len, self._held))
        for entry, redactor in new:
            if max(self._journal.used, held_bytes / MOST_HELD_BYTES) >= _ROOM.get(type(entry), 1.0):
                self._drop(entry)
                continue
            try:
                line = encoded(entry if redactor is None else self._redacted(entry, redactor))
            except Exception as error:  # whose text may hold what was said; the others are to be kept
                self._refused(entry, error)
                continue
            self._held.append(line)
            held_bytes += len(line)
            time.sleep(_BREATH_S)
        try:
            self._journal.append(self._held)
            self._held.clear()
            self._disk_full = False
        except OSError as error:
            if not self._disk_full:
                self._disk_full = True
                log.error("the journal can't be written, records wait in memory", extra={"reason": str(error)})

    def _oldest_held(self) -> list[bytes]:
        return list(islice(self._held, BATCH))

    def _forget(self, applied: list[bytes]) -> None:
        if self._held and self._held[0] is applied[0]:  # else the journal has taken them meanwhile
            for _ in applied:
                self._held.popleft()
