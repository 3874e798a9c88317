"""Many calls against a talking model: callers whose every frame is a probe, and what came through.

The service under test stands between them; its sessions must be µ-law, or the probes are lost on the way.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from phoneagent.simulate.audio import FRAME_BYTES, FRAME_MS
from phoneagent.simulate.caller import Action, Utterance
from phoneagent.simulate.line import PhoneLine
from phoneagent.simulate.playout import PlayoutQueue
from phoneagent.simulate.probe import Probe, read_probe, silence_after_probe
from phoneagent.simulate.talking_model import TalkingSession

_CLEAR_WITHIN_S = 0.5
_AFTER_PROBE = silence_after_probe(FRAME_BYTES)


class ProbeCaller:
    """A caller who says nothing but probes, and hangs up after `seconds`. For `FakePhone.connect`."""

    def __init__(self, number: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.number = number
        self.utterances: list[Utterance] = []
        self.notes: list[str] = []
        self._frames = round(seconds * 50)
        self._sequence = 0
        self._clock = clock

    def act(self, now: float, heard: PlayoutQueue) -> Action:
        """One more probe."""
        probe = Probe(self.number, self._sequence, self._clock())
        self._sequence += 1
        ends = self._sequence >= self._frames
        return Action(probe.base64() + _AFTER_PROBE, ending="hung up" if ends else None)


@dataclass(slots=True)
class LoadFigures:
    """What came through between phones and model, over all calls. Times in milliseconds, one for each probe.

    `barge_in_ms` are from `speech_started` sent to the clear received, for each that interrupted; `missed` counts
    those that no clear followed within half a second, although the call went on for so long. `stale` are pieces of
    audio that arrived after the clear that should have been their end. `late_phone_ms` is the worst delay of the
    phones themselves: figures below it say nothing.
    """

    to_model_ms: list[float] = field(default_factory=list, repr=False)
    to_phone_ms: list[float] = field(default_factory=list, repr=False)
    barge_in_ms: list[float] = field(default_factory=list, repr=False)
    frames_sent: int = 0
    frames_received: int = 0
    deltas_sent: int = 0
    chunks_received: int = 0
    stale: int = 0
    missed: int = 0
    late_phone_ms: float = 0.0

    @property
    def frames_lost(self) -> int:
        """Frames of the callers that the model did not get."""
        return self.frames_sent - self.frames_received


def compare(lines: Iterable[tuple[int, PhoneLine]], sessions: Iterable[TalkingSession]) -> LoadFigures:
    """Hold what phones and model saw of the same calls against each other.

    `lines` come with the numbers of their callers; a session knows its caller's number from the probes.
    """
    by_call = {session.call: session for session in sessions if session.call is not None}
    figures = LoadFigures()
    for number, line in lines:
        figures.frames_sent += line.frames_sent
        figures.late_phone_ms = max(figures.late_phone_ms, line.worst_delay_s * 1000)
        if (session := by_call.get(number)) is not None:
            _add(figures, line, session)
    return figures


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` per cent of the values do not exceed; NaN without values."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def _add(figures: LoadFigures, line: PhoneLine, session: TalkingSession) -> None:
    figures.frames_received += session.frames
    figures.deltas_sent += session.deltas_sent
    figures.to_model_ms += [latency * 1000 for latency in session.latencies_s]
    clears = [clear.at for clear in line.clears]
    ended_at = line.began_at + line.frames_sent * FRAME_MS / 1000
    cut: list[tuple[float, int]] = []  # from when on audio of up to which turn is stale
    for started in session.speech_started:
        if not started.interrupting:
            continue
        next_clear = bisect_left(clears, started.at)
        if next_clear == len(clears) or clears[next_clear] > started.at + _CLEAR_WITHIN_S:
            figures.missed += started.at + _CLEAR_WITHIN_S < ended_at
        else:
            figures.barge_in_ms.append((clears[next_clear] - started.at) * 1000)
            cut.append((clears[next_clear], started.turn))
    for chunk in line.playout.chunks:
        figures.chunks_received += 1
        if (probe := read_probe(chunk.audio)) is not None:
            figures.to_phone_ms.append((chunk.queued_at - probe.sent_at) * 1000)
            figures.stale += any(chunk.queued_at > at and probe.source <= turn for at, turn in cut)
