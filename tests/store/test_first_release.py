"""A database of the first release, opened by this version."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from phoneagent.core.dials import Dial
from phoneagent.store import open_store
from phoneagent.store.database import open_database
from phoneagent.store.keys import KeyRefusedError
from tests.store.shape import differences
from tests.store.story import began, over

DUMPS = Path(__file__).with_name("first_release")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
async def old_address(address):
    """A database that the first release has left."""
    if address.startswith("sqlite"):
        path = Path(address.removeprefix("sqlite:///"))
        path.parent.mkdir()
        with sqlite3.connect(path) as connection:
            connection.executescript((DUMPS / "sqlite.sql").read_text(encoding="utf-8"))
        connection.close()
    else:
        connection = await asyncpg.connect(address)
        await connection.execute((DUMPS / "postgresql.sql").read_text(encoding="utf-8"))
        await connection.close()
    return address


async def test_all_that_was_in_it_is_still_there(old_address):
    store = await open_store(old_address)
    shop, gone = await store.keys.list()
    assert (shop.id, shop.name, shop.created, shop.last_used, shop.revoked) == ("0a0a0a0a", "shop", NOON, NOON, None)
    assert (gone.name, gone.revoked) == ("gone", NOON)
    assert await store.dials.get("d1" * 16) == Dial(
        "d1" * 16, "n1", "sales", "+15550199", from_="+15550100", variables={"name": "Ada"}, created=NOON,
        state="busy", reason="the line is busy", call_sid="CA" + "1" * 32,
    )  # fmt: skip
    [waiting] = await store.dials.open()
    assert (waiting.id, waiting.to, waiting.created) == ("d2" * 16, "+15550198", NOON + timedelta(seconds=1))
    [message] = await store.messages.newest()
    assert (message.call_id, message.caller, message.text, message.callback_number, message.created) == (
        "CA" + "2" * 32, "+15550199", "Bitte rufen Sie zurück.", "555 0199", NOON,
    )  # fmt: skip
    await store.close()


async def test_its_keys_open_what_they_opened_and_new_calls_are_kept(old_address):
    store = await open_store(old_address)
    key = await store.keys.check("pa_0a0a0a0a_an-old-secret-of-the-first-release")
    assert set(key.scopes) == {"read", "call"}
    with pytest.raises(KeyRefusedError, match="revoked"):
        await store.keys.check("pa_0b0b0b0b_an-old-secret-of-the-first-release")
    assert await store.dials.claim("d2" * 16, NOON)
    await store.entries.apply("i1", [began(), over()])
    assert (await store.calls.get("c1")).row.outcome == "agent_hung_up"
    await store.close()


async def test_it_has_the_shape_of_a_new_one(old_address):
    database = await open_database(old_address)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()
