"""What the calls of days come to: exactly what they were, whatever comes late and whatever is deleted."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from phoneagent.core.figures import Figures
from phoneagent.core.histogram import Histogram
from phoneagent.core.records import Charge, CostPosted, StreamBegan, ToolKept
from phoneagent.store.summaries import Outcome
from tests.store.story import NOON, OURS, began, over, said, seconds, whole

TODAY = NOON.date()


def histogram(*ms: int) -> Histogram:
    found = Histogram()
    for each in ms:
        found.add(each)
    return found


async def total(store, first=TODAY, last=TODAY, **chosen) -> Figures:
    return (await store.statistics.report(first, last, **chosen)).total


WHOLE = Figures(
    calls=1,
    seconds=58.0,
    usd=Decimal("0.0785"),
    outcomes=Counter(transferred=1),
    barge_ins=1,
    tool_runs=1,
    latency=histogram(300, 700),
    first_word=histogram(2420),
)


async def test_a_whole_call_is_in_the_sums_of_its_day(store):
    await store.entries.apply("i1", whole("c1"))
    report = await store.statistics.report(TODAY - timedelta(days=1), TODAY + timedelta(days=1))
    assert report.total == WHOLE
    assert report.agents == {"clinic": WHOLE}
    assert report.numbers == {OURS: WHOLE}
    assert report.days == {
        TODAY - timedelta(days=1): Figures(),
        TODAY: WHOLE,
        TODAY + timedelta(days=1): Figures(),
    }


async def test_sums_are_by_day_agent_and_number(store):
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    await store.entries.apply(
        "i1",
        [
            began("c1", midnight - timedelta(microseconds=1)),
            over("c1", outcome="failed"),
            began("c2", midnight, agent="sales"),
            over("c2", usd="0.20"),
            began("c3", midnight, agent="sales", called="+15550200"),
            CostPosted("c3", Decimal("0.01")),
        ],
    )
    first, second = TODAY, TODAY + timedelta(days=1)
    report = await store.statistics.report(first, second)
    assert [day.calls for day in report.days.values()] == [1, 2]
    assert [day.usd for day in report.days.values()] == [Decimal("0.10"), Decimal("0.21")]
    assert [(name, one.calls, one.over) for name, one in report.agents.items()] == [("sales", 2, 1), ("clinic", 1, 1)]
    assert {name: one.calls for name, one in report.numbers.items()} == {OURS: 2, "+15550200": 1}
    assert report.total.outcomes == {"failed": 1, "agent_hung_up": 1}
    assert (await total(store, first, second, agent="sales", number=OURS)).usd == Decimal("0.20")
    assert await total(store, first, second, agent="nobody") == Figures()
    assert (await total(store, second, second)).calls == 2


async def test_what_comes_late_is_in_the_sums(store):
    story = whole("c1")
    for entry in story:
        await store.entries.apply("i1", [entry])
        await total(store)
    assert await total(store) == WHOLE
    await store.entries.apply("i1", story)  # from a journal
    assert await total(store) == WHOLE


async def test_a_call_that_was_lost_and_is_found_counts_once(store):
    [*story, end, recording] = whole("c1")
    await store.entries.apply("dies", story)
    await store.instances.close_lost(NOON + seconds(99))
    assert (await total(store)).outcomes == {"lost": 1}
    await store.entries.apply("dies", [*story, end, recording])
    found = await total(store)
    assert (found.calls, found.outcomes, found.usd) == (1, {"lost": 1}, WHOLE.usd)


async def test_what_is_made_of_a_call_afterwards_costs_money_too(store):
    await store.entries.apply("i1", whole("c1"))
    assert (await total(store)).usd == WHOLE.usd
    claim = await store.summaries.claim()
    outcome = Outcome("done", summary="Short.", charge=Charge("summary", "gpt", Decimal("0.01")))
    assert await store.summaries.keep(claim.call_id, outcome)
    assert (await total(store)).usd == WHOLE.usd + Decimal("0.01")


async def test_failures_of_tools_are_counted(store):
    runs = [ToolKept("c1", f"t{n}", "book", "{}", "{}", n == 1, 1.0, 5) for n in range(3)]
    await store.entries.apply("i1", [began(), *runs, over()])
    found = await total(store)
    assert (found.tool_runs, found.tool_failures) == (3, 1)


@pytest.mark.parametrize("seen_before", [False, True])
async def test_sums_outlive_what_is_deleted(store, seen_before):
    await store.entries.apply("i1", [entry for n in range(3) for entry in whole(f"c{n}")])
    expected = Figures()
    for _ in range(3):
        expected.add(WHOLE)
    if seen_before:
        assert await total(store) == expected
    assert await store.erasure.delete_transcripts(["c0", "c1"]) == 2
    if seen_before:
        assert await total(store) == expected
    assert await store.erasure.delete(["c1", "c2"]) == {"c1", "c2"}
    assert await total(store) == expected
    await store.entries.apply("i1", whole("c0") + whole("c2"))  # from a journal
    assert await total(store) == expected
    await store.erasure.delete(["c0"])
    report = await store.statistics.report(TODAY, TODAY)
    assert report.total == report.agents["clinic"] == report.numbers[OURS] == expected


async def test_many_may_ask_and_write_at_once(store):
    async def write(n):
        await store.entries.apply(f"i{n}", [began(f"c{n}"), StreamBegan(f"c{n}", "MZ", NOON)])
        await store.entries.apply(f"i{n}", [said(f"c{n}", "t1", "Hello"), over(f"c{n}")])
        if n % 3 == 0:
            await store.erasure.delete([f"c{n}"])

    async def ask():
        for _ in range(10):
            await total(store)

    await asyncio.gather(*map(write, range(20)), *(ask() for _ in range(3)))
    found = await total(store)
    assert (found.calls, found.over, found.usd) == (20, 20, Decimal(2))


async def test_the_first_word_is_counted_from_the_webhook_on(store):
    end = replace(over(), first_audio_ms=333)
    await store.entries.apply("i1", [began(), StreamBegan("c1", "MZ", NOON + timedelta(microseconds=999_700)), end])
    assert (await total(store)).first_word == histogram(1333)


async def test_a_day_without_calls_is_zero(store):
    assert await total(store, date(2020, 2, 28), date(2020, 3, 1)) == Figures()


async def stale_calls(store, days: int) -> tuple[date, date]:
    """A call on each of some days that nobody has summed up."""
    for n in range(days):
        await store.entries.apply("i1", whole(f"c{n}", NOON + timedelta(days=n)))
    return TODAY, TODAY + timedelta(days=days - 1)


async def test_nobody_waits_for_many_stale_days(store):
    first, last = await stale_calls(store, 5)
    report = await store.statistics.report(first, last)
    assert [day.calls for day in report.days.values()] == [0, 0, 1, 1, 1]
    assert report.stale == 2
    report = await store.statistics.report(first, last)
    assert (report.total.calls, report.stale) == (5, 0)


async def test_who_must_have_it_complete_waits(store):
    report = await store.statistics.report(*await stale_calls(store, 5), complete=True)
    assert (report.total.calls, report.stale) == (5, 0)


async def test_no_call_that_was_deleted_counts_twice_meanwhile(store):
    first, last = await stale_calls(store, 5)
    await store.statistics.report(first, last, complete=True)
    await store.erasure.delete([f"c{n}" for n in range(4)])
    await store.erasure.delete_transcripts(["c4"])
    report = await store.statistics.report(first, last)
    assert all(day == WHOLE for day in report.days.values())
    assert report.stale == 2
    report = await store.statistics.report(first, last, complete=True)
    assert all(day == WHOLE for day in report.days.values())
