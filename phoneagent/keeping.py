"""Builds what keeps the records of calls: their way into the database, and what works beside the calls."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from phoneagent.core.agents import Agent
from phoneagent.core.records import Entry
from phoneagent.core.redaction import Redactor
from phoneagent.core.redaction.entries import redacted
from phoneagent.prices import Prices
from phoneagent.records.bookkeeping import Bookkeeper
from phoneagent.records.chat import Chat
from phoneagent.records.delivery import Courier
from phoneagent.records.files import Files
from phoneagent.records.retention import Sweeper
from phoneagent.records.sending import Sender
from phoneagent.records.summaries import Summarizer
from phoneagent.records.uploads import Uploader
from phoneagent.settings import Settings, SettingsError
from phoneagent.store import Store, StoreError
from phoneagent.store.behind import Backlog, WriteBehind
from phoneagent.store.blobs import Blobs
from phoneagent.store.carrying_on import carrying_on
from phoneagent.store.instances import Instances

log = logging.getLogger(__name__)

BEAT_EVERY_S = 10.0
LEASE_S = 45.0
_LAST_CALLS_WITHIN_S = 1.0


class Worker(Protocol):
    """What works beside the calls for as long as the service runs."""

    def start(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """End what is under way, within some seconds."""


class Put(Protocol):
    """Takes an entry of a call's record, to be kept without what the redactor takes out."""

    def __call__(self, entry: Entry, redactor: Redactor | None = None) -> None:
        """Takes no time, and never fails."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeps the records, in the name of this `instance` of the service. `backlog` is what the database does not
    have yet."""

    instance: str
    put: Put
    backlog: Callable[[], Backlog]


@asynccontextmanager
async def keeping(
    settings: Settings, store: Store, prices: Prices, blobs: Blobs, agents: Callable[[], Mapping[str, Agent]]
) -> AsyncIterator[Keeping]:
    """Keeps records until the last call is over, and brings them into the database. Raises SettingsError.

    `agents` are those whose files there are by now.
    """
    data = settings.data.absolute()
    instance = secrets.token_hex(16)
    behind = WriteBehind(store.entries.apply, data / "journal", instance, redacted)
    lease = Lease(store.instances, behind)
    try:
        await lease.join()
        await behind.start()
    except StoreError as error:
        raise SettingsError([f"the database can't be used: {error}"]) from None
    except OSError as error:
        raise SettingsError([f"PHONEAGENT_DATA: there can be no journal: {error}"]) from None
    workers: list[Worker] = [
        lease,
        Courier(store.webhooks, store.deliveries, Sender()),
        Sweeper(store.erasure, Files(store.erasure, data, blobs), agents),
        Bookkeeper(store.statistics),
        Summarizer(store.summaries, store.calls, _chat(settings), prices),
    ]
    if blobs.uploads:
        workers.append(Uploader(store.uploads, blobs))
    for worker in workers:
        worker.start()
    try:
        yield Keeping(instance, behind.put, lambda: behind.backlog)
    finally:
        await behind.flush(_LAST_CALLS_WITHIN_S)  # the workers may have something to do for the last calls yet
        for worker in reversed(workers):
            with carrying_on("closing"):  # whatever is wrong with one, the others and the records come to their end
                await worker.close()
        await behind.close()
        if not behind.backlog.entries:
            with suppress(StoreError):
                await store.instances.leave(instance)


async def adopt_left(settings: Settings, store: Store) -> None:
    """Bring into the database what services that died on this disk have left, and close their calls, as the next
    service would. Raises StoreError."""
    behind = WriteBehind(store.entries.apply, settings.data.absolute() / "journal", secrets.token_hex(16), redacted)
    try:
        if dead := await behind.adopt():
            _tell(await store.instances.close_lost(datetime.now(UTC), dead))
    finally:
        await behind.close()


def _chat(settings: Settings) -> Chat | None:
    """The model that reads transcripts, if there is one."""
    if settings.after_call_model is None or settings.after_call_url is None:
        return None
    return Chat(settings.after_call_url, settings.after_call_model, settings.after_call_api_key)


class Lease:
    """Tells the other instances that this one lives, and closes the calls of those that don't.

    Who died on this disk is known by its journal, at once. Of the others it is known by their silence: nothing new was
    heard of them for a whole lease, by our monotonic clock; what wall clocks say does not matter. Whoever was out of
    touch with the database, or stood still, begins to listen anew: the others may have been as well.
    """

    def __init__(
        self,
        instances: Instances,
        behind: WriteBehind,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instances = instances
        self._behind = behind
        self._clock = clock
        self._monotonic = monotonic
        self._beaten = monotonic()
        self._heard: dict[str, tuple[datetime, float]] = {}  # of each: what it said last, and since when we know that
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self) -> None:
        """Begin to be there. Raises StoreError."""
        await self.beat()

    def start(self) -> None:
        """Begin to tell, and to close what the dead have left."""
        self._tasks = [asyncio.create_task(work) for work in (self._keep_beating(), self._close_left())]

    async def close(self) -> None:
        """Stop it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            with carrying_on("lease"):
                await self.beat()

    async def beat(self) -> None:
        """Tell that this instance lives, and close the calls of those that have been silent. Raises StoreError."""
        said = await self._instances.beat(self._behind.instance, self._clock())
        now = self._monotonic()
        in_touch = now - self._beaten < LEASE_S / 2
        self._beaten = now
        before, self._heard = self._heard if in_touch else {}, {}
        for instance, at in said.items():
            last = before.get(instance)
            self._heard[instance] = last if last and last[0] == at else (at, now)
        silent = [instance for instance, (_, since) in self._heard.items() if now - since > LEASE_S]
        _tell(await self._instances.close_lost(self._clock(), silent))

    async def _close_left(self) -> None:
        dead = await self._behind.adopt()
        while dead:
            with carrying_on("closing lost calls"):
                _tell(await self._instances.close_lost(self._clock(), dead))
                return
            await asyncio.sleep(BEAT_EVERY_S)


def _tell(call_ids: Collection[str]) -> None:
    for call_id in call_ids:
        log.error("a call is closed whose service died", extra={"call_id": call_id})
