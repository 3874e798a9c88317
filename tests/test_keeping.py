"""An instance tells that it lives, and closes the calls of those that don't; what works beside the calls goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from phoneagent import keeping as module
from phoneagent import prices
from phoneagent.core.records import LOST
from phoneagent.core.redaction.entries import redacted
from phoneagent.keeping import LEASE_S, Lease, Worker
from phoneagent.records.delivery import Courier
from phoneagent.records.files import Files
from phoneagent.records.retention import Sweeper
from phoneagent.records.sending import Sender
from phoneagent.records.summaries import Summarizer
from phoneagent.records.uploads import Uploader
from phoneagent.settings import Settings
from phoneagent.store import Store, StoreError, open_store
from phoneagent.store import behind as behind_module
from phoneagent.store.behind import WriteBehind
from phoneagent.store.blobs import Blobs
from tests.store import entries

WITHIN_S = 30.0


class Times:
    """Both clocks of an instance."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.wrong_by_s = 0.0  # the wall clock

    def now(self) -> datetime:
        return entries.NOON + timedelta(seconds=self.passed_s + self.wrong_by_s)

    def monotonic(self) -> float:
        return self.passed_s


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite:///{tmp_path}/a.db")
    yield store
    await store.close()


@pytest.fixture
def times() -> Times:
    return Times()


def instance(name: str, folder: Path, store: Store, times: Times) -> tuple[WriteBehind, Lease]:
    behind = WriteBehind(store.entries.apply, folder / "journal", name, redacted)
    return behind, Lease(store.instances, behind, times.now, times.monotonic)


async def outcome(store: Store, call_id: str = "c1") -> str | None:
    call = await store.calls.get(call_id)
    assert call is not None
    return call.row.outcome


async def test_what_a_dead_instance_on_this_disk_has_left_is_applied_and_its_calls_are_closed_at_once(
    tmp_path: Path, store: Store, times: Times, monkeypatch
):
    monkeypatch.setattr(behind_module, "CLOSE_WITHIN_S", 0.1)

    async def away(*_: object) -> None:
        raise StoreError("away")

    await store.instances.beat("dead", times.now())
    dead = WriteBehind(away, tmp_path / "journal", "dead", redacted)
    await dead.start()
    dead.put(entries.began())
    dead.put(entries.said())
    await dead.close()
    behind, lease = instance("alive", tmp_path, store, times)
    await lease.join()
    await behind.start()
    lease.start()
    async with asyncio.timeout(WITHIN_S):
        while (await store.calls.get("c1")) is None or await outcome(store) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await outcome(store) == LOST
    await lease.close()
    await behind.close()


async def listened(lease: Lease, times: Times, seconds: float) -> None:
    """Some beats, one every ten seconds."""
    for _ in range(round(seconds / 10)):
        times.passed_s += 10
        await lease.beat()


async def test_whoever_is_silent_for_a_lease_is_dead_on_any_disk(tmp_path: Path, store: Store, times: Times):
    await store.instances.beat("far away", times.now())
    await store.entries.apply("far away", [entries.began()])
    _, lease = instance("alive", tmp_path, store, times)
    await lease.join()
    await listened(lease, times, LEASE_S - 5)
    assert await outcome(store) is None
    await listened(lease, times, 10)
    assert await outcome(store) == LOST


@pytest.mark.parametrize("away_s", [40, 300])
async def test_who_was_out_of_touch_does_not_judge_before_the_others_can_be_heard(
    tmp_path: Path, store: Store, times: Times, away_s: float
):
    """The database was away for all of them, or this one stood still: who comes back first must not take the others
    for dead."""
    _, lease = instance("first", tmp_path, store, times)
    await lease.join()
    await store.instances.beat("second", times.now())
    await store.entries.apply("second", [entries.began()])
    await listened(lease, times, 10)
    times.passed_s += away_s
    await lease.beat()
    await listened(lease, times, LEASE_S - 5)
    assert await outcome(store) is None
    await store.instances.beat("second", times.now())
    await listened(lease, times, LEASE_S - 5)
    assert await outcome(store) is None


@pytest.mark.parametrize("hours", [-1, 1, 48])
async def test_a_clock_that_is_wrong_or_put_right_kills_nobody(
    tmp_path: Path, store: Store, times: Times, hours: float
):
    _, lease = instance("first", tmp_path, store, times)
    await lease.join()
    await store.entries.apply("first", [entries.began()])
    other_times = Times()
    _, other = instance("second", tmp_path, store, other_times)
    await other.join()
    other_times.wrong_by_s = hours * 3600
    for _ in range(10):
        await listened(lease, times, 10)
        await listened(other, other_times, 10)
    times.wrong_by_s = hours * 3600
    for _ in range(10):
        await listened(lease, times, 10)
        await listened(other, other_times, 10)
    assert await outcome(store) is None


async def test_a_beat_that_fails_is_tried_again(tmp_path: Path, store: Store, times: Times, monkeypatch):
    monkeypatch.setattr(module, "BEAT_EVERY_S", 0.01)
    beaten = asyncio.Event()
    tries = 0

    async def beat(*_: object) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreError("away")
        beaten.set()

    monkeypatch.setattr(store.instances, "beat", beat)
    behind, lease = instance("one", tmp_path, store, times)
    await behind.start()
    lease.start()
    await asyncio.wait_for(beaten.wait(), WITHIN_S)
    await lease.close()
    await behind.close()


class Broken:
    """A part of the store that breaks by whatever is asked of it."""

    def __init__(self) -> None:
        self.asked = 0
        self.asked_often = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # pytest asks for these
            raise AttributeError(name)

        async def ask(*_: object) -> None:
            self.asked += 1
            if self.asked > 5:
                self.asked_often.set()
            raise RuntimeError("an error of ours")

        return ask


@pytest.mark.parametrize(
    "worker",
    [
        lambda broken, blobs, behind: Lease(broken, behind),
        lambda broken, blobs, behind: Courier(broken, broken, Sender(), every_s=0.01),
        lambda broken, blobs, behind: Summarizer(broken, broken, None, prices.load(None), look_every_s=0.01),
        lambda broken, blobs, behind: Uploader(broken, blobs, every_s=0.01),
        lambda broken, blobs, behind: Sweeper(broken, Files(broken, Path(), blobs), dict),
    ],
    ids=["lease", "webhooks", "summaries", "uploads", "sweeping"],
)
async def test_an_error_of_ours_ends_no_work_and_is_told(
    worker: Callable[[Any, Blobs, WriteBehind], Worker], tmp_path: Path, monkeypatch, caplog
):
    monkeypatch.setattr(module, "BEAT_EVERY_S", 0.01)
    monkeypatch.setattr("phoneagent.records.retention.TRY_AGAIN_S", 0.01)
    broken = Broken()
    behind = WriteBehind(broken.apply, tmp_path / "journal", "one", redacted)
    await behind.start()
    working = worker(broken, Blobs(tmp_path), behind)
    working.start()
    await asyncio.wait_for(broken.asked_often.wait(), WITHIN_S)
    await working.close()
    await behind.close()
    assert "an error of ours: the work goes on" in caplog.messages


async def test_an_error_of_ours_at_the_end_costs_no_record(tmp_path: Path, store: Store, monkeypatch):
    async def breaking(_: Courier) -> None:
        raise RuntimeError("an error of ours")

    monkeypatch.setattr(Courier, "close", breaking)
    settings = Settings(data=tmp_path)
    async with module.keeping(settings, store, prices.load(None), Blobs(tmp_path), dict) as kept:
        kept.put(entries.began())
    assert await outcome(store) is None
    assert list((tmp_path / "journal").iterdir()) == []
