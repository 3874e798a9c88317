"""The rate at which calls may be begun."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable


class Pace:
    """Turns, one after the other, at most `per_second` for each number.

    The first comes after one interval: nobody knows what was dialled just before the service started.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 1 / per_second
        self._monotonic = monotonic
        first = monotonic() + self._interval_s
        self._next: defaultdict[str, float] = defaultdict(lambda: first)

    def take(self, number: str) -> float:
        """Take the number's next turn, which comes in so many seconds."""
        now = self._monotonic()
        turn = max(now, self._next[number])
        self._next[number] = turn + self._interval_s
        return turn - now
