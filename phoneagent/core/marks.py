"""What comes of the marks that the leg returns: turns that the caller begins to hear, or has heard to their end."""

from __future__ import annotations

from phoneagent.core.commands import NOTHING, Commands, ReportTurn
from phoneagent.core.playout import Progress
from phoneagent.core.state import CallState

LOOKED_AFTER_S = 2.0  # how often, while the agent speaks


class Marks:
    """Follows them into the transcript, and gives up on those that do not come back."""

    def __init__(self, call: CallState) -> None:
        self._call = call

    def stream_started(self) -> None:
        """What was said before is played, and has its marks."""
        self._call.timers.set("playout", self._call.speech.overdue_at)

    def audio_sent(self, now: float) -> None:
        """The agent is being played."""
        if not self._call.timers.is_set("playout"):
            self._call.timers.set("playout", now + LOOKED_AFTER_S)

    def reached(self, mark: str, now: float) -> Commands:
        """A mark is back."""
        return self._progressed(self._call.speech.mark_reached(mark, now), now)

    def look_after(self, now: float) -> Commands:
        """See to it that the agent's speech ends, though no mark should come back."""
        speech = self._call.speech
        if not speech.playing:
            return NOTHING
        if now < speech.overdue_at:
            self._call.timers.set("playout", speech.overdue_at)
            return NOTHING
        return self._progressed(speech.assume_played(now), now)

    def _progressed(self, progress: Progress, now: float) -> Commands:
        at_s, transcript, turns = self._call.at_s(now), self._call.transcript, []
        if progress.begun is not None:
            latency_ms = self._call.caller.answered_after_ms(now)
            turns.append(transcript.begun(progress.begun, at_s, latency_ms))
        turns += [transcript.heard_out(turn_id, at_s) for turn_id in progress.heard_out]
        return tuple(ReportTurn(turn) for turn in turns)
