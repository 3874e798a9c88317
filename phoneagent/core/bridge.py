"""The bridge between a caller and a session: it is told what happened and answers what to do about it.

Plain code without I/O. Whoever runs it passes each event with the time (seconds, of any monotonic clock), carries
out the commands in their order before passing the next event, and calls `tick` when `deadline` has come.

Who takes turns is here; what the agent says and how much of it is heard is in `speech`, which response comes next in
`responses`, what was said in `transcript`, how a call comes to its end in `silence` and `farewell`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent
from phoneagent.core.commands import NOTHING, Commands
from phoneagent.core.dtmf import DigitCollector
from phoneagent.core.errors import Problem, Reaction, reaction_to, retry_after_s
from phoneagent.core.farewell import END_CALL, GRACE_S, Farewell
from phoneagent.core.hearing import CallerSpeech
from phoneagent.core.playout import Progress
from phoneagent.core.responses import ANSWER, Request, Responses
from phoneagent.core.silence import ENDLESS_SPEECH_S, SilenceWatch
from phoneagent.core.speech import AgentSpeech
from phoneagent.core.timers import Timers
from phoneagent.core.toolcalls import ToolCalls
from phoneagent.core.transcript import Transcript
from phoneagent.core.wording import keypad

MARKS_LOOKED_AFTER_S = 2.0  # how often, while the agent speaks
UNANSWERED_S = 2.0  # after the caller's speech, the time that a session has to answer it by itself
RESPONSE_OVERDUE_S = 10.0  # a request that was not granted
RESPONSE_STALLED_S = 20.0  # a response that does not end, after what was last heard of it
REFUSED_PAUSE_S = 0.25
MOST_RETRIES = 2
LONGEST_RETRY_S = 8.0  # nobody stays on a silent line for longer


@dataclass(slots=True)
class Counters:
    """What a call lost or had to mend, for its record."""

    held_frames_dropped: int = 0
    stale_audio_dropped: int = 0
    barge_ins: int = 0
    truncations_refused: int = 0
    responses_failed: int = 0
    errors: int = 0


class CallBridge:
    """One call: its caller, its session, and what happens next."""

    def __init__(self, agent: Agent, began: float) -> None:
        """`began`: when the call did, in the time of `receive`."""
        self.agent = agent
        self.transcript = Transcript()
        self.counters = Counters()
        self.ended: do.EndCall | None = None
        self._began = began
        self._speech = AgentSpeech(self.transcript)
        self._responses = Responses()
        self._timers = Timers()
        self._digits = DigitCollector(agent.dtmf)
        self._silence = SilenceWatch(agent.idle)
        # the caller's side
        self._streaming = False
        self._caller = CallerSpeech(agent.turn_detection)
        self._held_digits = ""  # until the session is ready
        # the session's side
        self._session_ready = False
        self._session_lost = False
        self._greeting: str | None = None  # its response, until it was heard
        self._retries = 0
        self._tools = ToolCalls()
        self._farewell = Farewell(agent, self._responses, self._speech, self._tools, self._timers)

    @property
    def deadline(self) -> float | None:
        """When `tick` wants to be called next; None: not before the next event."""
        return self._timers.deadline

    def receive(self, event: on.Event, now: float) -> Commands:
        """Take note of an event. The answer is what has to be done, in this order, before the next event."""
        if self.ended is not None:
            return NOTHING
        kind = type(event)
        if kind is on.CallerAudio:
            return self._caller_audio(event, now)  # type: ignore[arg-type]
        commands = _HANDLERS[kind](self, event, now)
        return commands if kind is on.AgentAudio else commands + self._settle(now)

    def tick(self, now: float) -> Commands:
        """Do what has fallen due."""
        commands: Commands = NOTHING
        for name in self._timers.take_due(now):
            if self.ended is None:
                commands += _TIMERS[name](self, now)
        return commands + self._settle(now)

    # The caller's leg

    def _stream_started(self, _: on.StreamStarted, now: float) -> Commands:
        self._streaming = True
        self._farewell.stream_started(now)
        commands = self._speech.stream_started(now)
        self._timers.set("playout", self._speech.overdue_at)
        return commands

    def _stream_ended(self, _: on.StreamEnded, now: float) -> Commands:
        end = self._farewell.end() or do.EndCall("caller_hung_up", "the caller's stream ended")
        return self._end(replace(end, say=None), now)

    def _caller_audio(self, event: on.CallerAudio, now: float) -> Commands:
        if not self._session_ready:
            if not self._session_lost:
                self.counters.held_frames_dropped += self._caller.hold(event.audio)
            return NOTHING
        append = do.AppendAudio(event.audio)
        if self._caller.on_trial and self._caller.passes(event.audio):
            return (*self._interrupt(now), append)
        return (append,)

    def _digit_pressed(self, event: on.DigitPressed, now: float) -> Commands:
        self._silence.caller_spoke()
        self._farewell.interrupt(now + GRACE_S)
        digits = self._digits.press(event.digit)
        if digits is None:
            self._timers.set("digits", now + self.agent.dtmf.pause_s)
            return NOTHING
        return self._typed(digits)

    def _digits_paused(self, now: float) -> Commands:
        return self._typed(self._digits.take())

    def _typed(self, digits: str) -> Commands:
        self._timers.cancel("digits")
        if not self._session_ready:
            self._held_digits += digits
            return NOTHING
        self._responses.want(ANSWER)
        return (do.AddMessage("user", keypad(digits)),)

    def _mark_reached(self, event: on.MarkReached, now: float) -> Commands:
        return self._progressed(self._speech.mark_reached(event.mark, now), now)

    def _mark_overdue(self, now: float) -> Commands:
        if not self._speech.playing:
            return NOTHING
        if now < self._speech.overdue_at:
            self._timers.set("playout", self._speech.overdue_at)
            return NOTHING
        return self._progressed(self._speech.assume_played(now), now)

    def _progressed(self, progress: Progress, now: float) -> Commands:
        turns = []
        if progress.begun is not None:
            latency_ms = self._caller.answered_after_ms(now)
            turns.append(self.transcript.begun(progress.begun, self._at(now), latency_ms))
        turns += [self.transcript.heard_out(turn_id, self._at(now)) for turn_id in progress.heard_out]
        return tuple(do.ReportTurn(turn) for turn in turns)

    # The session

    def _session_is_ready(self, _: on.SessionReady, now: float) -> Commands:
        if self._session_lost:
            return NOTHING
        self._session_ready = True
        held = self._caller.release()
        if self.agent.greeting is not None:
            self._responses.want(Request(self.agent.greeting))
        return held + self._typed(self._held_digits) if self._held_digits else held

    def _session_ended(self, event: on.SessionEnded, now: float) -> Commands:
        self._lose_session(event.problem)
        return NOTHING

    def _session_errored(self, event: on.SessionErrored, now: float) -> Commands:
        self.counters.errors += 1
        if reaction_to(event.problem) in (Reaction.RECONNECT, Reaction.END):
            self._lose_session(event.problem)
        return NOTHING

    def _lose_session(self, problem: Problem) -> None:
        """The one place where a lost session is answered: with an apology, once what was said has been heard."""
        self._session_ready, self._session_lost = False, True
        self._caller.release()
        self._tools.clear()
        self._responses.clear()
        for name in ("overdue", "stalled", "retry", "unanswered"):
            self._timers.cancel(name)
        self._farewell.session_lost(problem)

    def _turn_added(self, event: on.TurnAdded, now: float) -> Commands:
        self.transcript.link(event.turn_id, event.after)
        return NOTHING

    def _caller_transcript(self, event: on.CallerTranscript, now: float) -> Commands:
        if not event.text.strip():
            return NOTHING
        self._silence.caller_spoke()
        turn = self.transcript.caller_said(event.turn_id, event.text, final=event.final, at_s=self._at(now))
        return (do.ReportTurn(turn),)

    def _agent_text(self, event: on.AgentText, now: float) -> Commands:
        return (do.ReportTurn(self.transcript.agent_says(event.turn_id, event.text, self._at(now))),)

    def _agent_audio(self, event: on.AgentAudio, now: float) -> Commands:
        if self._speech.is_silenced(event.response_id):
            self.counters.stale_audio_dropped += 1
            return self._speech.drop(event, self._at(now))
        if not self._timers.is_set("playout"):
            self._timers.set("playout", now + MARKS_LOOKED_AFTER_S)
        return self._speech.audio(event, now)

    def _agent_turn_ended(self, event: on.AgentTurnEnded, now: float) -> Commands:
        return self._speech.turn_ended(event)

    # Taking turns

    @property
    def _agent_speaks(self) -> bool:
        active = self._responses.active
        return self._speech.playing or (active is not None and not self._speech.is_silenced(active))

    @property
    def _protected(self) -> bool:
        """Whether the caller can't stop what the agent says now."""
        policy = self.agent.barge_in
        return policy.after_ms is None or (policy.protect_greeting and self._greeting is not None)

    def _speech_started(self, event: on.CallerStartedSpeaking, now: float) -> Commands:
        self._caller.started()
        self._responses.held = True
        self._timers.cancel("unanswered")
        self._timers.set("endless", now + ENDLESS_SPEECH_S)
        self._farewell.interrupt(now + ENDLESS_SPEECH_S)
        if not self._agent_speaks or self._protected:
            return NOTHING
        if self.agent.barge_in.after_ms:
            self._caller.try_for(self.agent.barge_in.after_ms)
            return NOTHING
        return self._interrupt(now)

    def _speech_stopped(self, event: on.CallerStoppedSpeaking, now: float) -> Commands:
        self._caller_is_silent(now)
        return NOTHING

    def _caller_turn_ended(self, event: on.CallerTurnEnded, now: float) -> Commands:
        ignored = self._caller.on_trial and self._agent_speaks  # "mm-hm": the agent goes on
        self._caller_is_silent(now)
        if event.silent:
            return NOTHING
        self.transcript.open(event.turn_id, "caller", self._at(now))
        self._silence.turn_ended()
        if self.agent.transcription.model is None:
            self._silence.caller_spoke()
        if not self.agent.barge_in.by_session:
            self._stop_holding(now)
            if not ignored:
                self._responses.want(ANSWER)
        return NOTHING

    def _caller_is_silent(self, now: float) -> None:
        if not self._caller.speaking:
            return
        self._caller.stopped(now)
        self._silence.sound_ended(now)
        self._timers.cancel("endless")
        self._timers.set("unanswered", now + UNANSWERED_S)
        self._farewell.interruption_ended(now)

    def _endless_speech(self, now: float) -> Commands:
        self._caller_is_silent(now)
        return NOTHING

    def _stop_holding(self, now: float) -> Commands:
        """Stop waiting for the session to answer the caller's speech by itself."""
        self._timers.cancel("unanswered")
        self._caller.end_trial()
        self._responses.held = self._caller.speaking
        return NOTHING

    def _interrupt(self, now: float) -> Commands:
        """Stop the agent where the caller stopped hearing it, and tell the session so."""
        self._caller.end_trial()
        if not self._agent_speaks:
            return NOTHING
        self.counters.barge_ins += 1
        commands: Commands = (do.ClearPlayout(),) if self._speech.queued else NOTHING
        active = self._responses.active
        if active is not None:
            self._speech.silence(active)
            if not self.agent.barge_in.by_session:  # cancelled before it is cut, or it would grow again
                commands += (do.CancelResponse(active),)
        return commands + self._speech.stop(now, self._at(now))

    def _truncation_refused(self, event: on.TruncationRefused, now: float) -> Commands:
        self.counters.truncations_refused += 1
        return self._speech.truncation_refused(event)

    # Responses and tools

    def _response_started(self, event: on.ResponseStarted, now: float) -> Commands:
        request = self._responses.asked
        self._responses.started(event.response_id)
        self._timers.cancel("overdue")
        self._timers.set("stalled", now + RESPONSE_STALLED_S)
        if request is None:  # the session answers the caller by itself, and sees all that we would have it answer
            self._responses.drop_answer()
            self._stop_holding(now)
        elif request.line is not None and request.line is self.agent.greeting:
            self._greeting = event.response_id
        self._farewell.caller_is_answered()
        if request is not None and self._caller.speaking and not self._protected:
            # Asked for just before the caller began to speak: that will be answered instead.
            self._speech.silence(event.response_id)
            if request.line is None:  # unless it turns out to be a noise
                self._responses.want(request)
            return (do.CancelResponse(event.response_id),)
        return NOTHING

    def _response_ended(self, event: on.ResponseEnded, now: float) -> Commands:
        request = self._responses.ended(event.response_id)
        commands = self._speech.response_ended(event)
        if request is None:
            return commands
        self._timers.cancel("stalled")
        if event.status == "failed" and not self._speech.is_silenced(event.response_id):
            self._response_failed(event.problem or Problem("server_error"), request, now)
            return commands
        self._retries = 0
        return commands + self._farewell.response_ended(event, request)

    def _response_failed(self, problem: Problem, request: Request | None, now: float) -> None:
        self.counters.responses_failed += 1
        delay_s = retry_after_s(problem)
        if delay_s is None:
            delay_s = 0.5 * 2**self._retries
        retriable = reaction_to(problem, otherwise=Reaction.RETRY) is Reaction.RETRY
        if not retriable or self._retries >= MOST_RETRIES or delay_s > LONGEST_RETRY_S:
            self._lose_session(problem)
            return
        self._retries += 1
        if request is not None:
            self._responses.want(request)
        self._pause_responses(now + delay_s)

    def _response_refused(self, _: on.ResponseRefused, now: float) -> Commands:
        self._responses.refused()
        if self._responses.active is None:  # a response that we know nothing of: not to be waited for without end
            self._pause_responses(now + REFUSED_PAUSE_S)
        else:
            self._timers.cancel("overdue")
        return NOTHING

    def _response_overdue(self, now: float) -> Commands:
        self._responses.refused()
        self._response_failed(Problem("timeout", "no response was begun"), None, now)
        return NOTHING

    def _response_stalled(self, now: float) -> Commands:
        due = self._speech.overdue_at + RESPONSE_STALLED_S
        if self._speech.playing or now < due:
            self._timers.set("stalled", max(due, now + MARKS_LOOKED_AFTER_S))
        else:
            self._lose_session(Problem("timeout", "a response was begun and never ended"))
        return NOTHING

    def _pause_responses(self, until: float) -> None:
        self._responses.paused = True
        self._timers.set("retry", until)

    def _retry(self, now: float) -> Commands:
        self._responses.paused = False
        return NOTHING

    def _tool_called(self, event: on.ToolCalled, now: float) -> Commands:
        if event.name == END_CALL and END_CALL in self.agent.tools:
            return self._farewell.agent_hangs_up(event)
        if not self._tools.begin(event.tool_call_id, event.response_id):
            return NOTHING
        return (do.RunTool(event.tool_call_id, event.name, event.arguments),)

    def _tool_finished(self, event: on.ToolFinished, now: float) -> Commands:
        if not self._tools.finish(event.tool_call_id):
            return NOTHING
        return (do.SendToolOutput(event.tool_call_id, event.output),)

    # The end of the call

    def _warn(self, now: float) -> Commands:
        self._farewell.warn()
        return NOTHING

    def _time_is_up(self, now: float) -> Commands:
        self._farewell.time_is_up(now)
        return NOTHING

    def _silence_lasts(self, now: float) -> Commands:
        idle = self.agent.idle
        if idle is None or self._farewell.at_hand:
            return NOTHING
        self._responses.held = False
        self._caller.forget_end()
        if self._silence.prompt_again():
            self._responses.want(Request(idle.prompt))
        else:
            self._farewell.caller_is_silent()
        return NOTHING

    def _hang_up(self, now: float) -> Commands:
        end = self._farewell.end()
        return NOTHING if end is None else self._end(end, now)

    def _hang_up_requested(self, event: on.HangUpRequested, now: float) -> Commands:
        return self._end(do.EndCall("hung_up", event.reason), now)

    def _end(self, end: do.EndCall, now: float) -> Commands:
        cut = self._speech.stop(now, self._at(now))
        self._timers.clear()
        self.ended = end
        return (*(command for command in cut if type(command) is do.ReportTurn), end)

    # What follows from the state of the call, whichever event led to it

    def _settle(self, now: float) -> Commands:
        if self.ended is not None:
            return NOTHING
        if self._greeting not in (None, self._responses.active) and not self._speech.holds(self._greeting):
            self._greeting = None
        if self._tools.take_answerable(self._responses.active):
            self._responses.want(ANSWER)
        if self._farewell.over:
            self._responses.drop_all()
        commands: Commands = NOTHING
        if self._session_ready and not self._tools.incomplete:
            commands = self._responses.next()
            if commands and not self._timers.is_set("overdue"):
                self._timers.set("overdue", now + RESPONSE_OVERDUE_S)
        quiet = self._responses.idle and not self._speech.playing and not self._tools.running
        if self._farewell.over and quiet:
            return commands + self._hang_up(now)
        waiting = quiet and self._streaming and self._session_ready and not self._farewell.at_hand
        due = self._silence.due(now, quiet=waiting, sounding=self._caller.speaking)
        if due is None:
            self._timers.cancel("idle")
        else:
            self._timers.set("idle", due)
        return commands

    def _at(self, now: float) -> float:
        return now - self._began


_HANDLERS: dict[type, Callable[[CallBridge, Any, float], Commands]] = {
    on.StreamStarted: CallBridge._stream_started,
    on.StreamEnded: CallBridge._stream_ended,
    on.CallerAudio: CallBridge._caller_audio,
    on.DigitPressed: CallBridge._digit_pressed,
    on.MarkReached: CallBridge._mark_reached,
    on.SessionReady: CallBridge._session_is_ready,
    on.SessionEnded: CallBridge._session_ended,
    on.SessionErrored: CallBridge._session_errored,
    on.TurnAdded: CallBridge._turn_added,
    on.CallerTranscript: CallBridge._caller_transcript,
    on.AgentText: CallBridge._agent_text,
    on.AgentAudio: CallBridge._agent_audio,
    on.AgentTurnEnded: CallBridge._agent_turn_ended,
    on.CallerStartedSpeaking: CallBridge._speech_started,
    on.CallerStoppedSpeaking: CallBridge._speech_stopped,
    on.CallerTurnEnded: CallBridge._caller_turn_ended,
    on.TruncationRefused: CallBridge._truncation_refused,
    on.ResponseStarted: CallBridge._response_started,
    on.ResponseEnded: CallBridge._response_ended,
    on.ResponseRefused: CallBridge._response_refused,
    on.ToolCalled: CallBridge._tool_called,
    on.ToolFinished: CallBridge._tool_finished,
    on.HangUpRequested: CallBridge._hang_up_requested,
}

_TIMERS: dict[str, Callable[[CallBridge, float], Commands]] = {
    "digits": CallBridge._digits_paused,
    "playout": CallBridge._mark_overdue,
    "endless": CallBridge._endless_speech,
    "unanswered": CallBridge._stop_holding,
    "overdue": CallBridge._response_overdue,
    "stalled": CallBridge._response_stalled,
    "retry": CallBridge._retry,
    "idle": CallBridge._silence_lasts,
    "warning": CallBridge._warn,
    "limit": CallBridge._time_is_up,
    "farewell": CallBridge._hang_up,
}
