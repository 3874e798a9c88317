"""The queue of what a phone plays, under any sequence of audio, marks and clears."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.simulate.playout import BYTES_PER_S, PlayoutQueue

Operation = tuple[str, float]

operations = st.lists(
    st.tuples(
        st.sampled_from(["play", "play", "mark", "clear", "wait", "deadline"]),
        st.floats(0, 3, allow_nan=False),
    ),
    max_size=60,
)


class Observed:
    """A queue, and what a listener with a stopwatch and a tape sees of it."""

    def __init__(self) -> None:
        self.queue = PlayoutQueue()
        self.now = 1000.0
        self.queued: list[str] = []
        self.returned: list[str] = []
        self.received = 0
        self.cleared_at: dict[int, float] = {}  # chunk number: when a clear came after it

    def do(self, operation: Operation) -> None:
        what, amount = operation
        before = self.queue.played_bytes(self.now)
        self.returned += self.queue.reached(self.now)
        if what == "play":
            audio = bytes([len(self.queue.chunks) % 256]) * int(amount * 1000)
            self.received += len(audio)
            assert self.queue.play(audio, self.now)
        elif what == "mark":
            name = str(len(self.queued))
            self.queued.append(name)
            self.queue.mark(name)
            self.returned += self.queue.reached(self.now)
        elif what == "clear":
            self.returned += self.queue.clear(self.now)
            assert not self.queue.playing(self.now)
            for number in range(len(self.queue.chunks)):
                self.cleared_at.setdefault(number, self.now)
        elif what == "wait":
            self.now += amount
        elif (deadline := self.queue.deadline) is not None:
            assert deadline > self.now - 1e-6
            self.now = max(self.now, deadline)
            mark = self.queue.reached(self.now)
            assert mark, "a deadline that comes to nothing would be asked for again at once"
            self.returned += mark
        played = self.queue.played_bytes(self.now)
        assert before <= played <= self.received
        assert self.returned == self.queued[: len(self.returned)]  # in order, each once


@given(operations)
def test_whatever_happens_every_mark_returns_once_and_no_more_is_played_than_came(done: list[Operation]):
    seen = Observed()
    for operation in done:
        seen.do(operation)
    seen.do(("wait", 1000))
    seen.do(("wait", 0))
    assert seen.returned == seen.queued
    assert sum(chunk.length for chunk in seen.queue.chunks) == seen.queue.played_bytes(seen.now)


@given(operations)
def test_nothing_that_was_cleared_is_played_and_no_two_chunks_at_a_time(done: list[Operation]):
    seen = Observed()
    for operation in done:
        seen.do(operation)
    for number, chunk in enumerate(seen.queue.chunks):
        if number in seen.cleared_at and chunk.length:
            assert chunk.ends_at <= seen.cleared_at[number] + 1e-6
    played = [chunk for chunk in seen.queue.chunks if chunk.length]
    for one, other in pairwise(played):
        assert other.begins_at >= one.ends_at - 1e-6


def test_the_playhead_stands_still_while_the_queue_is_dry():
    queue = PlayoutQueue()
    queue.play(b"a" * 800, 10.0)
    assert queue.played_ms(10.05) == 50
    assert queue.played_ms(12.0) == 100
    queue.play(b"b" * 800, 12.0)
    assert queue.played_ms(12.03) == 130
    assert [chunk.begins_at for chunk in queue.chunks] == [10.0, 12.0]


def test_audio_that_comes_while_there_is_some_left_adds_up_to_the_byte():
    queue = PlayoutQueue()
    for n in range(1000):
        queue.play(b"x" * 163, 10.0 + n * 0.02003)
    assert queue.run_began_at == 10.0
    assert queue.ends_at == pytest.approx(10.0 + 163 * 1000 / BYTES_PER_S, abs=1e-9)


def test_a_clear_cuts_the_chunk_that_is_heard_and_returns_what_waits():
    queue = PlayoutQueue()
    for n in range(3):
        queue.play(bytes([n]) * 1600, 10.0)
        queue.mark(f"chunk {n}")
    assert queue.reached(10.25) == ("chunk 0",)
    assert queue.clear(10.25) == ("chunk 1", "chunk 2")
    assert [chunk.played_ms for chunk in queue.chunks] == [200, 50, 0]
    assert queue.deadline is None


def test_a_mark_with_nothing_before_it_returns_at_once():
    queue = PlayoutQueue()
    queue.mark("now")
    assert queue.reached(5.0) == ("now",)


def test_more_than_ten_minutes_are_discarded():
    queue = PlayoutQueue()
    minute = b"\xff" * (60 * BYTES_PER_S)
    assert [queue.play(minute, 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert queue.play(minute, 60.0)


@pytest.mark.parametrize("began_at", [0.0, 123.456, 86_400 * 365.25])
def test_a_deadline_is_reached_when_it_has_come_on_any_clock(began_at: float):
    queue = PlayoutQueue()
    for n in range(1, 500):
        queue.play(b"x" * n, began_at)
        queue.mark(str(n))
    for n in range(1, 500):
        assert queue.deadline is not None
        assert queue.reached(queue.deadline) == (str(n),)
