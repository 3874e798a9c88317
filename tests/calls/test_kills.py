"""`phoneagent serve` is killed while calls are going on, at any moment. `KILLS=100` for that many."""

from __future__ import annotations

import asyncio
import os
import random
import time
import wave
from contextlib import suppress
from pathlib import Path

import pytest

from phoneagent.core.records import LOST
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.store import Store, open_store
from tests.calls.chatter import Chatter, all_over, kept, lines_of
from tests.calls.program import program
from tests.calls.service import AUTH_TOKEN, NUMBER, write_agent

KILLS = int(os.environ.get("KILLS", "4"))
SERVICES = 2  # at the same time
CALLS = 5  # of each
TALK_S = 4.0
CLOSED_WITHIN_S = 90.0
MAY_BE_LOST_S = 1.0  # of the service's work: a busy machine may stop it for longer


@pytest.mark.timeout(300)
async def test_of_a_killed_service_every_call_is_closed_and_nothing_known_is_lost(tmp_path: Path):
    """Each service is killed again and again, and started again on what it has left."""
    async with asyncio.TaskGroup() as group:
        for number in range(SERVICES):
            folder = tmp_path / f"service{number}"
            folder.mkdir()
            kills = len(range(number, KILLS, SERVICES))
            store = await open_store(f"sqlite:///{folder}/data/phoneagent.db")
            group.create_task(kill_again_and_again(folder, store, kills, random.Random(number)))


class Pulse:
    """When a service was at work: it passes on what its callers say. What it had no time for, it can't have kept."""

    EVERY_S = 0.05

    def __init__(self) -> None:
        self._beats: list[float] = []

    async def watch(self, model: ScriptedModel) -> None:
        frames = 0
        while True:
            await asyncio.sleep(self.EVERY_S)
            before, frames = frames, sum(session.frames for session in model.sessions)
            if frames > before:
                self._beats.append(time.monotonic())

    def at_work_since(self, seconds: float) -> float:
        """The moment after which it has worked for so long."""
        beats = round(seconds / self.EVERY_S)
        return self._beats[-beats] if len(self._beats) >= beats else 0.0


async def kill_again_and_again(folder: Path, store: Store, kills: int, rng: random.Random) -> None:
    write_agent(folder, "greeting: none\nidle: none\nrecording: on")
    chatter, known, most = Chatter(), set[str](), 0
    async with ScriptedModel(chatter.script) as model:
        for _ in range(kills):
            async with program(folder, model) as service:
                await check(folder, store, known, most)
                async with FakePhone(service.url, rng=rng, auth_token=AUTH_TOKEN) as phone:
                    dialled = time.monotonic()
                    for _ in range(CALLS):
                        phone.dial(NUMBER, [Silence(600)], record=False)
                    pulse = Pulse()
                    watching = asyncio.create_task(pulse.watch(model))
                    await asyncio.sleep(rng.uniform(0, TALK_S))
                    known |= chatter.told_between(dialled, pulse.at_work_since(MAY_BE_LOST_S))
                    service.process.kill()
                    watching.cancel()
                    most += CALLS
                    await service.ended()
        async with program(folder, model):
            await check(folder, store, known, most)
    await store.close()


async def check(folder: Path, store: Store, known: set[str], most: int) -> None:
    """What services have left that were killed is brought to its end by the one that has just started."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSED_WITHIN_S):
            while not known <= lines_of(await kept(store)):  # noqa: ASYNC110 -- until their journals are adopted
                await asyncio.sleep(0.5)  # looking at all of them takes a while
    calls = await all_over(store, CLOSED_WITHIN_S)
    assert {call.row.outcome for call in calls} <= {LOST}
    assert known <= lines_of(calls)
    assert len(calls) <= most
    async with asyncio.timeout(CLOSED_WITHIN_S):
        while unfinished(folder):  # noqa: ASYNC110 -- another process finishes them
            await asyncio.sleep(0.1)
    for path in recordings(folder):
        with wave.open(str(path)) as recording:
            assert path.stat().st_size == 44 + 4 * recording.getnframes()


def recordings(folder: Path) -> list[Path]:
    return list(folder.rglob("*.wav"))


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part.wav"))
