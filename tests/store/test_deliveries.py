"""Messages to webhooks: each is sent by one service at a time, until it has arrived or is given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from phoneagent.store.database import open_database
from phoneagent.store.deliveries import LEASE, Deliveries
from phoneagent.store.outbox import announce
from phoneagent.store.webhooks import Webhooks

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Outbox:
    """Webhooks, messages to them, and a clock."""

    def __init__(self, database) -> None:
        self.database = database
        self.now = NOON
        self.webhooks = Webhooks(database, lambda: self.now)
        self.deliveries = Deliveries(database, lambda: self.now)

    async def add(self) -> str:
        webhook, _ = await self.webhooks.add("https://example.com", ["call.ended"])
        return webhook.id

    async def tell(self, *event_ids: str) -> None:
        async with self.database.begin() as connection:
            for event_id in event_ids:
                await announce(connection, "call.ended", event_id, "c1", self.now, {})

    async def claim(self, most: int = 100, each: int = 100, **under_way: int):
        return await self.deliveries.claim(most, each, under_way)


@pytest.fixture
async def outbox(address):
    database = await open_database(address)
    yield Outbox(database)
    await database.close()


async def test_what_is_due_is_claimed_with_all_it_takes_to_send_it(outbox):
    webhook = await outbox.add()
    await outbox.tell("e1")
    [claimed] = await outbox.claim()
    assert (claimed.event_id, claimed.event, claimed.attempt) == ("e1", "call.ended", 1)
    assert claimed.target == await outbox.webhooks.target(webhook)
    assert '"type":"call.ended"' in claimed.body
    await outbox.deliveries.delivered(claimed, 204)
    [delivery] = await outbox.deliveries.newest()
    assert (delivery.state, delivery.status, delivery.attempts, delivery.due) == ("delivered", 204, 1, None)
    outbox.now += timedelta(days=9)
    assert await outbox.claim() == []


async def test_a_failed_attempt_is_repeated_when_it_is_due_and_the_last_one_is_not(outbox):
    await outbox.add()
    await outbox.tell("e1")
    [first] = await outbox.claim()
    await outbox.deliveries.failed(first, NOON + 5 * SECOND, 500, "it answered 500")
    assert await outbox.claim() == []
    outbox.now += 5 * SECOND
    [second] = await outbox.claim()
    assert second.attempt == 2
    await outbox.deliveries.failed(second, None, None, "it can't be reached")
    [delivery] = await outbox.deliveries.newest(state="failed")
    assert (delivery.attempts, delivery.tried) == (2, outbox.now)
    assert (delivery.status, delivery.problem) == (None, "it can't be reached")
    outbox.now += timedelta(days=9)
    assert await outbox.claim() == []


async def test_what_somebody_claimed_and_never_sent_is_taken_over(outbox):
    await outbox.add()
    await outbox.tell("e1")
    [lost] = await outbox.claim()
    outbox.now += LEASE - SECOND
    assert await outbox.claim() == []
    outbox.now += SECOND
    [taken] = await outbox.claim()
    assert (taken.id, taken.attempt) == (lost.id, 2)
    await outbox.deliveries.failed(lost, NOON, 500, "late")  # who has lost it has no say any more
    assert await outbox.claim() == []
    await outbox.deliveries.delivered(lost, 200)  # but if it has arrived, it has
    assert [delivery.state for delivery in await outbox.deliveries.newest()] == ["delivered"]


async def test_several_services_never_claim_the_same(outbox, address):
    await outbox.add()
    events = [f"e{n}" for n in range(60)]
    await outbox.tell(*events)
    databases = [await open_database(address) for _ in range(4)]
    services = [Deliveries(database, lambda: NOON) for database in databases]
    rounds = await asyncio.gather(*(service.claim(7, 7, {}) for _ in range(4) for service in services))
    claimed = [delivery.event_id for found in rounds for delivery in found]
    assert len(claimed) > 20
    assert Counter(claimed).most_common(1)[0][1] == 1
    claimed += [delivery.event_id for delivery in await outbox.claim()]
    assert sorted(claimed) == sorted(events)
    for database in databases:
        await database.close()


async def test_a_webhook_gets_no_more_than_its_share_and_the_idle_come_first(outbox):
    busy, idle = await outbox.add(), await outbox.add()
    await outbox.tell(*(f"e{n}" for n in range(5)))
    assert Counter(claimed.target.webhook_id for claimed in await outbox.claim(4, 3, **{busy: 1})) == {idle: 3, busy: 1}
    assert Counter(claimed.target.webhook_id for claimed in await outbox.claim(9, 3, **{idle: 3, busy: 2})) == {busy: 1}


async def test_the_oldest_due_go_first(outbox):
    await outbox.add()
    for event_id in ("e1", "e2", "e3"):
        await outbox.tell(event_id)
        outbox.now += SECOND
    assert [claimed.event_id for claimed in await outbox.claim(2)] == ["e1", "e2"]


async def test_a_disabled_webhook_is_sent_nothing(outbox):
    webhook = await outbox.add()
    await outbox.tell("e1", "e2")
    await outbox.webhooks.disable(webhook)
    assert await outbox.claim() == []
    [one, _] = await outbox.deliveries.newest()
    assert not await outbox.deliveries.redeliver(one.id)
    await outbox.webhooks.enable(webhook)
    assert await outbox.claim() == []
    assert await outbox.deliveries.redeliver(one.id)
    [again] = await outbox.claim()
    assert (again.id, again.attempt) == (one.id, 1)


async def test_a_delivered_message_can_be_sent_once_more_as_the_same_event(outbox):
    await outbox.add()
    await outbox.tell("e1")
    [first] = await outbox.claim()
    await outbox.deliveries.delivered(first, 200)
    assert await outbox.deliveries.redeliver(first.id)
    [again] = await outbox.claim()
    assert (again.event_id, again.body) == (first.event_id, first.body)
    assert not await outbox.deliveries.redeliver("x")


async def test_all_that_failed_since_then_are_sent_once_more(outbox):
    webhook, other = await outbox.add(), await outbox.add()
    for event_id in ("old", "new"):
        await outbox.tell(event_id)
        outbox.now += timedelta(hours=1)
    for claimed in await outbox.claim():
        await outbox.deliveries.failed(claimed, None, 500, "")
    since = NOON + timedelta(hours=1)
    assert await outbox.deliveries.redeliver_failed(since, webhook) == 1
    assert [claimed.target.webhook_id for claimed in await outbox.claim()] == [webhook]
    assert await outbox.deliveries.redeliver_failed(since) == 1
    assert [(claimed.target.webhook_id, claimed.event_id) for claimed in await outbox.claim()] == [(other, "new")]


async def test_the_newest_are_listed_first(outbox):
    webhook, _ = await outbox.add(), await outbox.add()
    for event_id in ("e1", "e2"):
        await outbox.tell(event_id)
        outbox.now += SECOND
    assert [d.event_id for d in await outbox.deliveries.newest(webhook_id=webhook)] == ["e2", "e1"]
    assert len(await outbox.deliveries.newest(3)) == 3
    assert await outbox.deliveries.newest(state="delivered") == []
