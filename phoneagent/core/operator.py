"""An operator in the call: a note to the agent, words for it to say, and the caller taken over and handed back."""

from __future__ import annotations

from collections import deque

from phoneagent.core import audio
from phoneagent.core import events as on
from phoneagent.core.agents import Line
from phoneagent.core.commands import NOTHING, Commands, PlayAudio, ReportTakeOver, UpdateSession
from phoneagent.core.consent import RecordingConsent
from phoneagent.core.farewell import Farewell
from phoneagent.core.floor import Floor
from phoneagent.core.responses import REPLY, Request
from phoneagent.core.sessions import Sessions
from phoneagent.core.state import CallState
from phoneagent.core.tooling import TAKEN_OVER, Tooling
from phoneagent.core.wording import whispered

AHEAD_S = 0.2  # of the operator's audio that the leg may hold: what a network's jitter needs, and no echo of it
SPEAKING_MS = 300.0  # without a loud moment, the operator is silent

_BACK = (
    "A colleague of yours has talked to the caller for {} s, and you have the call again. You did not hear what your "
    "colleague said; what they told or promised the caller holds. Go on with the call in a few words that fit, without "
    "a new greeting."
)


class Operator:
    """What an operator does to the call. While they have it the agent is silent and begins nothing: its session goes
    on listening, its tools end, and no time is counted."""

    def __init__(
        self,
        call: CallState,
        floor: Floor,
        tooling: Tooling,
        farewell: Farewell,
        consent: RecordingConsent,
        sessions: Sessions,
    ) -> None:
        self._call = call
        self._floor = floor
        self._tooling = tooling
        self._farewell = farewell
        self._consent = consent
        self._sessions = sessions
        self._since = 0.0
        self._played_until = 0.0  # what of the operator's audio was queued, if the leg never stood still
        self._latest: deque[on.OperatorAudio] = deque(maxlen=64)

    # What the agent is to know, and to say

    def whispered(self, text: str) -> Commands:
        """Have the agent know this from its next answer on."""
        return self._call.tell("system", whispered(text))

    def say(self, text: str) -> None:
        """Have the agent say this next: behind what it says now, before all that it was to say."""
        if not self._call.taken_over:
            self._call.responses.want(Request(Line(text), first=True))

    # In the agent's place

    @property
    def can_take_over(self) -> bool:
        """Whether a person is on the line with the agent."""
        call = self._call
        return call.streaming and not (call.taken_over or call.deaf)

    def takes_over(self, now: float) -> Commands:
        """The caller talks to the operator from now on; the agent stops at once."""
        call = self._call
        if not self.can_take_over:
            return NOTHING
        commands = self._floor.cut(now) + self._tooling.drop_held(TAKEN_OVER)
        commands += self._farewell.taken_over(now)
        call.taken_over, self._since, self._played_until = True, now, now
        call.responses.drop_all()
        return (*commands, *self.session_ready(), ReportTakeOver(True))

    def session_ready(self) -> Commands:
        """There is a session: it answers nobody while an operator has the call."""
        return self._attend() if self._call.taken_over else NOTHING

    def audio(self, event: on.OperatorAudio, now: float) -> Commands:
        """The operator says something. What the leg could only play late is dropped, so that no delay builds up."""
        call = self._call
        if not call.taken_over:
            return NOTHING
        if self._played_until > now + AHEAD_S:
            call.counters.operator_audio_dropped += 1
            return NOTHING
        self._played_until = max(self._played_until, now) + event.ms / 1000
        self._latest.append(event)
        return (PlayAudio(event.audio),)

    def hands_back(self, now: float) -> Commands:
        """The caller is the agent's again, which speaks first."""
        call = self._call
        if not call.taken_over:
            return NOTHING
        commands = NOTHING if call.ready else self._sessions.open()
        commands += self.leaves(now)
        self._farewell.count_time(now)
        return commands

    def leaves(self, now: float) -> Commands:
        """The operator no longer has the call, if they had: the caller may be leaving, too."""
        call = self._call
        if not call.taken_over:
            return NOTHING
        call.taken_over = False
        self._latest.clear()
        call.caller.forget_end()
        call.responses.drop_all()
        self._floor.stop_holding()  # what the caller said last the session did not answer, and won't
        if not self._consent.handed_back():
            call.responses.want(REPLY)
        back = call.tell("system", _BACK.format(round(now - self._since)))
        return (ReportTakeOver(False), *self._attend(), *back)

    def speaks(self, now: float) -> bool:
        """Whether the operator is heard."""
        heard_ms = SPEAKING_MS - 1000 * (now - self._played_until)
        for piece in reversed(self._latest):
            if heard_ms <= 0:
                break
            if audio.is_loud(piece.audio):
                return True
            heard_ms -= piece.ms
        return False

    def _attend(self) -> Commands:
        """Have the session answer the caller by itself, or not, if the agent's would."""
        call = self._call
        return (UpdateSession(call.attending),) if call.ready and call.agent.barge_in.by_session else NOTHING
