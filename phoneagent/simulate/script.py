"""What a simulated caller does, step by step.

    script = [WaitForAgent(), Say("A table for four, please."), Interrupt(800, "No, wait, for five!"),
              WaitForAgent(), Press("1#"), WaitForAgent(), HangUp()]

A caller whose script has no HangUp stays on the line, silently, until the agent ends the call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text, which needs a voice (see `FakePhone`), or the WAV file at a path."""

    what: str | Path


@dataclass(frozen=True, slots=True)
class WaitForAgent:
    """Listen until the agent has spoken since the caller's last words and has then been quiet for `quiet_ms`.

    An agent that does not speak or does not stop is waited for `timeout_s`; that is noted, and the script
    goes on.
    """

    quiet_ms: int = 800
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Let the agent speak for `after_ms`, counted from the caller's last words, then speak as `Say` does.

    An agent that ends its turn sooner is spoken to all the same, 800 ms later; that is noted.
    """

    after_ms: int
    what: str | Path
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Say nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys (0-9, *, #, A-D), one every `every_ms`."""

    digits: str
    every_ms: int = 200


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call: the stream ends with `stop`."""


@dataclass(frozen=True, slots=True)
class DropConnection:
    """Lose the connection: the stream breaks off without `stop`."""


Step = Say | WaitForAgent | Interrupt | Silence | Press | HangUp | DropConnection


def conversation(lines: Iterable[str | Path]) -> list[Step]:
    """A polite caller: lets the agent finish before each line and at the end, then hangs up.

    A line is a text, or the name of a WAV file.
    """
    steps: list[Step] = [WaitForAgent()]
    for line in lines:
        what = Path(line) if str(line).lower().endswith(".wav") else line
        steps += [Say(what), WaitForAgent()]
    return [*steps, HangUp()]
