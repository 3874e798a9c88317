"""Brings messages to webhooks: at once, and again until they have arrived."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from phoneagent.records.sending import Answer, Sender
from phoneagent.store import StoreError
from phoneagent.store.carrying_on import carrying_on
from phoneagent.store.deliveries import LEASE, Claimed, Deliveries
from phoneagent.store.webhooks import Webhooks

log = logging.getLogger(__name__)

DELAYS_S = (5, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
"""After which an attempt follows on one that failed, by the Standard Webhooks specification."""

_MOST = 32  # under way at once
_EACH = 8  # of these to one webhook, so that a slow one leaves room for the others
_EVERY_S = 1.0
_LONGEST_WAIT_S = 24 * 3600.0  # that a receiver may ask for
_CLOSE_S = 5.0


class Courier:
    """Sends what is due, of all instances' calls; those share the work by claiming it.

    A message may arrive twice: an attempt that nobody could note as done is made again.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        deliveries: Deliveries,
        sender: Sender,
        *,
        delays_s: Sequence[float] = DELAYS_S,
        every_s: float = _EVERY_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = lambda: random.uniform(0.9, 1.1),  # noqa: S311 - no secret
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._sender = sender
        self._delays_s = delays_s
        self._every_s = every_s
        self._clock = clock
        self._jitter = jitter
        self._sending: set[asyncio.Task[None]] = set()
        self._under_way: Counter[str] = Counter()  # by webhooks
        self._look = asyncio.Event()
        self._closing = False
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._working = asyncio.create_task(self._keep_sending())

    async def close(self) -> None:
        """Send what is due for the last time, and give up what takes more than some seconds; it is sent later."""
        self._closing = True
        self._look.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                if self._working is not None:
                    await self._working
                await asyncio.gather(*self._sending)
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._sender.close()

    async def _keep_sending(self) -> None:
        last = False
        while not last:
            last = self._closing
            self._look.clear()
            with carrying_on("webhooks"):
                if room := _MOST - len(self._sending):
                    for claimed in await self._deliveries.claim(room, _EACH, self._under_way):
                        self._begin(claimed)
            if not last:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._look.wait(), self._every_s)

    def _begin(self, claimed: Claimed) -> None:
        webhook_id = claimed.target.webhook_id

        def over(task: asyncio.Task[None]) -> None:
            self._sending.discard(task)
            self._under_way[webhook_id] -= 1
            self._look.set()

        self._under_way[webhook_id] += 1
        task = asyncio.create_task(self._deliver(claimed))
        self._sending.add(task)
        task.add_done_callback(over)

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            answer = await self._sender.send(claimed.target, claimed.event_id, claimed.body)
        except Exception as error:  # a message that breaks this is given up in the end, as any other
            log.exception("a webhook can't be sent", extra=_about(claimed))
            answer = Answer(None, f"an error of ours: {type(error).__name__}")
        try:
            await _insist(lambda: self._note(claimed, answer))
        except Exception as error:
            log.warning(
                "what became of a webhook can't be kept: it is sent again",
                extra=_about(claimed) | {"error": str(error)},
                exc_info=not isinstance(error, StoreError),
            )

    async def _note(self, claimed: Claimed, answer: Answer) -> None:
        if answer.problem is None:
            await self._deliveries.delivered(claimed, answer.status)
            log.debug("webhook delivered", extra=_about(claimed))
            return
        due = None if answer.gone else self._next(claimed.attempt, answer.wait_s or 0)
        await self._deliveries.failed(claimed, due, answer.status, answer.problem)
        about = _about(claimed) | {"problem": answer.problem}
        if answer.gone:
            await self._webhooks.disable(claimed.target.webhook_id, answer.problem)
            log.warning("webhook disabled: its receiver wants no more", extra=about)
        elif due is None:
            log.error("webhook given up: send it again with phoneagent webhooks redeliver", extra=about)
        else:
            log.warning("webhook not delivered: it is tried again", extra=about)

    def _next(self, attempt: int, wait_s: float) -> datetime | None:
        if attempt > len(self._delays_s):
            return None
        delay_s = self._delays_s[attempt - 1] * self._jitter()
        return self._clock() + timedelta(seconds=max(delay_s, min(wait_s, _LONGEST_WAIT_S)))


def _about(claimed: Claimed) -> dict[str, object]:
    return {"webhook": claimed.target.webhook_id, "delivery": claimed.id, "attempt": claimed.attempt}


async def _insist(work: Callable[[], Awaitable[None]]) -> None:
    """Do it, though the database is away, for as long as the claim lasts."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(StoreError),
        wait=wait_random_exponential(multiplier=0.1, max=10),
        stop=stop_after_delay(LEASE.total_seconds()),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            await work()
