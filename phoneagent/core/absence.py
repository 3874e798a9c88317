"""The caller's way out of the stream and back: a transfer, or keys pressed for the other side."""

from __future__ import annotations

from phoneagent.core.commands import NOTHING, Commands, EndCall
from phoneagent.core.events import HangUpRequested
from phoneagent.core.failures import Failures
from phoneagent.core.farewell import Farewell
from phoneagent.core.floor import Floor
from phoneagent.core.operator import Operator
from phoneagent.core.responses import REPLY
from phoneagent.core.sessions import Sessions
from phoneagent.core.state import CallState
from phoneagent.core.tooling import Tooling

LONGEST_ABSENCE_S = 15 * 60.0  # of a caller who is not known to talk to somebody
LONGEST_TALK_S = 4 * 3600.0  # with somebody else: the carrier's longest call
TOOL_PAUSE_S = 1.0  # for the tool that took the caller away to say how that went, before the agent speaks

HUNG_UP = "caller_hung_up"


class Absence:
    """Keeps the call while the caller is out of the stream: nothing is played, nothing asked for, no time counted."""

    def __init__(
        self,
        call: CallState,
        floor: Floor,
        tooling: Tooling,
        failures: Failures,
        farewell: Farewell,
        sessions: Sessions,
        operator: Operator,
    ) -> None:
        self._call = call
        self._floor = floor
        self._tooling = tooling
        self._failures = failures
        self._farewell = farewell
        self._sessions = sessions
        self._operator = operator
        self._connected_to: str | None = None
        self.leaving = False  # the stream is about to end, or to turn out not to

    @property
    def at_hand(self) -> bool:
        """Whether the caller is gone or about to be, so that the call can't be brought to its end."""
        return self.leaving or self._call.away

    def caller_leaves(self, now: float) -> None:
        """The end of the stream will be no hang-up."""
        if self._call.streaming:
            self.leaving = True
            self._farewell.caller_leaves(now)

    def caller_stays(self, now: float) -> Commands:
        """It will be one again."""
        if not self.leaving:
            return NOTHING
        self.leaving = False
        self._farewell.count_time(now)
        spoken_to = self._call.ready or self._farewell.at_hand
        return NOTHING if spoken_to else self._sessions.open()

    def begin(self, now: float) -> Commands:
        """The caller has left: what they have not heard was not said."""
        commands = self._operator.leaves(now)
        self._farewell.caller_leaves(now)
        commands += self._floor.cut(now) + self._tooling.drop_held()
        self._call.streaming, self._call.away, self.leaving = False, True, False
        self._floor.start_over()
        self._call.timers.set("away", now + LONGEST_ABSENCE_S)
        return commands

    def connected(self, to: str, now: float) -> Commands:
        """The caller talks to somebody else."""
        if not self.at_hand:
            return NOTHING
        commands = NOTHING if self._call.away else self.begin(now)
        self._connected_to = to
        self._call.timers.set("away", now + LONGEST_TALK_S)
        return commands + self._sessions.close()

    def returning(self, note: str, now: float) -> Commands:
        """The caller is about to be back, and the agent is to know where they were and to speak first."""
        if self._call.away:
            self._call.timers.set("away", now + LONGEST_ABSENCE_S)
        commands = NOTHING if self._call.ready else self._sessions.open()
        commands += self._call.tell("system", note)
        self._call.responses.want(REPLY)
        return commands

    def end(self, now: float) -> Commands:
        """The caller is back on a stream."""
        self._call.away = False
        self._connected_to = None
        self._call.timers.cancel("away")
        commands = NOTHING if self._call.ready else self._sessions.open()
        if self._tooling.waited_for:
            self._failures.pause(now + TOOL_PAUSE_S)
        return commands

    def hung_up(self, event: HangUpRequested) -> EndCall:
        """How the call has ended that we don't go on with: those who talk do."""
        if self._connected_to is not None:
            return self.over(event.reason)
        return EndCall("hung_up", event.reason, self._call.agent.apology if event.sorry else None)

    def over(self, reason: str) -> EndCall:
        """How the call has ended while the caller was away."""
        if self._connected_to is not None:
            return EndCall("transferred", self._connected_to)
        return EndCall(HUNG_UP, reason)
