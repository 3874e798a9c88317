"""The sessions of a call, one after the other: each knows what was said before it."""

from __future__ import annotations

from collections.abc import Callable

from phoneagent.core.commands import NOTHING, CloseSession, Commands, OpenSession
from phoneagent.core.errors import Problem
from phoneagent.core.failures import Failures
from phoneagent.core.farewell import Farewell
from phoneagent.core.floor import Floor
from phoneagent.core.ids import SessionIds
from phoneagent.core.state import CallState
from phoneagent.core.tooling import Tooling


class Sessions:
    """Opens, closes and replaces the session. The first one is being opened when the call begins."""

    def __init__(
        self,
        call: CallState,
        floor: Floor,
        tooling: Tooling,
        failures: Failures,
        farewell: Farewell,
        greet: Callable[[], Commands],
    ) -> None:
        self.ids = SessionIds()
        self._call = call
        self._floor = floor
        self._tooling = tooling
        self._failures = failures
        self._farewell = farewell
        self._greet = greet
        self._first = True

    def open(self) -> Commands:
        """Open a session for the agent that there is now, in place of the one there was."""
        if self._call.opening:
            return NOTHING
        self._gone()
        self._first = False
        self.ids.next_session()
        self._call.opening = True
        self._farewell.session_found()
        return (OpenSession(self._call.agent),)

    def close(self) -> Commands:
        """Close the session; the call can do without one for a while."""
        if not (self._call.ready or self._call.opening):
            return NOTHING
        self._gone()
        self._call.caller.release()
        return (CloseSession(),)

    def lost(self, problem: Problem) -> None:
        """The one place where a lost session is answered: with an apology, once what was said has been heard."""
        self._gone()
        self._call.caller.release()
        if not (self._call.away or self._call.taken_over):
            self._farewell.session_lost(problem)

    def confirmed(self) -> Commands:
        """The session is ready: the first one greets the caller, and each is told what it has missed."""
        if not self._call.opening:
            return NOTHING
        self._call.opening, self._call.ready = False, True
        before = self._call.history.messages()
        return before + (self._greet() if self._first else NOTHING) + self._call.caller.release()

    def _gone(self) -> None:
        self._call.ready = self._call.opening = False
        self._call.responses.start_over()
        self._floor.start_over()
        self._failures.start_over()
        self._tooling.session_gone()
