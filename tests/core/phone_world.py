"""A phone with a clock of its own, behind a network with moods, and what goes on between it and a tape."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from phoneagent.core.playout import Playout
from phoneagent.core.tape import Tape
from phoneagent.simulate.audio import lay_out
from phoneagent.simulate.playout import PlayoutQueue

FRAME = 160
FRAME_S = 0.02
BEGAN = 1000.0
_NO_SILENCE = bytes([*range(255), 254])


def noise(rng: random.Random, length: int) -> bytes:
    """Sound in which each place differs from any other, and nothing is silence."""
    return rng.randbytes(length).translate(_NO_SILENCE)


class PhoneWorld:
    """One call. `at` plans what happens, `run` lets it happen; then `heard` is the tape, `truth` what the phone had."""

    def __init__(self, rng: random.Random, *, delay_s: float, jitter_s: float = 0.0, drift: float = 0.0) -> None:
        self.now = BEGAN
        self.rng = rng
        self.tape = Tape(BEGAN + delay_s)  # word of the beginning has come
        self.stalled_until = 0.0
        self.line_is_silent = False  # the phone sends nothing
        self.heard = bytearray()
        self.played: list[tuple[int, int]] = []  # of each burst: samples queued, samples played when it was cut
        self._delay_s, self._jitter_s, self._drift = delay_s, jitter_s, drift
        self._queue = PlayoutQueue()
        self._playout = Playout()
        self._frames: list[tuple[float, bytes]] = []
        self._arrived = [0.0, 0.0]  # when the last message arrived at the phone, and at us
        self._plan: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.at(BEGAN + self._ours(FRAME_S), self._frame)
        self.at(BEGAN + 1, self._take)

    def at(self, time: float, what: Callable[[], None]) -> None:
        heappush(self._plan, (time, next(self._order), what))

    def run(self, until: float) -> None:
        while self._plan[0][0] <= until:
            self.now, _, what = heappop(self._plan)
            what()
        self.now = until

    # The service

    def say(self, turn: str, audio: bytes) -> None:
        """A piece of the agent's speech, with the mark that the playout clock wants in front of it."""
        mark = self._playout.add("r", turn, len(audio) / 8, self.now)
        if mark is not None:
            self._mark(mark)
        self.play(audio)

    def said(self, turn: str) -> None:
        mark = self._playout.complete(turn)
        if mark is not None:
            self._mark(mark)

    def play(self, audio: bytes) -> None:
        self.tape.play(b64encode(audio).decode(), self.now)
        self._to_phone(lambda: self._queue.play(audio, self._phone_now()))

    def clear(self) -> None:
        self._playout.stop(self.now)
        self.tape.clear(self.now)
        self._to_phone(self._cleared)

    def _mark(self, name: str) -> None:
        self.tape.mark(name, self.now)
        self._to_phone(lambda: self._queue.mark(name))

    # The phone

    def truth(self) -> tuple[bytes, bytes]:
        """Caller and agent on the phone's own clock."""
        played = ((chunk.begins_at, chunk.audio[: chunk.length]) for chunk in self._queue.chunks if chunk.length)
        return lay_out(self._frames, 0.0), lay_out(played, 0.0)

    def sample_of(self, taped: int) -> int:
        """Where in the truth a sample of the tape should be."""
        return round(taped * (1 + self._drift))

    def _phone_now(self) -> float:
        return (self.now - BEGAN) * (1 + self._drift)

    def _ours(self, phone_s: float) -> float:
        return phone_s / (1 + self._drift)

    def _frame(self) -> None:
        number = round(self._phone_now() / FRAME_S)
        self.at(BEGAN + self._ours((number + 1) * FRAME_S), self._frame)
        if not self.line_is_silent:
            audio = noise(self.rng, FRAME)
            self._frames.append(((number - 1) * FRAME_S, audio))
            coded = b64encode(audio).decode()
            self._to_us(lambda: self.tape.caller(coded, self.now))

    def _cleared(self) -> None:
        for name in self._queue.clear(self._phone_now()):
            self._to_us(lambda name=name: self._reached(name))

    def _marks_due(self) -> None:
        for name in self._queue.reached(self._phone_now() + 1e-6):
            self._to_us(lambda name=name: self._reached(name))
        if (deadline := self._queue.deadline) is not None:
            self.at(BEGAN + self._ours(deadline), self._marks_due)

    def _reached(self, name: str) -> None:
        self._playout.mark_reached(name, self.now)
        self.tape.reached(name, self.now)

    # Between

    def _to_phone(self, what: Callable[[], object]) -> None:
        def arrives() -> None:
            self._marks_due()
            what()
            self._marks_due()

        self._send(0, arrives)

    def _to_us(self, what: Callable[[], None]) -> None:
        self._send(1, what)

    def _send(self, way: int, what: Callable[[], None]) -> None:
        """In order, as TCP has it: what one message waits for, those behind it wait for too."""
        jitter = self.rng.expovariate(1 / self._jitter_s) if self._jitter_s else 0.0
        arrives = max(self._arrived[way], self.stalled_until, self.now + self._delay_s + jitter)
        self._arrived[way] = arrives
        self.at(arrives, what)

    def _take(self) -> None:
        self.heard += self.tape.take(self.now)
        self.at(self.now + 1, self._take)

    def end(self) -> None:
        """The stream ends, and with it the tape."""
        self.heard += self.tape.end(self.now)
