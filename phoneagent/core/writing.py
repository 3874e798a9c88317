"""What the caller writes instead of saying it, as somebody can who telephones from a browser."""

from __future__ import annotations

from phoneagent.core.commands import NOTHING, AddMessage, Commands, ReportTurn
from phoneagent.core.farewell import GRACE_S, Farewell
from phoneagent.core.floor import Floor
from phoneagent.core.responses import REPLY
from phoneagent.core.silence import SilenceWatch
from phoneagent.core.state import CallState
from phoneagent.core.tooling import Tooling


class Writing:
    """Written turns are turns of the caller's like spoken ones: they stop the agent, and are answered."""

    def __init__(
        self, call: CallState, floor: Floor, tooling: Tooling, farewell: Farewell, silence: SilenceWatch
    ) -> None:
        self._call = call
        self._floor = floor
        self._tooling = tooling
        self._farewell = farewell
        self._silence = silence
        self._held: list[str] = []  # until there is a session
        self._count = 0

    def wrote(self, text: str, now: float) -> Commands:
        """The caller has written something."""
        self._silence.caller_spoke()
        self._farewell.interrupt(now + GRACE_S)
        if not self._call.ready:
            self._held.append(text)
            return NOTHING
        stop = NOTHING if self._floor.protected else self._floor.interrupt(now, by_voice=False)
        return stop + self._say(text, now)

    def session_ready(self, now: float) -> Commands:
        """Tell the session what was written before there was one."""
        held, self._held = self._held, []
        return tuple(command for text in held for command in self._say(text, now))

    def _say(self, text: str, now: float) -> Commands:
        call = self._call
        self._count += 1
        turn_id = f"written/{self._count}"
        call.transcript.note(turn_id)
        turn = call.transcript.caller_said(turn_id, text, final=True, at_s=call.at_s(now))
        call.caller.ended(now)
        call.responses.want(REPLY)
        return (ReportTurn(turn), AddMessage("user", text), *self._tooling.caller_took_turn())
