"""What a listener hears of a call: both sides in time, as they are, a moment late.

The caller's frames are heard as they come; when the network brings one too late, there is silence in its place, and
what follows is heard that much later, until that was not necessary for a while. What goes to the leg goes there faster
than it is played: it is heard at the pace at which the leg plays it, from when it was queued, and what a clear throws
away is not heard. Audio is µ-law at 8 kHz, times are seconds of any steadily running clock.
"""

from __future__ import annotations

from binascii import a2b_base64
from dataclasses import dataclass, field

from phoneagent.core.audio import peak

FRAME = 160  # bytes, 20 ms
FRAME_S = 0.020
STEP = 5 * FRAME  # of the levels
STEP_S = 5 * FRAME_S
SILENCE = b"\xff"
_BEHIND = 8 * FRAME  # of the caller's may wait at most; the rest of a burst is left out
_SPARE = 2 * FRAME  # of it may do so all the time
_LOOKED_AT = 50  # frames: how long that is


@dataclass(frozen=True, slots=True)
class Heard:
    """Some frames of both sides, which were heard at the same time, and are of the same length."""

    caller: bytes = field(repr=False)
    agent: bytes = field(repr=False)

    @property
    def frames(self) -> list[bytes]:
        """Frame by frame: 160 bytes of the caller, then as many of the agent's side."""
        return [self.caller[at : at + FRAME] + self.agent[at : at + FRAME] for at in range(0, len(self.caller), FRAME)]


class Earpiece:
    """Both sides of a call. It is told what comes from the leg and goes to it; `take` gives what was heard by now."""

    def __init__(self, now: float) -> None:
        """`now`: when it begins to listen. What was queued at the leg before is not heard."""
        self._began = now
        self._taken = 0  # frames
        self._caller = bytearray()
        self._agent = bytearray()
        self._waited = _BEHIND  # of the caller's, at least, since that was looked at

    def caller(self, audio: str) -> None:
        """A frame of the caller has come, base64."""
        self._caller += a2b_base64(audio)
        if len(self._caller) > _BEHIND:
            del self._caller[:-_BEHIND]

    def play(self, audio: str) -> None:
        """Audio, base64, was queued at the leg."""
        self._agent += a2b_base64(audio)

    def clear(self) -> None:
        """What was queued and not played is thrown away."""
        self._agent.clear()

    def take(self, now: float) -> Heard:
        """What was heard since the last time, in whole frames; silence where there was nothing."""
        due = int((now - self._began) / FRAME_S + 1e-6)
        length = (due - self._taken) * FRAME
        heard = Heard(_taken(self._caller, length), _taken(self._agent, length))
        self._waited = min(self._waited, len(self._caller))
        if due // _LOOKED_AT != self._taken // _LOOKED_AT:
            del self._caller[: max(0, self._waited - _SPARE)]
            self._waited = _BEHIND
        self._taken = due
        return heard


class Loudness:
    """How loud a side is, step by step."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def of(self, audio: bytes) -> list[float]:
        """The peaks of the steps that are over with this audio, as shares of full scale."""
        self._rest += audio
        steps = range(0, len(self._rest) - STEP + 1, STEP)
        peaks = [round(peak(self._rest[at : at + STEP]), 3) for at in steps]
        del self._rest[: len(peaks) * STEP]
        return peaks


def _taken(queue: bytearray, length: int) -> bytes:
    taken = bytes(queue[:length])
    del queue[:length]
    return taken.ljust(length, SILENCE)
