"""What a listener hears is what the phone has, a moment late."""

from __future__ import annotations

import random
from base64 import b64encode
from typing import Any

import pytest

from phoneagent.core.listening import FRAME, FRAME_S, SILENCE, STEP, Earpiece, Loudness
from phoneagent.core.tape import RATE
from tests.core.phone_world import BEGAN, PhoneWorld
from tests.core.test_tape import Talk

QUIET = SILENCE * FRAME


def frame(kind: bytes) -> str:
    return b64encode(kind * FRAME).decode()


def test_both_sides_are_heard_frame_by_frame():
    ear = Earpiece(0.0)
    ear.caller(frame(b"c"))
    ear.play(frame(b"a"))
    ear.play(frame(b"b"))
    heard = ear.take(2 * FRAME_S)
    assert heard.frames == [b"c" * FRAME + b"a" * FRAME, QUIET + b"b" * FRAME]
    assert ear.take(2 * FRAME_S + 0.019).frames == []
    assert ear.take(3 * FRAME_S).frames == [QUIET + QUIET]


def test_what_is_sent_at_once_is_heard_at_the_pace_at_which_it_is_played():
    ear = Earpiece(0.0)
    ear.play(b64encode(b"a" * 50 * FRAME).decode())
    taken = [ear.take(number * FRAME_S).agent for number in range(1, 61)]
    assert taken == [b"a" * FRAME] * 50 + [QUIET] * 10


def test_what_is_thrown_away_is_not_heard():
    ear = Earpiece(0.0)
    ear.play(b64encode(b"a" * 50 * FRAME).decode())
    assert ear.take(10 * FRAME_S).agent == b"a" * 10 * FRAME
    ear.clear()
    assert ear.take(11 * FRAME_S).agent == QUIET
    ear.play(frame(b"b"))
    assert ear.take(12 * FRAME_S).agent == b"b" * FRAME


def test_of_a_burst_after_a_stall_the_latest_is_heard():
    ear = Earpiece(0.0)
    ear.take(1.0)
    for number in range(50):
        ear.caller(frame(bytes([number])))
    heard = ear.take(1.0 + 8 * FRAME_S).caller
    assert heard[::FRAME] == bytes(range(42, 50))


def test_who_was_late_is_in_time_again_when_the_network_is():
    ear, behind = Earpiece(0.0), []
    for _ in range(6):
        ear.caller(frame(b"x"))
    for number in range(1, 400):
        ear.caller(frame(bytes([number % 250])))
        behind.append(number % 250 - ear.take(number * FRAME_S).caller[0])
    assert behind[100] > 1
    assert behind[-1] <= 2


class Overheard:
    """Stands in for the tape of a world, and lets a listener hear the same."""

    def __init__(self, world: PhoneWorld) -> None:
        self.world, self.tape = world, world.tape
        self.ear = Earpiece(BEGAN)
        self.heard = bytearray(), bytearray()
        self.tick()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tape, name)

    def caller(self, audio: str, now: float) -> None:
        self.ear.caller(audio)

    def play(self, audio: str, now: float) -> None:
        self.ear.play(audio)

    def clear(self, now: float) -> None:
        self.ear.clear()

    def tick(self) -> None:
        world, heard = self.world, self.ear.take(self.world.now)
        self.heard[0].extend(heard.caller)
        self.heard[1].extend(heard.agent)
        world.at(world.now + FRAME_S + world.rng.uniform(0, 0.004), self.tick)


@pytest.mark.parametrize(
    ("delay_s", "jitter_s", "drift"), [(0.03, 0.002, 50e-6), (0.08, 0.01, -50e-6), (0.0, 0.0, 0.0)]
)
def test_a_listener_hears_what_the_phone_has_less_than_300_ms_late(delay_s: float, jitter_s: float, drift: float):
    world = PhoneWorld(random.Random(5), delay_s=delay_s, jitter_s=jitter_s, drift=drift)
    overheard = world.tape = Overheard(world)  # type: ignore[assignment]
    Talk(world, 900.0)
    world.run(BEGAN + 900.0)
    late_ms: list[list[float]] = []
    for side, truth in zip(map(bytes, overheard.heard), world.truth(), strict=True):
        late_ms.append([])
        for at in range(0, len(side) - FRAME, RATE // 4):
            if SILENCE not in (piece := side[at : at + 24]):
                expected = world.sample_of(at)
                found = truth.find(piece, max(0, expected - RATE), expected + 3 * RATE)
                if found >= 0:  # else it lies across a seam, or is what a clear has caught on its way to the phone
                    late_ms[-1].append((expected - found) / 8)
    caller, agent = late_ms
    assert len(caller) > 3000
    assert len(agent) > 800
    assert min(caller) >= -1
    assert max(caller) < 300
    assert max(agent) < 50
    assert sum(late > -2000 * delay_s - 100 for late in agent) > 0.94 * len(agent)  # less where a stall holds it up


def test_loudness_is_told_step_by_step():
    loud = Loudness()
    assert loud.of(b"\x80" * (STEP - 1)) == []
    assert loud.of(b"\xff") == [1.0]
    assert loud.of(SILENCE * STEP * 2 + b"\x00") == [0.0, 0.0]
    assert loud.of(SILENCE * STEP) == [1.0]
