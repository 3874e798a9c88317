"""The dials that this service is busy with: known at once, and written down in the order of what happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from phoneagent.core.dials import Dial, State
from phoneagent.store import StoreError
from phoneagent.store.dials import Asked, Dials

log = logging.getLogger(__name__)

REMEMBERED = 1000  # dials that are over, for callbacks that still come
GATHERED_S = 0.05  # news of many dials comes at once, and goes into one transaction
RETRY_S = 2.0
LAST_WRITE_S = 5.0


class Ledger:
    """What is noted is known at once; a task writes it to the store, later than that and again if it has to.

    What must be in the store before anything else happens is awaited: `add` and `claim`.
    """

    def __init__(self, dials: Dials, end_call: Callable[[str], None]) -> None:
        """`end_call` is told the CallSid of a dial that is unwanted, as soon as both are known."""
        self._dials = dials
        self._end_call = end_call
        self._known: dict[str, Dial] = {}  # by id
        self._ids: dict[str, str] = {}  # by nonce
        self._over: list[str] = []  # ids, oldest first
        self._unwritten: dict[str, Dial] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the dials that an earlier run of the service has left open. Raises StoreError."""
        for dial in await self._dials.open():
            self._remember(dial)
        self._writing = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what is not written yet, if the store answers soon."""
        self._closing = True
        self._wake.set()
        if self._writing is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._writing, LAST_WRITE_S)

    @property
    def unfinished(self) -> list[Dial]:
        """The dials that are not over, the oldest first."""
        return [dial for dial in self._known.values() if not dial.over]

    def get(self, dial_id: str) -> Dial | None:
        """A dial that is not over, or has been for a short time only."""
        return self._known.get(dial_id)

    def by_nonce(self, nonce: str) -> Dial | None:
        """The same, by the word in its URLs."""
        return self._known.get(self._ids.get(nonce, ""))

    def note(self, dial: Dial) -> None:
        """How a dial stands now."""
        before = self._known.get(dial.id)
        if before == dial:
            return
        self._remember(dial)
        self._unwritten[dial.id] = dial
        self._wake.set()
        if _to_be_ended(dial) and not (before and _to_be_ended(before)):
            self._end_call(dial.call_sid or "")

    def move(self, dial_id: str, state: State, reason: str | None = None, call_sid: str | None = None) -> Dial:
        """News of a dial, as `Dial.moved` takes them. Returns how it stands now."""
        before = self._known[dial_id]
        dial = before.moved(state, reason, call_sid)
        self.note(dial)
        if dial.state != before.state:
            log.info(
                "dial", extra={"dial": dial.id, "agent": dial.agent, "state": dial.state, "call_sid": dial.call_sid}
            )
        return dial

    async def add(self, dial: Dial, asked: Asked | None) -> Dial:
        """Keep a new dial. Raises as `Dials.add`, and returns what it does."""
        if before := [other for other in self._unwritten.values() if other.to == dial.to]:
            await self._dials.save(before)  # the store, too, must know that the last call to this number is over
        kept = await self._dials.add(dial, asked)
        if kept.id == dial.id:
            self.take_up(dial)
        return kept

    def take_up(self, dial: Dial) -> None:
        """Be busy with a dial that is in the store."""
        if dial.id not in self._known:
            self._remember(dial)

    async def claim(self, dial: Dial, now: datetime) -> bool:
        """Whether the dial is to be placed by this service, and by no other; the store has it as `dialing` then.

        Raises StoreError.
        """
        claimed = await self._dials.claim(dial.id, now)
        dial = self._known[dial.id]
        if claimed and not dial.over:  # it may have been canceled meanwhile
            self._remember(replace(dial, state="dialing", dialed=now))
            return True
        if dial.state == "pending":
            self._forget(dial.id)  # another service has it
        return False

    def _remember(self, dial: Dial) -> None:
        before = self._known.get(dial.id)
        self._known[dial.id] = dial
        self._ids[dial.nonce] = dial.id
        if dial.over and not (before is not None and before.over):
            self._over.append(dial.id)
            if len(self._over) > REMEMBERED:
                self._forget(self._over.pop(0))

    def _forget(self, dial_id: str) -> None:
        dial = self._known.pop(dial_id)
        del self._ids[dial.nonce]

    async def _write(self) -> None:
        failed = False
        while not self._closing or self._unwritten:
            await self._wake.wait()
            if not self._closing:
                await asyncio.sleep(GATHERED_S)
            self._wake.clear()
            batch = self._unwritten.copy()
            try:
                await self._dials.save(batch.values())
            except StoreError as error:
                if not failed:
                    log.error("dials can't be written down; trying again", extra={"reason": str(error)})
                failed = True
                self._wake.set()
                await asyncio.sleep(RETRY_S)
            else:
                failed = False
                for dial_id, dial in batch.items():
                    if self._unwritten[dial_id] is dial:
                        del self._unwritten[dial_id]


def _to_be_ended(dial: Dial) -> bool:
    return dial.unwanted and dial.call_sid is not None and not dial.over
