"""The bridge between a caller and a session: it is told what happened and answers what to do about it.

Plain code without I/O. Whoever runs it passes each event with the time (seconds, of any monotonic clock), carries
out the commands in their order before passing the next event, and calls `tick` when `deadline` has come.

What is decided is in the bridge's parts, which share the state of the call: who speaks is in `floor`, what the agent
says and how much of it is heard in `speech`, which response comes next in `responses`, what becomes of tool calls in
`tooling` and `waiting`, how the caller leaves and comes back in `absence`, what an operator does in `operator`, how
the call ends in `silence` and `farewell`. Here is which of them is told of what, and what follows from the state of
the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.absence import HUNG_UP, Absence
from phoneagent.core.agents import Agent, ToolPolicy
from phoneagent.core.commands import NOTHING, Commands
from phoneagent.core.consent import RECORDING_CONSENT, RecordingConsent
from phoneagent.core.errors import Problem, Reaction, reaction_to
from phoneagent.core.failures import Failures
from phoneagent.core.farewell import END_CALL, GRACE_S, MACHINE, Farewell
from phoneagent.core.floor import Floor
from phoneagent.core.glance import Glance, State, View
from phoneagent.core.handover import Handover
from phoneagent.core.keypad import Keypad
from phoneagent.core.marks import Marks
from phoneagent.core.operator import Operator
from phoneagent.core.responses import ANSWER
from phoneagent.core.sessions import Sessions
from phoneagent.core.silence import SilenceWatch
from phoneagent.core.state import CallState, Counters
from phoneagent.core.toolcalls import ToolCalls
from phoneagent.core.tooling import Tooling
from phoneagent.core.transcript import Transcript
from phoneagent.core.waiting import Waiting
from phoneagent.core.writing import Writing

__all__ = ["CallBridge", "Counters"]

NO_POLICIES: Mapping[str, ToolPolicy] = MappingProxyType({})


class CallBridge:
    """One call: its caller, its session, and what happens next."""

    def __init__(self, agent: Agent, began: float, tools: Mapping[str, ToolPolicy] = NO_POLICIES) -> None:
        """`began`: when the call did, in the time of `receive`. `tools`: how the agent's tools are run, by name."""
        self.ended: do.EndCall | None = None
        call = self._call = CallState(agent, began)
        self._speech = call.speech
        self._responses = call.responses
        self._timers = call.timers
        self._marks = Marks(call)
        self._tool_calls = ToolCalls()
        self._tooling = Tooling(call, self._tool_calls, tools)
        self._keypad = Keypad(call, self._tooling)
        self._waiting = Waiting(call, self._tooling)
        self._farewell = Farewell(call, self._tool_calls)
        self._silence = SilenceWatch(call, self._farewell)
        self._floor = Floor(call, self._tooling, self._farewell, self._silence)
        self._failures = Failures(call, self._lose_session)
        self._writing = Writing(call, self._floor, self._tooling, self._farewell, self._silence)
        self._consent = RecordingConsent(call, self._tool_calls)
        self._sessions = Sessions(call, self._floor, self._tooling, self._failures, self._farewell, self._consent.greet)
        self._ids = self._sessions.ids
        self._operator = Operator(call, self._floor, self._tooling, self._farewell, self._consent, self._sessions)
        self._absence = Absence(
            call, self._floor, self._tooling, self._failures, self._farewell, self._sessions, self._operator
        )
        self._view = View(call, self._absence, self._farewell, self._operator)
        self._handover = Handover(call, self._floor, self._tooling, self._sessions, self._act_for)

    @property
    def agent(self) -> Agent:
        """Who acts for the call now."""
        return self._call.agent

    @property
    def transcript(self) -> Transcript:
        """What was said so far."""
        return self._call.transcript

    @property
    def counters(self) -> Counters:
        """What went wrong so far."""
        return self._call.counters

    @property
    def ending(self) -> bool:
        """Whether goodbye is being said."""
        return self._farewell.at_hand

    @property
    def state(self) -> State:
        """How the call stands."""
        return "ending" if self.ended is not None else self._view.state

    @property
    def can_be_taken_over(self) -> bool:
        """Whether an operator can take the caller over."""
        return self.ended is None and self._operator.can_take_over

    def glance(self, now: float) -> Glance:
        """How the call stands, who is heard, and what."""
        return Glance("ending") if self.ended is not None else self._view.at(now)

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
        if kind is on.OperatorAudio:
            return self._operator.audio(event, now)  # type: ignore[arg-type]
        ids = self._ids
        if ids.differ:
            event = ids.of_call(event)
        commands = _HANDLERS[kind](self, event, now) or NOTHING
        if kind is not on.AgentAudio:
            commands += self._settle(now)
        return ids.of_session(commands) if ids.differ else commands

    def tick(self, now: float) -> Commands:
        """Do what has fallen due."""
        commands: Commands = NOTHING
        for name in self._timers.take_due(now):
            if self.ended is None:
                commands += _TIMERS[name](self, now) or NOTHING
        return self._ids.of_session(commands + self._settle(now))

    # The caller's leg

    def _stream_started(self, _: on.StreamStarted, now: float) -> Commands:
        # The stream may be another's successor whose end was not told.
        commands = self._absence.begin(now) if self._call.streaming else NOTHING
        self._call.streaming = True
        if self._call.away:
            commands += self._absence.end(now)
        self._farewell.count_time(now)
        commands += self._record(now)  # what is played now is on the recording
        commands += self._speech.stream_started(now)
        self._marks.stream_started()
        return commands

    def _stream_ended(self, _: on.StreamEnded, now: float) -> Commands:
        if self._absence.leaving:
            return self._absence.begin(now)
        return NOTHING if self._call.away else self._hung_up("the caller's stream ended", now)

    def _caller_gone(self, event: on.CallerGone, now: float) -> Commands:
        if self._call.away:
            return self._end(self._absence.over(event.reason), now)
        return self._hung_up(event.reason, now)

    def _hung_up(self, reason: str, now: float) -> Commands:
        end = self._farewell.end() or do.EndCall(HUNG_UP, reason)
        return self._end(replace(end, say=None), now)

    def _caller_audio(self, event: on.CallerAudio, now: float) -> Commands:
        call = self._call
        if not call.ready or call.deaf:
            if call.opening and not call.deaf:
                call.counters.held_frames_dropped += call.caller.hold(event.audio)
            return NOTHING
        append = do.AppendAudio(event.audio)
        if call.caller.on_trial and call.caller.passes(event.audio):
            return (*self._ids.of_session(self._floor.interrupt(now)), append)
        return (append,)

    def _digit_pressed(self, event: on.DigitPressed, now: float) -> Commands:
        self._silence.caller_spoke()
        self._farewell.interrupt(now + GRACE_S)
        if self._consent.takes(event.digit):
            return (self._floor.cut(now) if self._floor.agent_speaks else NOTHING) + self._consent.keyed(event.digit)
        commands = self._keypad.pressed(event.digit, now)
        if self._keypad.secure:
            self._consent.secret_key(now)
        return commands

    # The session

    def _session_is_ready(self, _: on.SessionReady, now: float) -> Commands:
        told = self._sessions.confirmed() + self._operator.session_ready()
        return told + self._keypad.session_ready() + self._writing.session_ready(now)

    def _session_errored(self, event: on.SessionErrored, now: float) -> None:
        self.counters.errors += 1
        if reaction_to(event.problem) in (Reaction.RECONNECT, Reaction.END):
            self._lose_session(event.problem)

    def _lose_session(self, problem: Problem) -> None:
        self._sessions.lost(problem)

    def _caller_transcript(self, event: on.CallerTranscript, now: float) -> Commands:
        if not event.text.strip():
            if event.final:
                self.transcript.nothing_more(event.turn_id)
            return NOTHING
        self._silence.caller_spoke()
        at_s = self._call.at_s(now)
        return (do.ReportTurn(self.transcript.caller_said(event.turn_id, event.text, final=event.final, at_s=at_s)),)

    def _agent_text(self, event: on.AgentText, now: float) -> Commands:
        return (do.ReportTurn(self.transcript.agent_says(event.turn_id, event.text, self._call.at_s(now))),)

    def _agent_audio(self, event: on.AgentAudio, now: float) -> Commands:
        if self._call.away or self._call.taken_over or self._speech.is_silenced(event.response_id):
            self.counters.stale_audio_dropped += 1
            return self._speech.drop(event, self._call.at_s(now))
        self._marks.audio_sent(now)
        play = self._speech.audio(event, now)
        return play if self._waiting.music_of is None else self._waiting.stop_music() + play

    def _speech_started(self, event: on.CallerStartedSpeaking, now: float) -> Commands:
        if self._call.away or self._call.deaf:  # an echo of what was heard before
            return NOTHING
        self.transcript.caller_begins(event.turn_id, self._call.at_s(now))
        return self._floor.speech_started(now)

    def _truncation_refused(self, event: on.TruncationRefused, now: float) -> Commands:
        self.counters.truncations_refused += 1
        return self._speech.truncation_refused(event)

    # Responses and tools

    def _response_started(self, event: on.ResponseStarted, now: float) -> Commands:
        if not (self._call.ready or self._call.opening):  # a session that has expired may talk on for a while
            return NOTHING
        self._responses.started(event.response_id)
        self._failures.started(now)
        return self._floor.response_started(event.response_id, now)

    def _response_ended(self, event: on.ResponseEnded, now: float) -> Commands:
        request = self._responses.ended(event.response_id)
        commands = self._speech.response_ended(event)
        if request is None:
            return commands
        self._failures.ended()
        if event.status == "failed" and not self._speech.is_silenced(event.response_id):
            self._failures.failed(event.problem or Problem("server_error"), request, now)
            return commands
        self._failures.succeeded()
        return commands + self._farewell.response_ended(event, request) + self._consent.response_ended(event, request)

    def _tool_called(self, event: on.ToolCalled, now: float) -> Commands:
        if not self._call.ready:
            return NOTHING
        if self._call.taken_over:
            return self._tooling.called(event, now)
        if event.name == END_CALL and END_CALL in self.agent.tools:
            commands = self._farewell.agent_hangs_up(event)
            return commands + (self._tooling.agent_hangs_up(event.response_id) if self._farewell.at_hand else NOTHING)
        if event.name == RECORDING_CONSENT and self.agent.recording.mode == "ask":
            return self._consent.told(event)
        return self._tooling.called(event, now)

    def _remote_tool_started(self, event: on.RemoteToolStarted, now: float) -> None:
        if self._call.ready:
            self._tooling.remote_started(event, now)

    # Others on the line

    def _caller_stays(self, _: on.CallerStays, now: float) -> Commands:
        if self._call.away:  # the stream has ended all the same
            return self._end(self._absence.over("the caller's stream ended"), now)
        return self._absence.caller_stays(now)

    def _act_for(self, agent: Agent, tools: Mapping[str, ToolPolicy], now: float) -> None:
        """Go by the rules of another agent from now on."""
        self._call.agent = agent
        self._call.caller.detection = agent.turn_detection
        self._tooling.policies = tools
        self._keypad.agent_changed()
        self._farewell.agent_changed(now)

    def _machine_answered(self, event: on.MachineAnswered, now: float) -> Commands:
        if self._call.taken_over:  # who hears it for themselves
            return NOTHING
        if event.message is None:
            return self._end(do.EndCall("machine", MACHINE), now)
        self._call.deaf = True
        commands = self._floor.cut(now) + self._tooling.drop_held()
        self._floor.start_over()
        self._farewell.leave_message(event.message, now)
        return commands

    # The end of the call

    def _hang_up(self, now: float) -> Commands:
        end = self._farewell.end()
        return NOTHING if end is None else self._end(end, now)

    def _end(self, end: do.EndCall, now: float) -> Commands:
        cut = self._speech.stop(now, self._call.at_s(now))
        self._timers.clear()
        self.ended = end
        reports = (command for command in cut if type(command) is do.ReportTurn)
        return *self._waiting.stop_music(), *reports, end

    # What follows from the state of the call, whichever event led to it

    def _settle(self, now: float) -> Commands:
        if self.ended is not None:
            return NOTHING
        call = self._call
        self._floor.follow()
        if self._tool_calls.take_answerable(self._responses.active):
            self._responses.want(ANSWER)
        if self._farewell.over:
            self._responses.drop_all()
        here = not (self._absence.at_hand or call.taken_over)
        hearing = here and call.streaming and not self._farewell.at_hand
        commands = self._tooling.release(now) if here else NOTHING
        if self._tooling.endless:  # a goodbye in the same breath as a transfer is not the end of the call
            self._farewell.withdraw()
        spoken_to = call.streaming and call.ready and not (call.taken_over or self._farewell.at_hand)
        commands += self._waiting.follow(now, allowed=spoken_to)
        if hearing:
            commands += self._handover.follow(now)
        commands += self._record(now)
        if call.ready and here:  # an answer that began now would be cut off, and not be given again
            asked = self._responses.next(answerable=not self._tool_calls.incomplete)
            if asked:
                self._failures.asked(now)
                commands += asked
        quiet = self._responses.idle and not self._speech.playing and not self._tool_calls.open
        if self._farewell.over and quiet and here:
            return commands + self._hang_up(now)
        self._silence.follow(now, quiet=quiet and hearing and call.ready and not self._consent.open)
        return commands

    def _record(self, now: float) -> Commands:
        call = self._call
        away = self._absence.at_hand or call.taken_over
        allowed = call.ready and call.streaming and not (away or self._farewell.at_hand)
        return self._consent.follow(now, typing_secret=self._keypad.typing_secret, allowed=allowed)


_HANDLERS: dict[type, Callable[[CallBridge, Any, float], Commands | None]] = {
    on.StreamStarted: CallBridge._stream_started,
    on.StreamEnded: CallBridge._stream_ended,
    on.MarkReached: lambda bridge, event, now: bridge._marks.reached(event.mark, now),
    on.DigitPressed: CallBridge._digit_pressed,
    on.CallerWrote: lambda bridge, event, now: bridge._writing.wrote(event.text, now),
    on.SessionReady: CallBridge._session_is_ready,
    on.SessionEnded: lambda bridge, event, now: bridge._lose_session(event.problem),
    on.SessionErrored: CallBridge._session_errored,
    on.TurnAdded: lambda bridge, event, now: bridge.transcript.link(event.turn_id, event.after),
    on.CallerTranscript: CallBridge._caller_transcript,
    on.AgentText: CallBridge._agent_text,
    on.AgentAudio: CallBridge._agent_audio,
    on.AgentTurnEnded: lambda bridge, event, now: bridge._speech.turn_ended(event),
    on.CallerStartedSpeaking: CallBridge._speech_started,
    on.CallerStoppedSpeaking: lambda bridge, event, now: bridge._floor.speech_stopped(now),
    on.CallerTurnEnded: lambda bridge, event, now: bridge._floor.turn_ended(event, now),
    on.TruncationRefused: CallBridge._truncation_refused,
    on.ResponseStarted: CallBridge._response_started,
    on.ResponseEnded: CallBridge._response_ended,
    on.ResponseRefused: lambda bridge, event, now: bridge._failures.refused(now),
    on.ToolCalled: CallBridge._tool_called,
    on.ToolFinished: lambda bridge, event, now: bridge._tooling.finished(event),
    on.RemoteToolStarted: CallBridge._remote_tool_started,
    on.RemoteToolEnded: lambda bridge, event, now: bridge._tooling.remote_ended(event),
    on.ApprovalRequested: lambda bridge, event, now: bridge._tooling.approval_requested(event),
    on.AgentChanged: lambda bridge, event, now: bridge._handover.agent_changed(event, now),
    on.CallerLeaving: lambda bridge, event, now: bridge._absence.caller_leaves(now),
    on.CallerStays: CallBridge._caller_stays,
    on.CallerConnected: lambda bridge, event, now: bridge._absence.connected(event.to, now),
    on.CallerReturning: lambda bridge, event, now: bridge._absence.returning(event.note, now),
    on.CallerGone: CallBridge._caller_gone,
    on.MachineAnswered: CallBridge._machine_answered,
    on.MoneyUsedUp: lambda bridge, event, now: bridge._farewell.money_is_used_up(event.limit, now),
    on.HangUpRequested: lambda bridge, event, now: bridge._end(bridge._absence.hung_up(event), now),
    on.Whispered: lambda bridge, event, now: bridge._operator.whispered(event.text),
    on.SayRequested: lambda bridge, event, now: bridge._operator.say(event.text),
    on.TakenOver: lambda bridge, event, now: bridge._operator.takes_over(now),
    on.HandedBack: lambda bridge, event, now: bridge._operator.hands_back(now),
}

_TIMERS: dict[str, Callable[[CallBridge, float], Commands | None]] = {
    "digits": lambda bridge, now: bridge._keypad.paused(),
    "playout": lambda bridge, now: bridge._marks.look_after(now),
    "endless": lambda bridge, now: bridge._floor.speech_stopped(now),
    "unanswered": lambda bridge, now: bridge._floor.stop_holding(),
    "overdue": lambda bridge, now: bridge._failures.overdue(now),
    "stalled": lambda bridge, now: bridge._failures.stalled(now),
    "retry": lambda bridge, now: bridge._failures.retry(),
    "tools": lambda bridge, now: bridge._tooling.time_is_up(now),
    "filler": lambda bridge, now: None,  # what is due follows from the state of the call
    "handover": lambda bridge, now: bridge._handover.wait_no_longer(),
    "away": lambda bridge, now: bridge._end(bridge._absence.over("the caller did not come back"), now),
    "consent": lambda bridge, now: bridge._consent.unanswered(),
    "secret": lambda bridge, now: None,  # what is due follows from the state of the call
    "idle": lambda bridge, now: bridge._silence.lasts(),
    "warning": lambda bridge, now: bridge._farewell.warn(),
    "limit": lambda bridge, now: bridge._farewell.time_is_up(now),
    "farewell": CallBridge._hang_up,
}
