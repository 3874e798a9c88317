"""Requests to the REST API that go wrong: with an error, without an answer, with a broken connection."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """How a request goes wrong, and whether it has its effect all the same.

    `timeout_…` never answers, `reset_…` closes the connection. `status(code)` answers with an HTTP error.
    """

    kind: Literal["status", "timeout", "reset"]
    takes_effect: bool = False
    code: int = 0

    timeout_before: ClassVar[Fault]
    timeout_after: ClassVar[Fault]
    reset_before: ClassVar[Fault]
    reset_after: ClassVar[Fault]

    @classmethod
    def status(cls, code: int, *, takes_effect: bool = False) -> Fault:
        """An HTTP error, such as 429 or 500; a 5xx may come after the deed."""
        return cls("status", takes_effect, code)


Fault.timeout_before = Fault("timeout")
Fault.timeout_after = Fault("timeout", takes_effect=True)
Fault.reset_before = Fault("reset")
Fault.reset_after = Fault("reset", takes_effect=True)


@dataclass(slots=True)
class _Rule:
    method: str
    path_end: str
    times: int | None
    fault: Fault
    share: float


class Faults:
    """Which requests are to go wrong."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rules: list[_Rule] = []

    def add(self, method: str, path_end: str, times: int | None, fault: Fault, share: float) -> None:
        """Let `times` requests (None: all) whose path ends so go wrong; of those to come, only this `share`."""
        self._rules.append(_Rule(method, path_end, times, fault, share))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """What happens to this request."""
        for rule in self._rules:
            if rule.times == 0 or method != rule.method or not path.endswith(rule.path_end):
                continue
            if rule.share < 1 and self._rng.random() >= rule.share:
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.fault
        return None
