"""Which calls are closed because their service died, by whom, and as what."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from phoneagent.core.records import Happened, StreamBegan
from phoneagent.store import open_store
from phoneagent.store.database import open_database
from phoneagent.store.models import instances
from tests.store.story import NOON, began, listen, over, said, seconds, told

LATER = NOON + seconds(60)


@pytest.fixture
async def database(address):
    database = await open_database(address)
    yield database
    await database.close()


async def test_the_calls_of_a_service_that_is_dead_are_closed(store, database):
    await listen(database)
    await store.instances.beat("dies", NOON)
    await store.instances.beat("lives", NOON)
    await store.entries.apply("dies", [began("c1"), began("c2"), over("c2")])
    await store.entries.apply("lives", [began("c3")])
    await store.instances.beat("dies", NOON + seconds(0.5))
    said = await store.instances.beat("lives", NOON + seconds(10))
    assert said == {"dies": NOON + seconds(0.5), "lives": NOON + seconds(10)}
    assert await store.instances.close_lost(LATER) == []
    assert await store.instances.close_lost(LATER, ["dies"]) == ["c1"]
    assert await store.instances.close_lost(LATER, ["dies"]) == []
    outcomes = {call.id: call.outcome for call in (await store.calls.page()).calls}
    assert outcomes == {"c1": "lost", "c2": "agent_hung_up", "c3": None}
    assert await told(database, "c1") == ["call.started", "call.failed"]


async def test_who_has_left_or_was_never_there_has_no_calls(store):
    await store.instances.beat("left", NOON)
    await store.entries.apply("left", [began("c1")])
    await store.entries.apply("never came", [began("c2")])
    await store.instances.leave("left")
    assert await store.instances.close_lost(NOON) == ["c1", "c2"]


async def test_a_lost_call_ends_when_its_service_was_last_seen(store):
    await store.instances.beat("i1", NOON)
    await store.entries.apply(
        "i1",
        [
            began(),
            StreamBegan("c1", "MZ1", NOON + seconds(2)),
            said("c1", "t1", "Hello?", 3.0),
            said("c1", "t2", "", 4.0),
            said("c1", "t3", "Good morning.", 5.0, speaker="agent", latency_ms=600),
            said("c1", "t4", "Bye.", 15.0, speaker="agent", latency_ms=800),
            Happened("c1", 0, 6.0, "barge_in"),
        ],
    )
    await store.instances.beat("i1", NOON + seconds(20))
    await store.instances.close_lost(NOON + seconds(3600), ["i1"])
    row = (await store.calls.get("c1")).row
    assert (row.ended, row.duration_s) == (NOON + seconds(20), 18.0)
    assert (row.turn_count, row.barge_ins, row.latency_ms) == (3, 1, 700)
    assert row.reason == "the service died"


async def test_or_when_something_was_last_known_of_it(store):
    """Its journal held more than its last sign of life."""
    await store.instances.beat("i1", NOON)
    await store.entries.apply("i1", [began(), StreamBegan("c1", "MZ1", NOON), said("c1", "t1", "Hello?", 9.5)])
    await store.instances.close_lost(NOON + seconds(30), ["i1"])
    row = (await store.calls.get("c1")).row
    assert (row.ended, row.duration_s) == (NOON + seconds(9.5), 9.5)


async def test_a_call_that_was_never_heard_has_no_length(store):
    await store.instances.beat("i1", NOON)
    await store.entries.apply("i1", [began()])
    await store.instances.close_lost(LATER, ["i1"])
    row = (await store.calls.get("c1")).row
    assert (row.duration_s, row.turn_count, row.latency_ms) == (0.0, 0, None)


async def test_two_services_at_once_close_each_call_once(store, database, address):
    await listen(database)
    other = await open_store(address)
    await store.entries.apply("died", [began(f"c{n}") for n in range(20)])
    closed = await asyncio.gather(*(s.instances.close_lost(NOON + seconds(1)) for s in (store, other, store, other)))
    assert sorted(call_id for calls in closed for call_id in calls) == sorted(f"c{n}" for n in range(20))
    assert sorted(await told(database, "c7")) == ["call.failed", "call.started"]
    await other.close()


async def test_the_dead_are_forgotten_after_a_day(store, database):
    await store.instances.beat("old", NOON)
    await store.instances.beat("new", NOON + seconds(86_400))
    await store.instances.close_lost(NOON + seconds(86_401), ["old"])
    async with database.begin() as connection:
        assert (await connection.execute(select(instances.c.id))).scalars().all() == ["new"]


async def test_whoever_was_taken_for_dead_and_is_not_goes_on(store):
    """It was cut off, and comes back: its next calls are its own again."""
    await store.instances.beat("i1", NOON)
    await store.instances.close_lost(NOON + seconds(90_000), ["i1"])
    await store.instances.beat("i1", NOON + seconds(90_000))
    await store.entries.apply("i1", [began()])
    assert await store.instances.close_lost(NOON + seconds(90_001)) == []
