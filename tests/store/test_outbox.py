"""What is written down to be sent when something happens on a call."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from phoneagent.store.database import open_database
from phoneagent.store.deliveries import Deliveries
from phoneagent.store.entries import Entries
from phoneagent.store.models import deliveries, webhooks
from phoneagent.store.outbox import announce, call_data
from phoneagent.store.webhooks import Webhooks
from tests.store.story import began, listen

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CALL = {
    "id": "c1",
    "call_sid": "CA1",
    "direction": "inbound",
    "caller": "+15550199",
    "called": "+15550100",
    "agent": "ada",
    "agent_version": "v1",
    "began": NOON,
    "streamed": None,
    "ended": None,
    "outcome": None,
    "reason": None,
    "duration_s": None,
    "turn_count": None,
    "usd": Decimal("0.000000001"),
}


@pytest.fixture
async def database(address):
    database = await open_database(address)
    yield database
    await database.close()


async def receive(database: Any, name: str, events: str, disabled: datetime | None = None) -> None:
    row = {"id": name, "url": "https://example.com", "allow_private": False, "events": events, "secret": "whsec_"}
    async with database.begin() as connection:
        await connection.execute(insert(webhooks).values(row | {"created": NOON, "disabled": disabled}))


async def waiting(database: Any) -> list[Any]:
    async with database.begin() as connection:
        return list(await connection.execute(select(deliveries).order_by(deliveries.c.webhook_id)))


async def test_an_event_waits_for_each_webhook_that_wants_it_once(database):
    await receive(database, "all", "call.started call.ended")
    await receive(database, "ends", "call.ended")
    await receive(database, "starts", "call.started")
    await receive(database, "gone", "call.ended", disabled=NOON)
    for text in ("first", "again"):
        async with database.begin() as connection:
            await announce(connection, "call.ended", "c1_ended", "c1", NOON, {"reason": text})
    found = await waiting(database)
    assert [(row.webhook_id, row.event, row.event_id, row.call_id, row.state, row.attempts) for row in found] == [
        ("all", "call.ended", "c1_ended", "c1", "pending", 0),
        ("ends", "call.ended", "c1_ended", "c1", "pending", 0),
    ]
    assert {row.due for row in found} == {row.created for row in found} == {NOON}
    assert [json.loads(row.body) for row in found] == [
        {"type": "call.ended", "timestamp": "2026-11-21T12:00:00.000Z", "data": {"reason": "first"}}
    ] * 2


async def test_what_is_taken_back_is_not_sent(database):
    await receive(database, "all", "call.ended")
    with suppress(ZeroDivisionError):
        async with database.begin() as connection:
            await announce(connection, "call.ended", "c1_ended", "c1", NOON, {})
            raise ZeroDivisionError
    assert await waiting(database) == []


def test_of_a_call_receivers_are_told_what_is_known_by_then():
    told = call_data(CALL)
    assert json.loads(json.dumps(told)) == told
    assert (told["call_id"], told["began"], told["ended"]) == ("c1", "2026-11-21T12:00:00.000Z", None)
    assert told["usd"] == "0.000000001"


async def test_a_webhook_that_is_removed_meanwhile_costs_no_record(address):
    """On PostgreSQL: on SQLite one waits for the other from the beginning."""
    if address.startswith("sqlite"):
        return
    database = await open_database(address)
    await listen(database)
    async with database.begin() as removing:
        await removing.execute(delete(webhooks))
        applying = asyncio.create_task(Entries(database).apply("i1", [began()]))
        await under_way(database, applying)
    await applying
    await database.close()


async def test_nothing_waits_for_a_webhook_that_is_disabled_meanwhile(address):
    """On PostgreSQL, as above."""
    if address.startswith("sqlite"):
        return
    database = await open_database(address)
    await receive(database, "all", "call.ended")
    async with database.begin() as announcing:
        await announce(announcing, "call.ended", "c1_ended", "c1", NOON, {})
        disabling = asyncio.create_task(Webhooks(database).disable("all"))
        await under_way(database, disabling)
    await disabling
    assert [row.state for row in await waiting(database)] == ["failed"]

    await Webhooks(database).enable("all")
    async with database.begin() as disabling_again:
        await disabling_again.execute(update(webhooks).values(disabled=NOON))
        renewing = asyncio.create_task(Deliveries(database).redeliver_failed(NOON))
        await under_way(database, renewing)
    assert await renewing == 0
    assert [row.state for row in await waiting(database)] == ["failed"]
    await database.close()


async def under_way(database: Any, task: asyncio.Task[Any]) -> None:
    """Wait until somebody waits for a lock, or the task is done and nobody has to."""
    async with asyncio.timeout(30):
        while not task.done():
            async with database.look() as connection:
                found = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                if (await connection.exec_driver_sql(found)).scalar():
                    return
            await asyncio.sleep(0.01)
