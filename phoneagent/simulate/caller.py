"""The simulated caller: decides, for every 20 ms, what goes into the phone. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Literal, Protocol

from phoneagent.simulate.audio import FRAME_MS, SILENT_FRAME, Clip
from phoneagent.simulate.playout import PlayoutQueue
from phoneagent.simulate.script import (
    DropConnection,
    HangUp,
    Interrupt,
    Press,
    Say,
    Silence,
    Step,
    WaitForAgent,
)

Ending = Literal["hung up", "dropped"]

_FRAME_S = FRAME_MS / 1000
_QUIET_MS = 800  # an agent that is quiet for so long has ended its turn
_OVERLAP_S = 1.0  # what still runs on for so long after the caller's words is not an answer to them


@dataclass(frozen=True, slots=True)
class Action:
    """What the caller does in one frame's time: a frame of base64 audio, and perhaps a key or the end."""

    audio: str = field(repr=False)
    digit: str | None = None
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something the caller said. `ended_at` is the end of the speech in it, not of its trailing silence."""

    what: str | Path
    began_at: float
    ended_at: float
    interrupts: bool = False


class CallerSide(Protocol):
    """Whatever holds the phone: a scripted caller, or the source of a load test's frames."""

    utterances: list[Utterance]
    notes: list[str]

    def act(self, now: float, heard: PlayoutQueue) -> Action:
        """What goes into the phone in the frame that ends `now`. Asked once per 20 ms."""


class Caller:
    """A caller who follows a script. `clip` turns a text or a path into what is said.

    `quiet` are the frames of silence or comfort noise to send between the words, over and over. What did
    not go as the script wanted is in `notes`.
    """

    def __init__(
        self,
        script: Iterable[Step],
        clip: Callable[[str | Path], Clip],
        quiet: Sequence[str] = (SILENT_FRAME,),
    ) -> None:
        self.utterances: list[Utterance] = []
        self.notes: list[str] = []
        self._clip = clip
        self._quiet = cycle([Action(frame) for frame in quiet])
        self._now = 0.0
        self._heard = PlayoutQueue()
        self._words_ended_at = -math.inf
        self._heard_before_ms = 0.0  # what the playhead was at when the agent's answer began
        self._actions = self._follow(tuple(script))

    def act(self, now: float, heard: PlayoutQueue) -> Action:
        """What goes into the phone in the frame that ends `now`. Asked once per 20 ms."""
        if heard is not self._heard:  # another stream of the same call, on which nothing was heard yet
            self._heard_before_ms = 0.0
        self._now, self._heard = now, heard
        if heard.run_began_at <= self._words_ended_at >= now - _OVERLAP_S:
            self._heard_before_ms = heard.played_ms(now)
        return next(self._actions)

    def _follow(self, script: tuple[Step, ...]) -> Generator[Action, None, None]:
        for step in script:
            match step:
                case Say(what):
                    yield from self._say(what)
                case WaitForAgent(quiet_ms, timeout_s):
                    yield from self._wait_for_agent(quiet_ms, timeout_s)
                case Interrupt(after_ms, what, timeout_s):
                    yield from self._wait_to_interrupt(after_ms, timeout_s)
                    yield from self._say(what, interrupts=True)
                case Silence(seconds):
                    for _ in range(round(seconds / _FRAME_S)):
                        yield next(self._quiet)
                case Press(digits, every_ms):
                    yield from self._press(digits, every_ms)
                case HangUp():
                    yield Action(next(self._quiet).audio, ending="hung up")
                case DropConnection():
                    yield Action(next(self._quiet).audio, ending="dropped")
        while True:
            yield next(self._quiet)

    def _say(self, what: str | Path, interrupts: bool = False) -> Generator[Action, None, None]:
        clip = self._clip(what)
        began_at = self._now - _FRAME_S  # a frame is sent when it is over
        ended_at = began_at + clip.speech_ms / 1000
        self.utterances.append(Utterance(what, began_at, ended_at, interrupts))
        for frame in clip.frames:
            self._words_ended_at = min(self._now, ended_at)
            yield Action(frame)

    def _press(self, digits: str, every_ms: int) -> Generator[Action, None, None]:
        for digit in digits:
            self._words_ended_at = self._now
            yield Action(next(self._quiet).audio, digit=digit)
            for _ in range(every_ms // FRAME_MS - 1):
                yield next(self._quiet)

    def _wait_for_agent(self, quiet_ms: int, timeout_s: float) -> Generator[Action, None, None]:
        give_up_at = self._now + timeout_s
        while not (self._agent_ms() > 0 and self._agent_quiet_ms() >= quiet_ms):
            if self._now >= give_up_at:
                what = "stop speaking" if self._agent_ms() else "speak"
                self.notes.append(f"the agent did not {what} within {timeout_s:g} s")
                return
            yield next(self._quiet)

    def _wait_to_interrupt(self, after_ms: int, timeout_s: float) -> Generator[Action, None, None]:
        give_up_at = self._now + timeout_s
        while self._agent_ms() < after_ms:
            if self._agent_ms() > 0 and self._agent_quiet_ms() >= _QUIET_MS:
                self.notes.append(f"the agent's turn was over before it could be interrupted at {after_ms} ms")
                return
            if self._now >= give_up_at:
                self.notes.append(f"the agent did not speak within {timeout_s:g} s")
                return
            yield next(self._quiet)

    def _agent_ms(self) -> float:
        """How much of the agent was heard since the caller's last words."""
        return self._heard.played_ms(self._now) - self._heard_before_ms

    def _agent_quiet_ms(self) -> float:
        return max(0.0, self._now - self._heard.ends_at) * 1000
