"""Keeps all that happens on a call, beside the call, so that it can be replayed (docs/testing.md)."""

from __future__ import annotations

import asyncio
import gzip
import logging
import math
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import orjson

from phoneagent import __version__
from phoneagent.calls.record import CallDetails
from phoneagent.core.agents import Agent, ToolPolicy
from phoneagent.core.bridge import CallBridge
from phoneagent.core.commands import AppendAudio, Commands
from phoneagent.core.disguise import Disguise, shown, sound_of_caller
from phoneagent.core.events import CallerAudio, Event
from phoneagent.store.event_logs import FULL, Head, Step, head_line, lines, new_event_log

log = logging.getLogger(__name__)

WRITE_EVERY_S = 2.0
MOST_WAITING = 10_000  # steps of one call, some two minutes of it, that the disk may be behind
MOST_BYTES = 50_000_000  # of one call, before it is compressed: some hours


class LoggedBridge(CallBridge):
    """A bridge whose every step is noted. Its clock has whole microseconds, so that a log tells times exactly."""

    def __init__(self, agent: Agent, began: float, tools: Mapping[str, ToolPolicy], steps: _Steps) -> None:
        super().__init__(agent, began, tools)
        self._steps = steps

    def receive(self, event: Event, now: float) -> Commands:
        now, over, terminator = _whole(now), self.ended, self.agent.dtmf.terminator
        commands = super().receive(event, now)
        if over is None:
            self._note(event, now, commands, terminator)
        return commands

    def tick(self, now: float) -> Commands:
        now = _whole(now)
        commands = super().tick(now)
        self._note(None, now, commands)
        return commands

    def _note(self, event: Event | None, now: float, commands: Commands, terminator: str = "") -> None:
        self._steps.add(now, event, commands, terminator)
        self._steps.over = self.ended is not None


def _whole(now: float) -> float:
    """The next whole microsecond: never before `now`, or a deadline would seem not to have passed."""
    us = math.ceil(now * 1e6)
    return us / 1e6 if us / 1e6 >= now else (us + 1) / 1e6


class EventLogs:
    """Writes the logs of calls in a thread, every two seconds. A disk that fails costs a log, and no call a frame."""

    def __init__(self, folder: Path) -> None:
        """The folder that `store.event_logs` reads from."""
        self._folder = folder
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="event-logs")
        self._open: set[_Steps] = set()
        self._writing: asyncio.Task[None] | None = None

    def bridge(self, details: CallDetails, began: float, tools: Mapping[str, ToolPolicy]) -> CallBridge:
        """A bridge for a call, which is logged if the agent that answers wants it."""
        agent = details.agent
        if not agent.event_log:
            return CallBridge(agent, began, tools)
        path = new_event_log(self._folder, details.call_id, details.began)
        steps = _Steps(path, Head(__version__, details.call_id, began, agent, dict(tools)))
        self._open.add(steps)
        if self._writing is None:
            self._writing = asyncio.create_task(self._keep_writing())
        return LoggedBridge(agent, began, tools, steps)

    async def close(self) -> None:
        """Write out what there is, also of calls that go on."""
        if self._writing is not None:
            self._writing.cancel()
            with suppress(asyncio.CancelledError):
                await self._writing
            for steps in self._open:
                steps.over = True
            await self._write()
        await asyncio.to_thread(self._writer.shutdown)

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self._write()

    async def _write(self) -> None:
        done = await asyncio.get_running_loop().run_in_executor(self._writer, _write_all, tuple(self._open))
        self._open -= done


class _Steps:
    """Those of one call, on their way to its file."""

    def __init__(self, path: Path, head: Head) -> None:
        self.over = False
        self._waiting: deque[tuple[float, Event | None, Commands, str]] = deque()
        self._path = path
        self._head = head
        self._disguise = Disguise()
        self._file: BinaryIO | None = None
        self._written = 0
        self._given_up = False
        self._finished = False

    def add(self, now: float, event: Event | None, commands: Commands, terminator: str) -> None:
        """Take a step, unless the log was given up."""
        if self._given_up:
            return
        self._waiting.append((now, event, commands, terminator))
        if len(self._waiting) > MOST_WAITING:
            self._give_up("the disk does not keep up")

    def write(self) -> bool:
        """Write what waits. Returns whether the log is finished; it never raises."""
        if self._finished:  # by a write whose end nobody waited for
            return True
        over = self.over  # before what waits is looked at
        try:
            if not self._given_up:
                self._write_lines(lines(self._taken()))
            if over and self._file is not None:
                self._file.close()
                _compress(self._path)
        except Exception as error:  # whatever it is, it is not worth a call, nor the other logs
            self._give_up(str(error))
        self._finished = over
        return over

    def _give_up(self, reason: str) -> None:
        if not self._given_up:
            self._given_up = True
            log.error("event log given up", extra={"call_id": self._head.call_id, "reason": reason})
        self._waiting.clear()

    def _write_lines(self, new: Iterable[bytes]) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.fdopen(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
            self._file.write(head_line(self._head))
        for line in new:
            self._written += len(line)
            if self._written > MOST_BYTES:
                self._file.write(orjson.dumps(FULL) + b"\n")
                self._file.flush()
                raise OSError(f"it is longer than {MOST_BYTES // 1_000_000} MB")
            self._file.write(line)
        self._file.flush()

    def _taken(self) -> Iterator[Step]:
        arguments = self._disguise.arguments
        while self._waiting:
            now, event, commands, terminator = self._waiting.popleft()
            if isinstance(event, CallerAudio) and commands == (AppendAudio(event.audio),):  # nearly always
                sound = sound_of_caller(event.audio)
                yield Step(now, CallerAudio(sound), [{"do": "AppendAudio", "audio": sound}])
            else:
                kept = None if event is None else self._disguise.event(event, commands, terminator)
                yield Step(now, kept, [shown(command, arguments) for command in commands])


def _write_all(logs: tuple[_Steps, ...]) -> set[_Steps]:
    return {steps for steps in logs if steps.write()}


def _compress(path: Path) -> None:
    """Write a finished log anew, packed. Of one that somebody erases meanwhile nothing stays."""
    unfinished, packed = path.with_suffix(".gz.part"), path.with_suffix(".jsonl.gz")
    try:
        # in this order: whoever has erased the log finds what it is copied to, or it is not copied
        with (
            os.fdopen(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as raw,
            path.open("rb") as plain,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file,
        ):
            shutil.copyfileobj(plain, file)
        unfinished.replace(packed)
        path.unlink()
    except FileNotFoundError:
        packed.unlink(missing_ok=True)
    finally:
        unfinished.unlink(missing_ok=True)
