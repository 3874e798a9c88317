"""What calls have cost: the same, whether the sums of their days are there or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from phoneagent.core.costs import Usage
from phoneagent.core.records import Charge, CostPosted
from phoneagent.store import costs
from phoneagent.store.calls import CallFilter
from tests.store.story import ADA, NOON, OURS, began, over, seconds

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
SHOP = "+15550200"
GPT, TELEPHONE = Charge("model", "gpt", Decimal("0.25"), Usage(audio_in=1)), Charge("telephone", "", Decimal("1e-9"))
CALLS = [
    began("c1", MIDNIGHT - seconds(1)),
    over("c1", usd="0.10", duration_s=60.0),
    began("c2", MIDNIGHT, agent="sales", called=SHOP),
    over(
        "c2",
        duration_s=30.0,
        charges=(
            GPT,
            Charge("transcription", "gpt", Decimal("0.05"), Usage(seconds=2.0)),
            Charge("transcription", "odd", None, Usage(seconds=1.0)),
            TELEPHONE,
        ),
    ),
    began("c3", MIDNIGHT, agent="sales", called=SHOP, caller="+15550188"),
    CostPosted("c3", Decimal("0.01")),
]


async def sum_up(store):
    await store.statistics.report(NOON.date(), NOON.date() + timedelta(days=30), complete=True)


async def sums(store, by, **wanted):
    return [
        (s.key, s.calls, s.minutes, s.usd, dict(s.parts), s.unpriced)
        for s in await store.costs.sums(by, CallFilter(**wanted))
    ]


@pytest.fixture(params=["from the calls", "from the sums", "from both"])
async def kept(request, store):
    """A store in which these calls are."""
    await store.entries.apply("i1", CALLS)
    if request.param != "from the calls":
        await sum_up(store)
    if request.param == "from both":
        await store.entries.apply("i1", [CostPosted("c3", Decimal("0.01"))])
    return store


FIRST = (1, 1.0, Decimal("0.10"), {"model": Decimal("0.10")}, False)
PARTS = {"model": Decimal("0.25"), "transcription": Decimal("0.05"), "telephone": Decimal("0.000000001")}
OTHERS = (2, 0.5, Decimal("0.310000001"), PARTS, True)


async def test_what_calls_cost_is_summed_up(kept):
    assert await sums(kept, "day") == [("2026-11-21", *FIRST), ("2026-11-22", *OTHERS)]
    assert await sums(kept, "agent") == [("sales", *OTHERS), ("clinic", *FIRST)]
    assert await sums(kept, "number") == [(SHOP, *OTHERS), (OURS, *FIRST)]


async def test_a_call_is_in_the_sum_of_each_model_that_it_used_once(kept):
    of_gpt = {"model": Decimal("0.35"), "transcription": Decimal("0.05")}
    assert await sums(kept, "model") == [
        ("gpt", 2, 1.5, Decimal("0.40"), of_gpt, False),
        ("odd", 1, 0.5, Decimal(0), {"transcription": Decimal(0)}, True),
    ]


WANTED = [
    ({"before": MIDNIGHT}, ["clinic"]),
    ({"since": MIDNIGHT}, ["sales"]),
    ({"since": MIDNIGHT - seconds(1)}, ["sales", "clinic"]),
    ({"since": MIDNIGHT + seconds(1)}, []),
    ({"since": MIDNIGHT - seconds(1), "before": MIDNIGHT + seconds(1)}, ["sales", "clinic"]),
    ({"before": MIDNIGHT - seconds(1)}, []),
    ({"since": MIDNIGHT, "before": NOON}, []),
    ({"since": datetime.min.replace(tzinfo=UTC), "before": datetime.max.replace(tzinfo=UTC)}, ["sales", "clinic"]),
    ({"before": datetime.min.replace(tzinfo=UTC)}, []),
    ({"agent": "sales"}, ["sales"]),
    ({"agent": "clinic", "since": MIDNIGHT}, []),
    ({"number": SHOP}, ["sales"]),
    ({"number": ADA}, ["sales", "clinic"]),
    ({"number": "+15550188"}, ["sales"]),
    ({"number": "+15550177"}, []),
    ({"outcome": "agent_hung_up"}, ["sales", "clinic"]),
    ({"open": True}, ["sales"]),
    ({"text": "nobody said that"}, []),
]


async def test_only_the_wanted_calls_count(kept):
    found = [(wanted, [key for key, *_ in await sums(kept, "agent", **wanted)]) for wanted, _ in WANTED]
    assert found == WANTED


async def test_a_person_counts_with_their_own_calls_only(kept):
    assert [(key, count) for key, count, *_ in await sums(kept, "agent", number="+15550188")] == [("sales", 1)]


async def test_a_call_that_is_deleted_has_cost_nothing(kept):
    await kept.erasure.delete(["c2"])
    for _ in range(2):
        assert [(key, count) for key, count, *_ in await sums(kept, "agent")] == [("clinic", 1), ("sales", 1)]
        await sum_up(kept)


async def test_many_stale_days_are_summed_up_all_the_same(store, monkeypatch):
    monkeypatch.setattr(costs, "MOST_APART", 1)
    for n in range(3):
        await store.entries.apply("i1", [began(f"c{n}", NOON + timedelta(days=n)), over(f"c{n}")])
    await store.statistics.report(NOON.date(), NOON.date())
    assert [(key, count) for key, count, *_ in await sums(store, "day")] == [
        ("2026-11-21", 1), ("2026-11-22", 1), ("2026-11-23", 1),
    ]  # fmt: skip


async def test_a_tenth_a_hundred_times_is_ten(kept):
    entries = [entry for n in range(100) for entry in (began(f"t{n}", agent="t"), over(f"t{n}", usd="0.1"))]
    await kept.entries.apply("i1", entries)
    for _ in range(2):
        [(*_, usd, _, _)] = await sums(kept, "agent", agent="t")
        assert usd == 10
        await sum_up(kept)
