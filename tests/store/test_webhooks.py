"""Who is told of what happens on calls."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from phoneagent.store.database import open_database
from phoneagent.store.deliveries import Deliveries
from phoneagent.store.outbox import announce
from phoneagent.store.webhooks import Webhooks

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
URL = "https://example.com/calls"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def database(address):
    database = await open_database(address)
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def webhooks(database, clock) -> Webhooks:
    return Webhooks(database, clock)


async def test_a_webhook_is_listed_without_its_secret(webhooks):
    added, secret = await webhooks.add(URL, ["call.ended", "call.failed", "call.ended"])
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert await webhooks.list() == [added]
    assert (added.url, added.events, added.allow_private) == (URL, ("call.ended", "call.failed"), False)
    assert secret not in repr((added, await webhooks.target(added.id)))


async def test_each_has_a_secret_of_its_own(webhooks):
    assert (await webhooks.add(URL, ["call.ended"]))[1] != (await webhooks.add(URL, ["call.ended"]))[1]


async def test_a_secret_that_was_replaced_signs_for_a_day_more(webhooks, clock):
    added, first = await webhooks.add(URL, ["call.ended"])
    assert (await webhooks.target(added.id)).secrets == (first,)
    second = await webhooks.rotate(added.id)
    clock.now += timedelta(hours=24, seconds=-1)
    assert (await webhooks.target(added.id)).secrets == (second, first)
    clock.now += timedelta(seconds=1)
    assert (await webhooks.target(added.id)).secrets == (second,)


async def test_what_waits_for_a_webhook_fails_when_it_is_disabled_and_goes_with_it(webhooks, database, clock):
    added, _ = await webhooks.add(URL, ["call.ended"])
    deliveries = Deliveries(database, clock)

    async def tell(event_id: str) -> None:
        async with database.begin() as connection:
            await announce(connection, "call.ended", event_id, "c1", NOON, {})

    await tell("first")
    assert await webhooks.disable(added.id, "it is gone")
    await tell("second")
    [webhook] = await webhooks.list()
    assert (webhook.disabled, webhook.disabled_because) == (NOON, "it is gone")
    [failed] = await deliveries.newest()
    assert (failed.event_id, failed.state, failed.problem) == ("first", "failed", "the webhook was disabled")
    assert await webhooks.enable(added.id)
    assert [(hook.disabled, hook.disabled_because) for hook in await webhooks.list()] == [(None, None)]
    await tell("third")
    assert [delivery.event_id for delivery in await deliveries.newest(state="pending")] == ["third"]
    assert await webhooks.remove(added.id)
    assert (await webhooks.list(), await deliveries.newest()) == ([], [])


async def test_one_that_is_not_there_says_so(webhooks):
    assert not await webhooks.remove("x")
    assert not await webhooks.enable("x")
    assert not await webhooks.disable("x")
    assert await webhooks.rotate("x") is None
    assert await webhooks.target("x") is None
