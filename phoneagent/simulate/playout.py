"""What a phone plays: a queue of audio and marks that runs in real time, as Twilio's media server has it.

Pure: time comes in as `now`, in seconds of any steadily running clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

BYTES_PER_S = 8000
BYTES_PER_MS = 8
MAX_BUFFERED_S = 600  # more than that is discarded: Twilio's warning 31931

_ROUNDING = 1e-3  # bytes: a deadline that was computed from a position must be seen to have reached it


@dataclass(slots=True)
class Chunk:
    """The audio of one message: when it came, and what of it is played.

    `position` counts the bytes that are played before it. `length` is what of the chunk was or will be
    played; a clear cuts it to what had been played by then. `audio` is as received, µ-law.
    """

    audio: bytes = field(repr=False)
    queued_at: float
    begins_at: float
    position: int
    length: int

    @property
    def ends_at(self) -> float:
        """When its last played byte is over."""
        return self.begins_at + self.length / BYTES_PER_S

    @property
    def played_ms(self) -> float:
        """How much of it is heard, all in all."""
        return self.length / BYTES_PER_MS


class PlayoutQueue:
    """Plays audio in the order it came, without a pause while there is any, and says when marks are reached.

    While the queue is dry its playhead stands still; what comes then begins at once. `run_began_at` is when
    the present or last stretch of uninterrupted playing began. With `keep_bytes` only the beginning of each
    chunk's audio is kept in `chunks`, which saves memory in a load test.
    """

    def __init__(self, keep_bytes: int | None = None) -> None:
        self.chunks: list[Chunk] = []
        self._keep_bytes = keep_bytes
        self._received = 0  # bytes queued, without those that a clear threw away
        self.run_began_at = 0.0  # the present or last stretch of uninterrupted playing ...
        self._run_position = 0  # ... and the bytes played before it
        self._marks: deque[tuple[int, str]] = deque()

    @property
    def deadline(self) -> float | None:
        """When the next mark is reached; None without one."""
        return self._time_of(self._marks[0][0]) if self._marks else None

    @property
    def ends_at(self) -> float:
        """When the queue runs dry, or did so last; 0 if nothing was ever played."""
        return self._time_of(self._received)

    def played_bytes(self, now: float) -> int:
        """All that has been played until now."""
        run = int((now - self.run_began_at) * BYTES_PER_S + _ROUNDING)
        return min(self._received, self._run_position + max(0, run))

    def played_ms(self, now: float) -> float:
        """All that has been played until now, in milliseconds."""
        return self.played_bytes(now) / BYTES_PER_MS

    def playing(self, now: float) -> bool:
        """Whether there is anything left to play."""
        return self.played_bytes(now) < self._received

    def play(self, audio: bytes, now: float) -> bool:
        """Queue audio. False: discarded, because ten minutes are waiting already."""
        played = self.played_bytes(now)
        if self._received - played + len(audio) > MAX_BUFFERED_S * BYTES_PER_S:
            return False
        if played == self._received:
            self.run_began_at, self._run_position = now, played
        begins_at = self._time_of(self._received)
        self.chunks.append(Chunk(audio[: self._keep_bytes], now, begins_at, self._received, len(audio)))
        self._received += len(audio)
        return True

    def mark(self, name: str) -> None:
        """Queue a mark behind all the audio there is."""
        self._marks.append((self._received, name))

    def reached(self, now: float) -> tuple[str, ...]:
        """The marks that have been reached and not yet told, in order."""
        played = self.played_bytes(now)
        names: list[str] = []
        while self._marks and self._marks[0][0] <= played:
            names.append(self._marks.popleft()[1])
        return tuple(names)

    def clear(self, now: float) -> tuple[str, ...]:
        """Throw away what has not been played; the marks that were still waiting, in order."""
        played = self.played_bytes(now)
        for chunk in reversed(self.chunks):
            if chunk.position + chunk.length <= played:
                break
            chunk.length = max(0, played - chunk.position)
        self._received = played
        names = tuple(name for _, name in self._marks)
        self._marks.clear()
        return names

    def _time_of(self, position: int) -> float:
        return self.run_began_at + (position - self._run_position) / BYTES_PER_S
