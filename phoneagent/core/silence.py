"""The idle caller: how long nobody has said anything, and what then."""

from __future__ import annotations

from phoneagent.core.farewell import Farewell
from phoneagent.core.responses import Request
from phoneagent.core.state import CallState

SPEECH_GRACE_S = 0.5  # between the end of speech and the turn that it becomes
ENDLESS_SPEECH_S = 30.0  # speech that never becomes a turn is noise


class SilenceWatch:
    """Counts the caller's silence from the end of what the agent was heard to say.

    What starts and stops without becoming a turn, such as the comfort noise of a line, counts as silence.
    """

    def __init__(self, call: CallState, farewell: Farewell) -> None:
        self._call = call
        self._farewell = farewell
        self._prompts = 0
        self._quiet_since: float | None = None
        self._sound_ended = float("-inf")

    def caller_spoke(self) -> None:
        """The caller is there: count from anew, prompts too."""
        self._prompts = 0
        self._quiet_since = None

    def turn_ended(self) -> None:
        """Something became a turn of the caller's, be it noise: count the time from anew."""
        self._quiet_since = None

    def sound_ended(self, now: float) -> None:
        """A sound ended; whether it was speech is not known yet."""
        self._sound_ended = now

    def follow(self, now: float, *, quiet: bool) -> None:
        """Wake up when the silence will have lasted too long. `quiet`: the agent neither speaks nor is about to."""
        rules, timers = self._call.agent.idle, self._call.timers
        if rules is None or not quiet:
            self._quiet_since = None
            timers.cancel("idle")
            return
        if self._quiet_since is None:
            self._quiet_since = now
        due = self._quiet_since + rules.after_s
        if self._call.caller.speaking:
            due += ENDLESS_SPEECH_S
        timers.set("idle", max(due, self._sound_ended + SPEECH_GRACE_S))

    def lasts(self) -> None:
        """It has lasted too long: the caller is prompted, or at last given up."""
        rules = self._call.agent.idle
        if rules is None or self._farewell.at_hand:
            return
        self._call.responses.held = False
        self._call.caller.forget_end()
        self._quiet_since = None
        self._prompts += 1
        if self._prompts <= rules.times:
            self._call.responses.want(Request(rules.prompt))
        else:
            self._farewell.caller_is_silent()
