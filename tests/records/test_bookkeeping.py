"""The days of calls are summed up before anybody asks for them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from phoneagent.records.bookkeeping import Bookkeeper
from tests.store.new_database import store_at
from tests.store.story import NOON, whole


async def test_all_days_before_today_are_summed_up(tmp_path: Path):
    store = await store_at(tmp_path / "a.db")
    for n in range(6):
        await store.entries.apply("i1", whole(f"c{n}", NOON + timedelta(days=n)))
    today = (NOON + timedelta(days=5)).date()
    bookkeeper = Bookkeeper(store.statistics, lambda: NOON + timedelta(days=5))
    assert await bookkeeper.work(breath_s=0) == 5
    assert await store.statistics.stale(NOON.date(), today) == [today]
    assert await bookkeeper.work(breath_s=0) == 0
    await store.close()
