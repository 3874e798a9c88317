"""How a number behaves when it is dialled. Values; all seconds are the carrier's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phoneagent.simulate.party import Keys, Words
from phoneagent.simulate.script import Step


@dataclass(frozen=True, slots=True)
class Person:
    """Answers after `ring_s`, and hangs up `hangs_up_after_s` after that, or stays.

    On a media stream the person follows `script`; asked for keys or words (<Gather>), they give `gather`.
    """

    ring_s: float = 0.05
    script: Sequence[Step] = ()
    gather: Keys | Words | None = None
    hangs_up_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Voicemail:
    """A machine that answers after `ring_s`, speaks its greeting for `greeting_s`, beeps or not, and records.

    Where a <Gather> listens to it, it hears the greeting.
    """

    ring_s: float = 0.05
    greeting: str = "Hi, you have reached my voicemail. Please leave a message after the tone."
    greeting_s: float = 0.2
    beep: bool = True
    hangs_up_after_s: float | None = 60.0


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Rings, for as long as anybody waits."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Is engaged."""

    after_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Cannot be reached: the call fails."""

    after_s: float = 0.05


Callee = Person | Voicemail | NoAnswer | Busy | Unreachable
