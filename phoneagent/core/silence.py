"""The idle caller: how long nobody has said anything, and what then."""

from __future__ import annotations

from phoneagent.core.agents import Idle

SPEECH_GRACE_S = 0.5  # between the end of speech and the turn that it becomes
ENDLESS_SPEECH_S = 30.0  # speech that never becomes a turn is noise


class SilenceWatch:
    """Counts the caller's silence from the end of what the agent was heard to say.

    What starts and stops without becoming a turn, such as the comfort noise of a line, counts as silence.
    """

    def __init__(self, rules: Idle | None) -> None:
        self.rules = rules
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

    def due(self, now: float, *, quiet: bool, sounding: bool) -> float | None:
        """When the silence will have lasted too long. `quiet`: the agent neither speaks nor is about to."""
        if self.rules is None or not quiet:
            self._quiet_since = None
            return None
        if self._quiet_since is None:
            self._quiet_since = now
        due = self._quiet_since + self.rules.after_s
        return max(due + ENDLESS_SPEECH_S if sounding else due, self._sound_ended + SPEECH_GRACE_S)

    def prompt_again(self) -> bool:
        """The silence lasted too long: whether to prompt the caller once more, rather than to give up."""
        self._quiet_since = None
        self._prompts += 1
        return self.rules is not None and self._prompts <= self.rules.times
