"""How the engine and the telephone do: what was last heard of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from phoneagent.calls.live import CallAnswered, News, SessionLost, SessionOpened

_LONGEST = 80  # characters of what an engine calls a problem


class Health:
    """Watches the feed. Nobody is asked how they are: every call asks for a session, and is one that has come."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """`clock`: the wall clock, aware of its time zone."""
        self._clock = clock
        self.engine_problem: str | None = None
        """Why the last session could not be had, or was dropped; None once another has been opened."""
        self.last_call: datetime | None = None
        """When the telephone last rang."""

    def take(self, news: News) -> None:
        """Something has happened."""
        match news:
            case SessionOpened():
                self.engine_problem = None
            case SessionLost(code=code):
                self.engine_problem = code[:_LONGEST]
            case CallAnswered(telephone=True):
                self.last_call = self._clock()
