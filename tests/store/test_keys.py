"""API keys: what opens, what no longer does, and what is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from phoneagent.core.scopes import SCOPES
from phoneagent.store.database import open_database
from phoneagent.store.keys import ApiKeys, KeyRefusedError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


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
def keys(database, clock) -> ApiKeys:
    return ApiKeys(database, clock)


async def test_a_key_opens_and_is_known_by_its_name(keys):
    key, secret = await keys.create("shop")
    assert secret.startswith(f"pa_{key.id}_")
    assert (await keys.check(secret)).name == "shop"


async def test_only_a_hash_is_kept(keys, database):
    _, secret = await keys.create("shop")
    async with database.begin() as connection:
        [row] = await connection.execute(text("SELECT * FROM api_keys"))
    assert secret.split("_", 2)[2] not in str(row)


@pytest.mark.parametrize(
    "change", ["", "x", "pa_", "pa_00000000_x", "key", "other id", "other secret", "prefix", "longer"]
)
async def test_what_is_not_quite_a_key_opens_nothing(keys, change):
    key, secret = await keys.create("shop")
    other, other_secret = await keys.create("bar")
    presented = {
        "key": key.id,
        "other id": secret.replace(key.id, other.id),
        "other secret": other_secret.replace(other.id, key.id),
        "prefix": secret.replace("pa_", "sk_", 1),
        "longer": secret + "A",
    }.get(change, change)
    with pytest.raises(KeyRefusedError) as refused:
        await keys.check(presented)
    assert not refused.value.known


async def test_the_database_is_not_asked_for_what_cannot_be_a_key(keys, database):
    await database.close()
    database.begin = None
    for text_ in ("", "Ada", "pa_00000000_", "sk_00000000_x"):
        with pytest.raises(KeyRefusedError):
            await keys.check(text_)


async def test_a_revoked_key_is_known_and_refused(keys):
    key, secret = await keys.create("shop")
    assert await keys.revoke(key.id) == 1
    with pytest.raises(KeyRefusedError, match="revoked") as refused:
        await keys.check(secret)
    assert refused.value.known


async def test_a_name_revokes_all_of_its_keys_once(keys):
    await keys.create("shop")
    await keys.create("shop")
    await keys.create("bar")
    assert await keys.revoke("shop") == 2
    assert await keys.revoke("shop") == 0
    assert {(key.name, key.revoked) for key in await keys.list()} == {("shop", NOON), ("bar", None)}


async def test_a_key_expires(keys, clock):
    _, secret = await keys.create("for ten minutes", lifetime=timedelta(minutes=10))
    clock.now += timedelta(minutes=9, seconds=59)
    await keys.check(secret)
    clock.now += timedelta(seconds=1)
    with pytest.raises(KeyRefusedError, match="expired"):
        await keys.check(secret)


async def test_the_use_of_a_key_is_noted_once_a_minute(keys, clock):
    _, secret = await keys.create("shop")
    seen = []
    for _ in range(4):
        await keys.check(secret)
        seen.append((await keys.list())[0].last_used)
        clock.now += timedelta(seconds=25)
    assert [(moment - NOON).seconds for moment in seen] == [0, 0, 0, 75]


async def test_a_key_is_good_for_its_scopes_and_one_of_an_admin_for_all(keys):
    for scopes, good_for in [
        ({"read"}, {"read"}),
        ({"call"}, {"call"}),
        ({"read", "call"}, {"read", "call"}),
        ({"admin"}, {"read", "call", "admin"}),
        ((), set()),
    ]:
        made, secret = await keys.create("shop", scopes)
        key = await keys.check(secret)
        assert key.scopes == made.scopes == frozenset(scopes)
        assert {scope for scope in SCOPES if key.allows(scope)} == good_for
    _, secret = await keys.create("shop")
    assert (await keys.check(secret)).scopes == {"read", "call"}


async def test_a_deleted_key_is_forgotten(keys):
    key, secret = await keys.create("short-lived")
    await keys.delete(key.id)
    assert await keys.list() == []
    with pytest.raises(KeyRefusedError):
        await keys.check(secret)
