"""Listening in: both sides of a call for those who listen, and how loud they are for those who watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from phoneagent.calls.views import Levels
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.commands import Command
from phoneagent.core.events import Event
from phoneagent.core.listening import FRAME_S, STEP_S, Earpiece, Loudness

if TYPE_CHECKING:
    from phoneagent.calls.runner import CallRunner

log = logging.getLogger(__name__)

MOST_LISTENERS = 10  # to one call


class ListeningFullError(Exception):
    """Nobody else can listen to this call."""


class Listener(Protocol):
    """Somebody who listens in. Nothing of it waits."""

    def hear(self, frame: bytes) -> None:
        """20 ms: 160 µ-law bytes of the caller, then as many of what the caller hears."""

    def taken_over(self, by: str | None) -> None:
        """An operator has taken the call over, or (None) handed it back."""

    def over(self) -> None:
        """The call is over. Nothing comes after this."""


class Listening:
    """One call's audio for others. Nothing is done as long as nobody listens or watches."""

    def __init__(self, call: CallRunner) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self._watchers = 0
        self._earpiece: Earpiece | None = None  # while it is worn
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._taken_over_by: str | None = None
        self._loudness: tuple[Loudness, Loudness] = Loudness(), Loudness()
        self._levels: tuple[list[float], list[float]] = [], []
        self._levels_at_s = 0.0

    @property
    def listeners(self) -> int:
        """How many people listen."""
        return len(self._listeners)

    @property
    def used(self) -> bool:
        """Whether anybody listens or watches."""
        return bool(self._listeners or self._watchers)

    def join(self, listener: Listener) -> Callable[[], None]:
        """Let somebody hear the call from now on. Returns what ends that. Raises ListeningFullError."""
        if len(self._listeners) >= MOST_LISTENERS:
            raise ListeningFullError
        self._listen()  # what was heard by now is nothing to them
        self._listeners.append(listener)
        self._put_on()
        if self._timer is None:
            self._due, self._taken_over_by = self._loop.time(), self._call.operators.taken_over_by
            self._tick()
        return lambda: self._leave(listener)

    def watch(self) -> Callable[[], None]:
        """Have `levels` from now on. Returns what ends that."""
        self._listen()  # what was heard by now is nothing to them
        self._put_on()
        if not self._watchers:
            self._loudness, self._levels = (Loudness(), Loudness()), ([], [])
            self._levels_at_s = self._call.kept.at_s
        self._watchers += 1

        def stop() -> None:
            self._watchers -= 1
            self._take_off_unused()

        return stop

    def levels(self) -> Levels | None:
        """How loud both sides were since this was asked last; None if no step of it is over."""
        self._listen()
        (caller, agent), at_s = self._levels, self._levels_at_s
        if not caller:
            return None
        self._levels, self._levels_at_s = ([], []), at_s + len(caller) * STEP_S
        return Levels(round(at_s, 3), STEP_S, caller, agent)

    # Inside

    def _put_on(self) -> None:
        if self._earpiece is None:
            self._earpiece = Earpiece(self._call.kept.at_s)
            self._call.overhear(self._note)

    def _take_off_unused(self) -> None:
        if not self.used:
            self._call.overhear(None)
            self._earpiece = None

    def _leave(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
            self._take_off_unused()

    def _note(self, what: Event | Command) -> None:
        """Something came from the leg, or was sent to it."""
        assert self._earpiece is not None
        match what:
            case on.CallerAudio(audio):
                self._earpiece.caller(audio)
            case do.PlayAudio(audio):
                self._earpiece.play(audio)
            case do.ClearPlayout() | on.StreamStarted() | on.StreamEnded():  # not every stream's end is told
                self._earpiece.clear()

    def _listen(self) -> None:
        """Pass on what was heard by now."""
        if self._earpiece is None:
            return
        heard = self._earpiece.take(self._call.kept.at_s)
        if self._watchers:
            for side, loudness, audio in zip(self._levels, self._loudness, (heard.caller, heard.agent), strict=True):
                side += loudness.of(audio)
        for listener in tuple(self._listeners):
            for frame in heard.frames:
                listener.hear(frame)

    def _tick(self) -> None:
        self._timer = None
        over = self._call.over is not None
        if not over and (by := self._call.operators.taken_over_by) != self._taken_over_by:
            self._taken_over_by = by
            for listener in tuple(self._listeners):
                listener.taken_over(by)
        self._listen()
        if over:
            for listener in tuple(self._listeners):
                listener.over()
                self._leave(listener)
        elif self._listeners:
            self._due = max(self._due + FRAME_S, self._loop.time())
            self._timer = self._loop.call_at(self._due, self._tick)
