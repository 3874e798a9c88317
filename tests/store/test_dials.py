"""The rows of dials: one open per number, claimed once, never going back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from phoneagent.core.dials import Dial
from phoneagent.store import open_store
from phoneagent.store.dials import Asked, KeyReusedError, NumberInUseError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SID = "CA" + "1" * 32


def dial(number: int = 0, **fields: object) -> Dial:
    values = {"to": f"+1555010{number:04}", "created": NOON + timedelta(seconds=number)} | fields
    return Dial(f"id{number}", f"nonce{number}", "sales", from_="+15550100", variables={"name": "Ada"}, **values)


async def test_a_dial_comes_back_as_it_went(store):
    wanted = dial(1)
    assert await store.dials.add(wanted) == wanted
    assert await store.dials.get("id1") == wanted
    assert await store.dials.get("id2") is None


async def test_a_number_has_one_open_dial(store):
    await store.dials.add(dial(1))
    with pytest.raises(NumberInUseError):
        await store.dials.add(dial(2, to=dial(1).to))
    await store.dials.save([dial(1).moved("busy", "the line is busy")])
    await store.dials.add(dial(2, to=dial(1).to))


async def test_a_dial_is_claimed_once_however_many_ask(store, address):
    """Two services at once, as during an update: nobody is dialled by both."""
    other = await open_store(address)
    await store.dials.add(dial(1))
    claims = await asyncio.gather(*(s.dials.claim("id1", NOON) for s in (store, other, store, other)))
    assert sorted(claims) == [False, False, False, True]
    assert await store.dials.get("id1") == dial(1, state="dialing", dialed=NOON)
    await other.close()


async def test_what_is_over_is_not_claimed(store):
    await store.dials.add(dial(1))
    await store.dials.save([replace(dial(1), state="canceled")])
    assert not await store.dials.claim("id1", NOON)


async def test_a_row_never_goes_back(store):
    await store.dials.add(dial(1))
    live = replace(dial(1), state="live", call_sid=SID)
    await store.dials.save([live])
    await store.dials.save([replace(dial(1), state="unknown")])
    assert await store.dials.get("id1") == live
    over = live.moved("completed")
    await store.dials.save([over])
    for late in (live, replace(live, state="failed", reason="late")):
        await store.dials.save([late])
        assert await store.dials.get("id1") == over


async def test_the_open_ones_are_listed_the_oldest_first(store):
    for number in (3, 1, 2):
        await store.dials.add(dial(number))
    await store.dials.save([replace(dial(2), state="no_answer")])
    assert await store.dials.open() == [dial(1), dial(3)]


async def test_the_same_request_is_the_same_dial(store):
    assert await store.dials.asked(Asked("key", "order-7", "hash")) is None
    first = await store.dials.add(dial(1), Asked("key", "order-7", "hash"))
    assert await store.dials.asked(Asked("key", "order-7", "hash")) == first
    again = await store.dials.add(dial(2), Asked("key", "order-7", "hash"))
    assert again == first
    assert await store.dials.get("id2") is None
    # also when the number is in use by just this dial, and when it is over
    assert await store.dials.add(dial(3, to=first.to), Asked("key", "order-7", "hash")) == first
    await store.dials.save([first.moved("busy")])
    assert (await store.dials.add(dial(4, to=first.to), Asked("key", "order-7", "hash"))).state == "busy"


async def test_another_request_under_the_same_key_is_refused(store):
    await store.dials.add(dial(1), Asked("key", "order-7", "hash"))
    with pytest.raises(KeyReusedError):
        await store.dials.add(dial(2), Asked("key", "order-7", "another"))
    await store.dials.add(dial(2), Asked("another key", "order-7", "another"))


async def test_which_calls_belong_to_other_dials(store):
    await store.dials.add(dial(1))
    await store.dials.add(dial(2))
    await store.dials.save([dial(1).moved("placed", call_sid=SID)])
    assert await store.dials.others("id2", [SID, "CA" + "2" * 32]) == {SID}
    assert await store.dials.others("id1", [SID]) == set()
    assert await store.dials.others("id2", []) == set()
