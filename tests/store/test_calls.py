"""Calls looked up, summed up, noted and held."""

from __future__ import annotations

from datetime import date, timedelta, timezone
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoneagent.core.records import CostPosted
from phoneagent.store.calls import CallFilter, Cursor, DaySum
from tests.store.story import ADA, NOON, OURS, began, over, said, seconds, whole

CLOCK_IN_NEPAL = timezone(timedelta(hours=5, minutes=45))


async def ids(store, **wanted):
    return [call.id for call in (await store.calls.page(CallFilter(**wanted))).calls]


async def test_the_newest_calls_come_first_page_by_page(store):
    await store.entries.apply("i1", [began(f"c{n}", NOON + seconds(n)) for n in range(7)])
    first = await store.calls.page(limit=3)
    second = await store.calls.page(limit=3, after=first.following)
    third = await store.calls.page(limit=3, after=second.following)
    pages = [[call.id for call in page.calls] for page in (first, second, third)]
    assert pages == [["c6", "c5", "c4"], ["c3", "c2", "c1"], ["c0"]]
    assert (first.following, third.following) == (Cursor(NOON + seconds(4), "c4"), None)
    assert (await store.calls.page(limit=7)).following is None


async def test_all_calls_are_had_one_by_one_however_many(store):
    await store.entries.apply("i1", [began(f"c{n}", NOON + seconds(n)) for n in range(7)])
    assert [call.id async for call in store.calls.each(at_once=2)] == ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]
    assert [call.id async for call in store.calls.each(at_once=2, most=3)] == ["c6", "c5", "c4"]
    assert [call.id async for call in store.calls.each(CallFilter(agent="nobody"))] == []


_STORED = [("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 1), ("f", 2)]


@given(st.integers(1, 4), st.permutations(_STORED))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pages_miss_and_repeat_none_of_calls_of_the_same_moment(store, limit, order):
    await store.entries.apply("i1", [began(call_id, NOON + timedelta(microseconds=at)) for call_id, at in order])
    found, after = [], None
    while not found or after is not None:
        page = await store.calls.page(limit=limit, after=after)
        found += [call.id for call in page.calls]
        after = page.following
    assert found == ["f", "e", "d", "c", "b", "a"]


async def test_the_list_is_read_back_the_same_way(store):
    await store.entries.apply("i1", [began(f"c{n}", NOON + seconds(n // 2)) for n in range(7)])
    await store.entries.apply("i1", [began("other", NOON + seconds(1), agent="sales")])
    wanted = CallFilter(agent="clinic")
    listed = (await store.calls.page(wanted)).calls
    assert [call.id for call in listed] == ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]
    for at, call in enumerate(listed):
        for limit in (2, 7):
            assert await store.calls.newer(wanted, than=call.place, limit=limit) == listed[max(0, at - limit) : at]


async def test_calls_that_begin_meanwhile_do_not_shift_the_pages(store):
    await store.entries.apply("i1", [began("c1"), began("c2", NOON + seconds(1))])
    first = await store.calls.page(limit=1)
    await store.entries.apply("i1", [began("c3", NOON + seconds(2))])
    assert [call.id for call in (await store.calls.page(limit=1, after=first.following)).calls] == ["c1"]


async def test_an_empty_store_has_an_empty_page(store):
    page = await store.calls.page()
    assert (page.calls, page.following) == ((), None)


async def test_calls_are_found_by_what_is_known_of_them(store):
    await store.entries.apply(
        "i1",
        [
            began("in", NOON),
            began("out", NOON + seconds(10), direction="outbound", caller="+15550111"),
            began("other", NOON + seconds(20), caller="+15550122", called="+15550200", agent="sales"),
            over("in"),
            over("other", outcome="failed"),
        ],
    )
    assert await ids(store, number=ADA) == ["in"]
    assert await ids(store, number=OURS) == ["out", "in"]
    assert await ids(store, agent="sales") == ["other"]
    assert await ids(store, outcome="failed") == ["other"]
    assert await ids(store, open=True) == ["out"]
    assert await ids(store, open=False) == ["other", "in"]
    assert await ids(store, since=NOON + seconds(10)) == ["other", "out"]
    assert await ids(store, before=NOON + seconds(10)) == ["in"]
    assert await ids(store, since=(NOON + seconds(10)).astimezone(CLOCK_IN_NEPAL), number=OURS) == ["out"]
    assert await ids(store, number=OURS, open=False, outcome="agent_hung_up") == ["in"]
    assert await ids(store, agent="nobody") == []


async def test_a_call_is_got_by_its_id_or_the_last_of_its_callsid(store):
    await store.entries.apply("i1", [began("c1", call_sid="CA1"), began("c2", NOON + seconds(1), call_sid="CA1")])
    assert (await store.calls.get("c1")).row.id == "c1"
    assert (await store.calls.get("CA1")).row.id == "c2"
    assert await store.calls.get("c3") is None
    assert await store.calls.get("\0") is None


async def test_a_call_that_goes_on_shows_what_is_known(store):
    await store.entries.apply(
        "i1",
        [began(), said("c1", "b", "Second", 9.0), said("c1", "a", "First", 1.0), CostPosted("c1", Decimal("0.02"))],
    )
    call = await store.calls.get("c1")
    assert [turn.text for turn in call.turns] == ["First", "Second"]
    assert (call.row.ended, call.row.outcome, call.row.usd, call.row.turn_count) == (None, None, Decimal("0.02"), None)
    assert (call.counters, call.charges, call.agent_files, call.after) == ({}, (), None, None)


async def test_what_was_spent_of_late_leaves_out_what_is_counted_elsewhere(store):
    yesterday = NOON - timedelta(days=1)
    await store.entries.apply("before", [began("c0", yesterday - timedelta(days=1)), over("c0")])
    await store.entries.apply("before", [began("c1", yesterday), over("c1"), began("c2"), over("c2", usd="0.20")])
    await store.entries.apply("mine", [began("c3"), over("c3", usd="5")])
    await store.entries.apply("other", [began("c4"), CostPosted("c4", Decimal("0.03")), began("c5", agent="sales")])
    spent = await store.calls.spent(date(2026, 11, 20), but_for="mine")
    assert sorted(spent, key=lambda s: (s.day, s.agent)) == [
        DaySum(date(2026, 11, 20), "clinic", OURS, Decimal("0.10")),
        DaySum(date(2026, 11, 21), "clinic", OURS, Decimal("0.23")),
        DaySum(date(2026, 11, 21), "sales", OURS, Decimal(0)),
    ]
    assert sum(s.usd for s in await store.calls.spent(date(2026, 11, 21))) == Decimal("5.23")


async def test_a_note_is_kept_with_its_call(store):
    await store.entries.apply("i1", whole("c1"))
    first = await store.calls.add_note("c1", "shop", "Called back.")
    second = await store.calls.add_note("c1", "shop", "\0")
    assert [note.text for note in (await store.calls.get("c1")).notes] == ["Called back.", "\ufffd"]
    assert (await store.calls.get("c1")).notes[0] == first
    assert first.id != second.id
    assert await store.calls.add_note("c2", "shop", "Who?") is None


async def test_a_call_is_held_and_released(store):
    await store.entries.apply("i1", [began()])
    held = []
    for wanted in (True, False):
        assert await store.calls.hold("c1", wanted)
        held.append((await store.calls.get("c1")).row.held)
    assert held == [True, False]
    assert not await store.calls.hold("c2", True)
