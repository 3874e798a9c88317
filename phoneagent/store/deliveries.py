"""Messages to webhooks: those that are due, what came of them, and once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.webhooks import DeliveryState
from phoneagent.store.database import Database
from phoneagent.store.models import deliveries, webhooks
from phoneagent.store.webhooks import Target, target

LEASE = timedelta(minutes=2)
"""How long a claimed message is left to whoever claimed it. An attempt takes less."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to a webhook. `due`: of the next attempt. `status`, `problem`: of the last one's answer."""

    id: str
    webhook_id: str
    event_id: str
    event: str
    call_id: str | None
    created: datetime
    state: DeliveryState
    attempts: int
    tried: datetime | None
    due: datetime | None
    status: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send, for the `attempt`th time."""

    id: str
    target: Target
    event_id: str
    event: str
    body: str = field(repr=False)
    attempt: int


class Deliveries:
    """All messages to webhooks. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, most: int, each: int, under_way: Mapping[str, int]) -> list[Claimed]:
        """Messages that are due, for us alone: nobody else is given them for as long as LEASE.

        At most `most`, and so many of a webhook that with those that are `under_way` it has `each`; the webhooks with
        the fewest under way come first.
        """
        now = self._clock()
        claimed: list[Claimed] = []
        async with self._database.begin() as connection:
            enabled = await connection.execute(select(webhooks).where(webhooks.c.disabled.is_(None)))
            for webhook in sorted(enabled, key=lambda webhook: under_way.get(webhook.id, 0)):
                room = min(each - under_way.get(webhook.id, 0), most - len(claimed))
                if room > 0:
                    claimed += await _claim_of(connection, webhook, room, now)
        return claimed

    async def delivered(self, claimed: Claimed, status: int | None) -> None:
        """A message has arrived."""
        values = {"state": "delivered", "due": None, "status": status, "problem": None}
        async with self._database.begin() as connection:
            # whatever others think of it meanwhile
            await connection.execute(update(deliveries).where(deliveries.c.id == claimed.id).values(values))

    async def failed(self, claimed: Claimed, due: datetime | None, status: int | None, problem: str) -> None:
        """An attempt has failed; the next one is due then, or there is none. Somebody else's since then counts more."""
        values = {"state": "pending" if due else "failed", "due": due, "status": status, "problem": problem}
        async with self._database.begin() as connection:
            await connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.id == claimed.id,
                    deliveries.c.state == "pending",
                    deliveries.c.attempts == claimed.attempt,
                )
                .values(values)
            )

    async def newest(
        self, count: int = 100, *, webhook_id: str | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        """The last messages, the newest first."""
        query = select(*(column for column in deliveries.c if column is not deliveries.c.body))
        if webhook_id is not None:
            query = query.where(deliveries.c.webhook_id == webhook_id)
        if state is not None:
            query = query.where(deliveries.c.state == state)
        async with self._database.begin() as connection:
            rows = await connection.execute(
                query.order_by(deliveries.c.created.desc(), deliveries.c.id.desc()).limit(count)
            )
            return [Delivery(**row._mapping) for row in rows]

    async def redeliver(self, delivery_id: str) -> bool:
        """Send a message once more, with all its attempts, delivered or not. Returns whether there is one of this id
        whose webhook is not disabled."""
        return await self._renew(deliveries.c.id == delivery_id) == 1

    async def redeliver_failed(self, since: datetime, webhook_id: str | None = None) -> int:
        """The same for all that have failed of the events since then. Returns how many."""
        wanted = [deliveries.c.state == "failed", deliveries.c.created >= since]
        if webhook_id is not None:
            wanted.append(deliveries.c.webhook_id == webhook_id)
        return await self._renew(*wanted)

    async def _renew(self, *wanted: Any) -> int:
        # none of them is disabled meanwhile, which fails what waits for it
        enabled = select(webhooks.c.id).where(webhooks.c.disabled.is_(None)).with_for_update(read=True)
        async with self._database.begin() as connection:
            changed = await connection.execute(
                update(deliveries)
                .where(*wanted, deliveries.c.webhook_id.in_(enabled))
                .values(state="pending", attempts=0, due=self._clock(), problem=None)
            )
            return changed.rowcount


async def _claim_of(connection: AsyncConnection, webhook: Row[Any], room: int, now: datetime) -> list[Claimed]:
    found = await connection.execute(
        select(deliveries)
        .where(deliveries.c.webhook_id == webhook.id, deliveries.c.state == "pending", deliveries.c.due <= now)
        .order_by(deliveries.c.due)
        .limit(room)
        .with_for_update(skip_locked=True)  # PostgreSQL's; SQLite has one writer anyway
    )
    if not (due := found.all()):
        return []
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_([row.id for row in due]))
        .values(attempts=deliveries.c.attempts + 1, tried=now, due=now + LEASE)
    )
    to = target(webhook, now)
    return [Claimed(row.id, to, row.event_id, row.event, row.body, row.attempts + 1) for row in due]
