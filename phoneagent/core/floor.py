"""Who has the floor: the agent gives way to the caller, unless what it says is protected."""

from __future__ import annotations

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.commands import NOTHING, Commands
from phoneagent.core.farewell import Farewell
from phoneagent.core.responses import REPLY
from phoneagent.core.silence import ENDLESS_SPEECH_S, SilenceWatch
from phoneagent.core.state import CallState
from phoneagent.core.tooling import Tooling

UNANSWERED_S = 2.0  # after the caller's speech, the time that a session has to answer it by itself


class Floor:
    """Follows the caller's speech, stops the agent's, and says when the caller is to be answered."""

    def __init__(self, call: CallState, tooling: Tooling, farewell: Farewell, silence: SilenceWatch) -> None:
        self._call = call
        self._tooling = tooling
        self._farewell = farewell
        self._silence = silence
        self._greeting: str | None = None  # its response, until it was heard

    @property
    def agent_speaks(self) -> bool:
        """Whether there is something to stop."""
        active = self._call.responses.active
        return self._call.speech.playing or (active is not None and not self._call.speech.is_silenced(active))

    @property
    def protected(self) -> bool:
        """Whether the caller can't stop what the agent says now."""
        policy = self._call.agent.barge_in
        return policy.after_ms is None or (policy.protect_greeting and self._greeting is not None)

    # The caller

    def speech_started(self, now: float) -> Commands:
        """The caller begins to speak."""
        call = self._call
        call.caller.started()
        call.responses.held = True
        call.timers.cancel("unanswered")
        call.timers.set("endless", now + ENDLESS_SPEECH_S)
        self._farewell.interrupt(now + ENDLESS_SPEECH_S)
        if not self.agent_speaks or self.protected:
            return NOTHING
        if call.agent.barge_in.after_ms:
            call.caller.try_for(call.agent.barge_in.after_ms)
            return NOTHING
        return self.interrupt(now)

    def speech_stopped(self, now: float) -> None:
        """The caller is silent again, as far as the session hears."""
        call = self._call
        if not call.caller.speaking:
            return
        call.caller.stopped(now)
        self._silence.sound_ended(now)
        call.timers.cancel("endless")
        call.timers.set("unanswered", now + UNANSWERED_S)
        self._farewell.interruption_ended(now)

    def turn_ended(self, event: on.CallerTurnEnded, now: float) -> Commands:
        """What the caller said has become a turn."""
        call = self._call
        ignored = call.caller.on_trial and self.agent_speaks  # "mm-hm": the agent goes on
        self.speech_stopped(now)
        if event.silent:
            return NOTHING
        call.transcript.open(event.turn_id, "caller", call.at_s(now))
        self._silence.turn_ended()
        if call.agent.transcription.model is None:
            self._silence.caller_spoke()
        if not call.agent.barge_in.by_session:
            self.stop_holding()
            if not ignored:
                call.responses.want(REPLY)
        return NOTHING if ignored else self._tooling.caller_took_turn()

    def stop_holding(self) -> None:
        """Stop waiting for the session to answer the caller's speech by itself."""
        self._call.timers.cancel("unanswered")
        self._call.caller.end_trial()
        self._call.responses.held = self._call.caller.speaking

    def start_over(self) -> None:
        """Nothing is heard of the caller any more; what they said last is answered when that is possible again."""
        call = self._call
        if call.timers.is_set("unanswered"):
            call.responses.want(REPLY)
        call.caller.left()
        call.responses.held = False
        call.timers.cancel("unanswered")
        call.timers.cancel("endless")

    # The agent

    def interrupt(self, now: float, *, by_voice: bool = True) -> Commands:
        """Stop the agent where the caller stopped hearing it, and tell the session so; which hears a voice itself."""
        self._call.caller.end_trial()
        if not self.agent_speaks:
            return NOTHING
        self._call.counters.barge_ins += 1
        # A session that interrupts by itself has cancelled its response already.
        commands = self.cut(now, cancel=not (by_voice and self._call.agent.barge_in.by_session))
        return commands + self._tooling.caller_spoke()

    def cut(self, now: float, *, cancel: bool = True) -> Commands:
        """Stop what the agent says, and take what of it was not heard out of the conversation."""
        speech, active = self._call.speech, self._call.responses.active
        commands: Commands = (do.ClearPlayout(),) if speech.queued else NOTHING
        if active is not None:
            speech.silence(active)
            if cancel:  # before it is cut, or it would grow again
                commands += (do.CancelResponse(active),)
        return commands + speech.stop(now, self._call.at_s(now))

    def response_started(self, response_id: str, now: float) -> Commands:
        """A response has begun: one that nobody can hear now is stopped at once."""
        call = self._call
        request = call.responses.active_request
        if request is None:  # the session answers the caller by itself, and sees all that we would have it answer
            if not call.away:
                call.responses.drop_answer()
            self.stop_holding()
        elif request.line is not None and request.line is call.agent.greeting:
            self._greeting = response_id
        if self._farewell.undisturbed:
            unwanted = not self._farewell.awaits(request)
        else:
            self._farewell.caller_is_answered()
            interrupted = request is not None and call.caller.speaking and not self.protected
            unwanted = call.away or call.taken_over or interrupted
            if unwanted and request is not None and (request.line is None or request.first):
                # Asked for just before the caller began to speak: wanted again if that turns out to be a noise.
                call.responses.want(request)
        if not unwanted:
            return NOTHING
        call.speech.silence(response_id)
        return (do.CancelResponse(response_id),)

    def follow(self) -> None:
        """The greeting is one until it was heard."""
        if self._greeting not in (None, self._call.responses.active) and not self._call.speech.holds(self._greeting):
            self._greeting = None
