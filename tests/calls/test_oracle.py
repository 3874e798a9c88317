"""What the agent is said to have been heard saying, against what the phone really played."""

import asyncio
import base64
import random
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import pytest

from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.network import Network
from phoneagent.simulate.realtime_events import Event, Speech, caller_turn_ended, response
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession
from tests.calls.service import NUMBER, in_time, phone_of, serving, write_agent

CALLS, BARGE_INS, MOST = 26, 10, 40  # of each call: more where this machine has no time for some of them
ENOUGH = 200
# Each message takes 0 to 10 ms, each way: a mark comes back late by its way, a clear arrives late by its own, and
# in between the phone plays on. So up to 20 ms are the network's, and no clock on this side can know of them.
NETWORK = Network(jitter_ms=10)
LATE = b"\xee"
SPEEDS = (None, 4.0, 1.5, 0.8)  # all at once; faster than it is played; slower, so that the phone runs dry


class Standstills:
    """When this machine had no time for the test: what is measured then says nothing about the service."""

    NOTED_S = 0.015
    # A mark that is late because of one counts until the next mark, and a clear may be read just after one.
    BEFORE_S, AFTER_S = 0.25, 0.02

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._began: list[float] = []
        self._ended: list[float] = []

    async def watch(self) -> None:
        began, used = time.monotonic(), time.thread_time()
        while True:
            await asyncio.sleep(0.002)
            now, used_now = time.monotonic(), time.thread_time()
            taken_s = now - began - (used_now - used)  # by others: what we compute ourselves is no excuse
            self.worst_ms = max(self.worst_ms, taken_s * 1000)
            if taken_s > self.NOTED_S:
                self._began.append(began)
                self._ended.append(now)
            began, used = now, used_now

    def near(self, at: float) -> bool:
        first = bisect_left(self._ended, at - self.BEFORE_S)
        return first < len(self._began) and self._began[first] <= at + self.AFTER_S


@dataclass(frozen=True)
class Interrupted:
    """A turn of several items, its number, and which clear of the call ended it."""

    items: list[Speech]
    number: int
    clear: int


async def interrupt_again_and_again(
    call: FakeCall, session: ScriptedSession, rng: random.Random, enough: Callable[[], bool]
) -> list[Interrupted]:
    await session.received("session.update")
    await call.until(lambda record: record.streams and record.line.frames_sent)
    turns = []
    numbers = count(1)  # also what the audio is filled with: so the phone can tell the items apart
    for n in range(MOST):
        if n >= BARGE_INS and enough():
            break
        items = [
            Speech(ms=rng.randrange(100, 600), item_id=f"item_{number}", fill=number)
            for _, number in zip(range(rng.randint(2, 4)), numbers, strict=False)
        ]
        speed = rng.choice(SPEEDS)
        session.emit(*response(*items, response_id=f"resp_{n}", speed=speed))
        length_s = sum(item.ms for item in items) / 1000
        await asyncio.sleep(rng.uniform(0, length_s - 0.1))  # the caller interrupts at some moment
        if not in_time(call, session):
            continue
        clear = len(call.record.line.clears)
        session.interrupt(f"item_caller_{n}")
        session.emit(straggler(n))
        await call.until(lambda record, clear=clear: len(record.line.clears) > clear)
        turns.append(Interrupted(items, n, clear))
        session.emit(*caller_turn_ended(f"item_caller_{n}"))
    return turns


def straggler(n: int) -> Event:
    """The first audio of one item more, which was under way when its response was interrupted."""
    keys = {"response_id": f"resp_{n}", "item_id": f"late_{n}", "output_index": 9, "content_index": 0}
    return {"type": "response.output_audio.delta", **keys, "delta": base64.b64encode(LATE * 800).decode()}


def errors_ms(
    call: FakeCall, session: ScriptedSession, turns: list[Interrupted], standstills: Standstills
) -> list[tuple[float, list[float]]]:
    """Of each barge-in: when the clear came, and for each item cut, what was played less what the session was told.

    Asserts all that is exact.
    """
    truncated = {event["item_id"]: event["audio_end_ms"] for event in session.all("conversation.item.truncate")}
    deleted = {event["item_id"] for event in session.all("conversation.item.delete")}
    line = call.record.line
    assert not [chunk for chunk in line.playout.chunks if chunk.audio.startswith(LATE)], "audio of a dead response"
    assert {f"late_{turn.number}" for turn in turns} <= deleted
    barge_ins = []
    for turn in turns:
        errors: list[float] = []
        for item in turn.items:
            chunks = [chunk for chunk in line.playout.chunks if chunk.audio[0] == item.fill]
            played_ms = sum(chunk.played_ms for chunk in chunks)
            received_ms = sum(len(chunk.audio) for chunk in chunks) / 8
            assert all(chunk.queued_at <= line.clears[turn.clear].at for chunk in chunks), "stale audio after a clear"
            if item.item_id in truncated:
                assert not errors, "only the item being heard is truncated"
                assert 0 < truncated[item.item_id] <= item.ms
                errors.append(played_ms - truncated[item.item_id])
            elif item.item_id in deleted:
                errors.append(played_ms)
            elif chunks:
                assert not errors, "what is behind a cut item was never heard, and must go"
                assert played_ms == received_ms == item.ms, "an item left alone was heard to its end"
        at = line.clears[turn.clear].at
        assert errors or standstills.near(at), "an interruption at this moment cuts something"
        barge_ins.append((at, errors))
    return barge_ins


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("settled_memory")
async def test_the_session_is_told_what_the_caller_heard(tmp_path: Path, figure: Callable[[str], None]):
    write_agent(tmp_path)
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        calls = []
        for n in range(CALLS):
            call = phone.dial(NUMBER, [Silence(60)], network=NETWORK)
            calls.append((call, await model.session(n)))
        standstills = Standstills()
        watching = asyncio.create_task(standstills.watch())

        def enough() -> bool:
            clears = [clear.at for call, _ in calls for clear in call.record.line.clears]
            return sum(not standstills.near(at) for at in clears) >= ENOUGH

        stories = [interrupt_again_and_again(*call, random.Random(n), enough) for n, call in enumerate(calls)]
        turns = await asyncio.gather(*stories)
        watching.cancel()
        for call, _ in calls:
            call.hang_up()
        records = [await call.ended() for call, _ in calls]
    assert not [problem for record in records for problem in record.problems]
    barge_ins = [
        one for call, turns_ in zip(calls, turns, strict=True) for one in errors_ms(*call, turns_, standstills)
    ]
    counted = [errors for at, errors in barge_ins if not standstills.near(at)]
    errors = [error for one in counted for error in one]
    measured = (
        f"{len(counted)} barge-ins, {len(errors)} items cut, {NETWORK.jitter_ms:g} ms jitter each way: played less "
        f"audio_end_ms is {median(errors):.1f} ms in the median, {min(errors):.1f} to {max(errors):.1f} ms "
        f"({len(barge_ins) - len(counted)} left out: the machine had no time, for {standstills.worst_ms:.0f} ms)"
    )
    figure(measured)
    assert len(counted) >= ENOUGH, measured
    assert median(map(abs, errors)) <= 20, measured
    assert max(map(abs, errors)) <= 40, measured
    # A mark comes back at once from a phone that has run dry, and the audio behind it is late by its own jitter.
    assert min(errors) >= -NETWORK.jitter_ms, measured
