"""Logs of all that happened on a call, to be replayed: a line of JSON for each step of its bridge.

`<folder>/<year>/<month>/<day>/<call>.jsonl`, compressed (`.gz`) once the call is over. The first line is the head.
"""

from __future__ import annotations

import gzip
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from phoneagent.core import events as on
from phoneagent.core.agents import Agent, ToolPolicy
from phoneagent.core.disguise import sound_of_caller
from phoneagent.core.events import Event
from phoneagent.store.blobs import day_folder

ENDINGS = (".jsonl.gz", ".jsonl")
FULL = {"full": True}
"""The last line of a log that has become too long."""


class EventLogError(Exception):
    """A log that can't be read. Says which, and why."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log begins: which phoneagent wrote it, and with what the bridge began."""

    version: str
    call_id: str
    began: float
    agent: Agent
    tools: Mapping[str, ToolPolicy]


@dataclass(frozen=True, slots=True)
class Step:
    """What the bridge was told at a moment of the call's clock, and what it answered. `event` None: time had passed."""

    at: float
    event: Event | None
    commands: list[dict[str, Any]] = field(repr=False)


_HEAD = TypeAdapter(Head)


@cache
def _adapter(kind: str) -> TypeAdapter[Event]:
    return TypeAdapter(getattr(on, kind))


def event_log(folder: Path, call_id: str, began: datetime) -> Path | None:
    """The log of a call that began then; None: there is none."""
    paths = (_path(folder, call_id, began, ending) for ending in ENDINGS)
    return next((path for path in paths if path.exists()), None)


def new_event_log(folder: Path, call_id: str, began: datetime) -> Path:
    """Where the log of a call is to be written, while it goes on."""
    return _path(folder, call_id, began, ".jsonl")


def _path(folder: Path, call_id: str, began: datetime, ending: str) -> Path:
    return folder / day_folder(began) / f"{call_id}{ending}"


def head_line(head: Head) -> bytes:
    """The first line of a log."""
    return _HEAD.dump_json(head) + b"\n"


def lines(steps: Iterable[Step]) -> Iterator[bytes]:
    """The lines of steps. Frames of the caller's audio that were just passed on, or kept, stand together in one."""
    frames: list[list[Any]] = []
    began = last = 0.0
    for step in steps:
        passed_on = _passed_on(step)
        if frames and (passed_on is None or len(frames) == 500):
            yield orjson.dumps({"at": began, "frames": frames}) + b"\n"
            frames = []
        if passed_on is None:
            yield orjson.dumps({"at": step.at, "event": _event(step.event), "commands": step.commands}) + b"\n"
            continue
        assert isinstance(step.event, on.CallerAudio)
        if not frames:
            began = last = step.at
        frames.append([round((step.at - last) * 1e6), step.event.audio, passed_on])
        last = step.at
    if frames:
        yield orjson.dumps({"at": began, "frames": frames}) + b"\n"


def _event(event: Event | None) -> dict[str, Any] | None:
    if event is None:
        return None
    kind = type(event).__name__
    return {"on": kind, **_adapter(kind).dump_python(event, mode="json")}


def _passed_on(step: Step) -> bool | None:
    """Whether a frame of the caller's audio was passed on or kept; None for any other step."""
    if not isinstance(step.event, on.CallerAudio):
        return None
    if not step.commands:
        return False
    return True if step.commands == [{"do": "AppendAudio", "audio": step.event.audio}] else None


def read(path: Path) -> tuple[Head, Iterator[Step]]:
    """A log: its head, and its steps one by one. Raises EventLogError, also while the steps are read.

    A last line that a killed process has left half written is left out.
    """
    found = _lines_of(path)
    try:
        head = _HEAD.validate_json(next(found, b""))
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        raise EventLogError(f"{path}, line 1: no head of an event log: {problem['msg']}") from None
    return head, _steps(path, found)


def _lines_of(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise EventLogError(f"{path} can't be read: {reason}") from None


def _steps(path: Path, found: Iterator[bytes]) -> Iterator[Step]:
    for number, line in enumerate(found, start=2):
        try:
            given = orjson.loads(line)
            if given == FULL:
                return
            yield from _frames(given) if "frames" in given else (_step(given),)
        except (orjson.JSONDecodeError, ValidationError, KeyError, TypeError, AttributeError, ValueError):
            raise EventLogError(f"{path}, line {number}: no step of a call") from None


def _step(given: dict[str, Any]) -> Step:
    event = given["event"]
    if event is not None:
        event = _adapter(event.pop("on")).validate_python(event)
    step = Step(float(given["at"]), event, [{"do": command["do"], **command} for command in given["commands"]])
    heard_again(step)  # or it is none
    return step


def _frames(given: dict[str, Any]) -> Iterator[Step]:
    at = float(given["at"])
    for later_us, sound, passed_on in given["frames"]:
        at = round(at + later_us / 1e6, 6)
        _sound(sound)  # or it is none
        yield Step(at, on.CallerAudio(sound), [{"do": "AppendAudio", "audio": sound}] if passed_on else [])


def heard_again(step: Step) -> Event | None:
    """The event of a step with audio such as the bridge decides by. Raises ValueError, TypeError, AttributeError."""
    if not isinstance(step.event, on.CallerAudio):
        return step.event
    return replace(step.event, audio=_sound(step.event.audio))


@cache
def _sound(described: str) -> str:
    ms = float(described.rstrip("!"))
    sound = b64encode((b"\x80" if described.endswith("!") else b"\xff") * round(ms * 8)).decode()
    if sound_of_caller(sound) != described:
        raise ValueError("no sound of a caller")
    return sound
