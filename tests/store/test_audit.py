"""The audit log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from phoneagent.store.audit import Audit, DeedFilter
from phoneagent.store.database import open_database
from phoneagent.store.erasure import Erasure
from tests.store.clock import Clock


@pytest.fixture
async def database(address):
    database = await open_database(address)
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audit(database, clock) -> Audit:
    return Audit(database, clock)


async def test_what_is_noted_is_there_the_newest_first(audit, clock):
    await audit.note("ada", "user", "user.add", data={"name": "bob"})
    clock.now += timedelta(seconds=1)
    await audit.note("shop", "key", "hang_up", "c1")
    last, first = (await audit.page()).deeds
    assert (last.at, last.actor, last.kind, last.action, last.call_id) == (clock.now, "shop", "key", "hang_up", "c1")
    assert (first.actor, first.data, first.call_id) == ("ada", {"name": "bob"}, None)


async def test_pages_follow_one_another_without_gap_or_double(audit, clock):
    for number in range(7):  # some at the same moment
        clock.now += timedelta(seconds=number % 2)
        await audit.note("ada", "user", "whisper", data={"number": number})
    found, after = [], None
    for _ in range(4):
        page = await audit.page(after=after, limit=2)
        found += page.deeds
        after = page.following
    assert after is None
    assert {deed.data["number"] for deed in found} == set(range(7))
    assert [deed.at for deed in found] == sorted((deed.at for deed in found), reverse=True)


async def test_deeds_are_found_by_actor_action_and_call(audit):
    await audit.note("ada", "user", "whisper", "c1")
    await audit.note("ada", "user", "say", "c2")
    await audit.note("bob", "user", "say", "c1")
    for wanted, count in [
        (DeedFilter(actor="ada"), 2),
        (DeedFilter(action="say"), 2),
        (DeedFilter(call_id="c1"), 2),
        (DeedFilter("bob", "say", "c1"), 1),
        (DeedFilter("bob", "whisper"), 0),
    ]:
        assert len((await audit.page(wanted)).deeds) == count


async def test_after_400_days_the_log_forgets(audit, database, clock):
    await audit.note("ada", "user", "say")
    clock.now += timedelta(days=200)
    await audit.note("bob", "user", "say")
    clock.now += timedelta(days=200)
    await Erasure(database, clock).delete_leftovers({})
    assert [deed.actor for deed in (await audit.page()).deeds] == ["bob"]
