"""The keys of the caller's telephone: collected to messages, which the agent is told when there is a session."""

from __future__ import annotations

from phoneagent.core.commands import NOTHING, Commands, ReportDigits
from phoneagent.core.dtmf import DigitCollector
from phoneagent.core.responses import REPLY
from phoneagent.core.state import CallState
from phoneagent.core.tooling import Tooling
from phoneagent.core.wording import keypad


class Keypad:
    """What the caller types to the agent."""

    def __init__(self, call: CallState, tooling: Tooling) -> None:
        self._call = call
        self._tooling = tooling
        self._digits = DigitCollector(call.agent.dtmf)
        self._held = ""  # until there is a session

    @property
    def secure(self) -> bool:
        """Whether what was typed last is a secret."""
        return self._digits.secure

    @property
    def typing_secret(self) -> bool:
        """Whether more of a secret is to come."""
        return self._digits.secure and self._digits.pending

    def agent_changed(self) -> None:
        """Another agent's rules hold from now on."""
        self._digits.rules = self._call.agent.dtmf

    def pressed(self, digit: str, now: float) -> Commands:
        """A key is pressed."""
        digits = self._digits.press(digit)
        if digits is None:
            self._call.timers.set("digits", now + self._call.agent.dtmf.pause_s)
            return NOTHING
        return self._typed(digits)

    def paused(self) -> Commands:
        """No further key comes."""
        return self._typed(self._digits.take())

    def session_ready(self) -> Commands:
        """Tell the session what was typed before there was one."""
        digits, self._held = self._held, ""
        return self._tell(digits) if digits else NOTHING

    def _typed(self, digits: str) -> Commands:
        self._call.timers.cancel("digits")
        return (ReportDigits(digits, self._digits.secure), *self._tell(digits))

    def _tell(self, digits: str) -> Commands:
        if not self._call.ready:
            self._held += digits
            return NOTHING
        self._call.responses.want(REPLY)
        return self._call.tell("user", keypad(digits)) + self._tooling.caller_took_turn()
