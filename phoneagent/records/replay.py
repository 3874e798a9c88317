"""Replays a call from its event log: the same events at the same moments, and the bridge is to answer as it did."""

from __future__ import annotations

import gzip
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from difflib import ndiff
from pathlib import Path
from typing import Any

from phoneagent.core.bridge import CallBridge
from phoneagent.core.commands import Commands
from phoneagent.core.disguise import shown
from phoneagent.store.event_logs import Head, Step, head_line, heard_again, lines, read

SHOWN_BEFORE = 10  # steps before a difference; frames of the caller's audio do not count


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step, counted from 1, at which the bridge answered something else, and what came `before`.

    As text, both with their times on the call's clock, and what was answered then (-) and now (+).
    """

    began: float
    number: int
    step: Step
    answered: list[dict[str, Any]] = field(repr=False)
    before: tuple[Step, ...] = field(repr=False)

    def __str__(self) -> str:
        moments = [_moment(step, self.began) for step in (*self.before, self.step)]
        then, now = (list(map(_words, commands)) for commands in (self.step.commands, self.answered))
        return "\n".join([*moments, *(f"  {line}" for line in ndiff(then, now) if not line.startswith("?"))])


@dataclass(frozen=True, slots=True)
class Replayed:
    """A call that was replayed. `difference` None: the bridge answered as it did."""

    head: Head
    steps: int
    difference: Difference | None


def replay(path: Path) -> Replayed:
    """Replay a log, up to the first difference. Raises EventLogError."""
    head, steps = read(path)
    before: deque[Step] = deque(maxlen=SHOWN_BEFORE)
    number = 0
    for number, (step, answered) in enumerate(_answers(head, steps), start=1):
        if answered != step.commands:
            return Replayed(head, number, Difference(head.began, number, step, answered, tuple(before)))
        if not _is_routine(step):
            before.append(step)
    return Replayed(head, number, None)


def accept(path: Path, to: Path) -> None:
    """Write a log in which the bridge answers as it does now. Raises EventLogError, OSError."""
    head, steps = read(path)
    unfinished = to.with_name(f"{to.name}.part")
    with gzip.open(unfinished, "wb") if to.suffix == ".gz" else unfinished.open("wb") as file:
        file.write(head_line(head))
        file.writelines(lines(replace(step, commands=answered) for step, answered in _answers(head, steps)))
    unfinished.replace(to)


def _answers(head: Head, steps: Iterator[Step]) -> Iterator[tuple[Step, list[dict[str, Any]]]]:
    """Each step, and how the bridge answers it."""
    bridge = CallBridge(head.agent, head.began, head.tools)
    for step in steps:
        event = heard_again(step)
        commands: Commands = bridge.tick(step.at) if event is None else bridge.receive(event, step.at)
        yield step, [shown(command) for command in commands]


def _is_routine(step: Step) -> bool:
    return not step.commands or all(command["do"] == "AppendAudio" for command in step.commands)


def _moment(step: Step, began: float) -> str:
    at = f"{step.at - began:9.3f} s  "
    if step.event is None:
        return f"{at}time passed"
    event = {f.name: getattr(step.event, f.name) for f in fields(step.event)}
    return at + _words({"on": type(step.event).__name__, **event})


def _words(what: dict[str, Any]) -> str:
    """An event or a command in a line."""
    kind, *values = what.items()
    return " ".join([kind[1], *(f"{name}={value!r}" for name, value in values if value is not None)])
