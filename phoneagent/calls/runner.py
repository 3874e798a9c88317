"""Runs one call: carries its events to the bridge, and the bridge's commands to the leg, the session and the tools."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from phoneagent.calls.control import Control
from phoneagent.calls.event_log import EventLogs
from phoneagent.calls.keeper import Keeper
from phoneagent.calls.meter import Meter
from phoneagent.calls.music import HoldMusic, music_or_built_in
from phoneagent.calls.operators import Operators
from phoneagent.calls.ports import Engine, Leg, LiveCall, Receive, Session
from phoneagent.calls.record import CallDetails, CallRecord
from phoneagent.calls.recording import Recorder, Recording
from phoneagent.calls.spending import Purse
from phoneagent.calls.tool_runs import ToolRuns
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.core.bridge import CallBridge
from phoneagent.core.commands import NOTHING, Command, Commands
from phoneagent.core.costs import Cost, Service, Usage
from phoneagent.core.events import Event
from phoneagent.core.glance import Glance
from phoneagent.core.transcript import Transcript
from phoneagent.prices import Prices
from phoneagent.tools import Toolbox
from phoneagent.tools.control import ControlError

log = logging.getLogger(__name__)

Tap = Callable[[Event | Command], None]
"""Is told what comes from a leg, and is sent to it, at once. Takes no time, and never fails."""

_AUDIO = frozenset({on.CallerAudio, on.AgentAudio, on.OperatorAudio})
_TO_LEG = frozenset({do.PlayAudio, do.SendMark, do.ClearPlayout})
_TO_SERVICE = frozenset(
    {do.RunTool, do.CancelTool, do.UpdateSession, do.OpenSession, do.CloseSession}
    | {do.StartMusic, do.StopMusic, do.ReportTurn, do.ReportDigits, do.TruncateTurn, do.DeleteTurn, do.EndCall}
    | {do.Record, do.KeepSilence, do.ReportConsent, do.ReportTakeOver}
)
_COST_CHECKED_EVERY_S = 10.0  # telephone minutes pass by themselves


class CallRunner:
    """One call, from the webhook to the hang-up. Everything in it happens on the event loop, in callbacks.

    What an event causes is on its way before `receive` returns. Only tools are tasks; their results come back as
    events. `ended` is called once, with the record.
    """

    def __init__(
        self,
        details: CallDetails,
        prompt: Callable[[Agent, tuple[ToolSpec, ...]], str],
        engine: Engine,
        toolbox: Toolbox,
        keeper: Keeper,
        prices: Prices,
        purse: Purse,
        control: Callable[[LiveCall], Control],
        ended: Callable[[CallRecord], None],
        clock: Callable[[], float],
        recorder: Recorder | None = None,
        event_logs: EventLogs | None = None,
    ) -> None:
        """Begins the session at once, so that it is ready when the stream opens.

        `prompt` is that of an agent with its tools, in this call. `clock`: seconds, monotonic; not the event loop's,
        which under uvloop stands still while callbacks run, so that a mark would seem to have come back before it did.
        """
        self.details = details
        tools, began = toolbox.policies(details.agent), clock()
        self._bridge = (
            event_logs.bridge(details, began, tools) if event_logs else CallBridge(details.agent, began, tools)
        )
        self.kept = keeper.begin(details, engine.name, self._bridge.counters, clock)
        self.control = control(self)
        self.operators = Operators(self._bridge, self.control, self.kept, self.receive)
        self._prompt = prompt
        self._engine = engine
        self._toolbox = toolbox
        self._meter = Meter(prices, engine.name)
        self._meter.begin("caller's line", clock(), *details.billed)
        self._spending = purse.open(
            details.call_id, details.agent, details.called, details.began, lambda: self.cost_so_far, self.kept.limit
        )
        self._cost_timer: asyncio.TimerHandle | None = None
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._leg: Leg | None = None
        self._session: Session | None = None
        self._session_now: object = None  # stands for the session in `_waiting`
        self._waiting: deque[tuple[object, Event]] = deque()  # with the peer that it is from, None for the service
        self._busy = False  # doing commands
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at: float | None = None  # not `timer.when()`: uvloop's have none for what is due at once
        self._music: HoldMusic | None = None
        self._recorder = recorder
        self._recording: Recording | None = None
        self._overhearing: Tap | None = None
        self._tools = ToolRuns(details, toolbox, self.control, self.kept, self.receive, clock)
        self._silent = True  # no audio was sent to the caller yet
        self._spending.begin()
        self._open_session(details.agent)

    @property
    def over(self) -> do.EndCall | None:
        """How the call ended, once it has."""
        return self._bridge.ended

    @property
    def agent(self) -> Agent:
        """Who speaks now."""
        return self._bridge.agent

    @property
    def cost_so_far(self) -> Cost:
        """What the call has cost by now."""
        return self._meter.cost(self._clock())

    @property
    def transcript(self) -> Transcript:
        """What was said so far."""
        return self._bridge.transcript

    @property
    def streaming(self) -> bool:
        """Whether the caller is on a stream."""
        return self._leg is not None

    def glance(self) -> Glance:
        """How the call stands now, who is heard, and what. Costs the call nothing unless somebody looks."""
        return replace(self._bridge.glance(self._clock()), taken_over_by=self.operators.taken_over_by)

    def person_came(self, *billed: Service) -> None:
        """A person to whom the caller is transferred is on a line for which the carrier bills these services."""
        self._meter.begin("person's line", self._clock(), *billed)

    def person_left(self) -> None:
        """The person's line is over."""
        self._meter.end("person's line", self._clock())

    def attach(self, leg: Leg, stream_sid: str = "") -> Receive:
        """Give the call a leg, in place of the one it may have. What is returned is to be told StreamStarted first."""
        self._leg = leg
        self.kept.stream_began(stream_sid)
        return partial(self._hear, leg)

    def receive(self, event: Event) -> None:
        """Take note of an event and do what follows from it."""
        self._hear(None, event)

    def _hear(self, source: object, event: Event) -> None:
        self._waiting.append((source, event))
        if not self._busy:  # else it was caused by a command, and those after that come first
            self._carry_on()

    def _tick(self) -> None:
        self._timer = self._wake_at = None
        self._carry_on(self._bridge.tick(self._clock()))

    def _carry_on(self, commands: Commands = NOTHING) -> None:
        """Do what has fallen due, then pass on what has happened; of an earlier leg or session, nothing any more."""
        self._busy = True
        try:
            for command in commands:
                self._do(command)
            while self._waiting:
                source, event = self._waiting.popleft()
                if source is not None and source is not self._leg and source is not self._session_now:
                    continue
                if source is self._leg:
                    self._overheard(event)
                if type(event) not in _AUDIO:
                    self._note(event)
                for command in self._bridge.receive(event, self._clock()):
                    self._do(command)
        finally:
            self._busy = False
        if self._bridge.deadline != self._wake_at:
            self._wake_in_time()

    def _wake_in_time(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._wake_at = self._bridge.deadline
        if deadline is None:
            self._timer = None
        else:
            self._timer = self._loop.call_later(max(0.0, deadline - self._clock()), self._tick)

    def _do(self, command: Command) -> None:
        kind = type(command)
        if kind in _TO_LEG:
            if self._leg is not None:
                self._send_to_leg(command)
                if self._silent and kind is do.PlayAudio:
                    self._silent = False
                    self.kept.audio_began()
        elif kind not in _TO_SERVICE:
            self._send_to_session(command)
        else:
            self._serve(command)

    def _serve(self, command: Command) -> None:
        match command:
            case do.ReportTurn(turn):
                self.kept.turn(turn)
            case do.ReportDigits(digits, secure):
                self.kept.digits(digits, secure=secure)
            case do.TruncateTurn(turn_id, heard_ms):
                self._send_to_session(command)
                self.kept.cut(turn_id, heard_ms)
            case do.DeleteTurn(turn_id):
                self._send_to_session(command)
                self.kept.cut(turn_id, 0)
            case do.RunTool():
                self._tools.start(command)
            case do.CancelTool(tool_call_id):
                self._tools.cancel(tool_call_id)
            case do.UpdateSession(agent):
                self._took_over_by(agent)
                if self._session is not None:
                    specs = self._toolbox.specs(agent)
                    self._session.update(agent, self._prompt(agent, specs), specs)
            case do.OpenSession(agent):
                self._close_session()
                self._took_over_by(agent)
                self._open_session(agent)
            case do.CloseSession():
                self._close_session()
            case do.StartMusic():
                self._music = self._music or HoldMusic(self._send_to_leg, music_or_built_in(self.agent.hold_music))
                self._music.start()
            case do.StopMusic() if self._music is not None:
                self._music.stop()
            case do.Record():
                self._record()
            case do.KeepSilence(before_s):
                self._keep_silence(before_s)
            case do.ReportConsent(given, how):
                self.kept.happened("consent", given=given, how=how)
            case do.ReportTakeOver(taken_over):
                self.operators.take_over_changed(taken_over)
            case do.EndCall():
                self._end(command)

    def _note(self, event: Event) -> None:
        """What the service does besides telling the bridge."""
        self.kept.note(event)
        match event:
            case on.ResponseEnded(usage=Usage() as usage):
                self._meter.responded(self.agent, usage)
                self._check_cost()
            case on.CallerTranscript(usage=Usage() as usage):
                self._meter.transcribed(self.agent, usage)
                self._check_cost()
            case on.StreamStarted():
                self._meter.begin("stream", self._clock(), "media-streams")
                if self._cost_timer is None:  # the first
                    self._keep_checking_cost()
                self.control.stream_started()
            case on.StreamEnded():
                self._leg = None
                self._meter.end("stream", self._clock())
                self.control.stream_ended()
            case on.SessionErrored(problem) | on.SessionEnded(problem):
                fields = {"call_id": self.details.call_id, "code": problem.code, "param": problem.param}
                log.warning("the engine reported a problem", extra=fields | {"detail": problem.message[:200]})
            case on.ResponseEnded(status="failed", problem=problem) if problem is not None:
                fields = {"call_id": self.details.call_id, "code": problem.code, "detail": problem.message[:200]}
                log.warning("the engine failed to respond", extra=fields)

    def _send_to_leg(self, command: Command) -> None:
        if self._leg is not None:
            self._overheard(command)
            self._leg.send(command)

    def _send_to_session(self, command: Command) -> None:
        if self._session is not None:
            self._session.send(command)

    # Who else hears the leg

    def overhear(self, tap: Tap | None) -> None:
        """Tell `tap` all that comes from the leg and goes to it, from now on; None: nobody."""
        self._overhearing = tap

    def _overheard(self, what: Event | Command) -> None:
        if self._recording is not None:
            self._recording.note(what)
        if self._overhearing is not None:
            self._overhearing(what)

    def _record(self) -> None:
        if self._recording is not None:
            self._recording.resume()
        elif self._recorder is not None:
            details, kept = self.details, self.kept
            self._recording = self._recorder.record(details.call_id, details.began, kept.at_s, kept.recorded)
        self.kept.happened("recording", on=True)

    def _keep_silence(self, before_s: float) -> None:
        if self._recording is not None:
            self._recording.pause(before_s)
        self.kept.happened("recording", on=False)

    # What it costs

    def _keep_checking_cost(self) -> None:
        self._cost_timer = self._loop.call_later(_COST_CHECKED_EVERY_S, self._keep_checking_cost)
        self._check_cost()

    def _check_cost(self) -> None:
        if self._cost_timer is None:  # nobody could be told goodbye, or transferred, before there is a stream
            return
        self.kept.cost(self.cost_so_far.total)
        if self.operators.taken_over_by is not None:  # a limit holds again when they hand the call back
            return
        notice = self._spending.check()
        if notice is None:
            return
        agent = self.details.agent
        if agent.limits.over_limit is not None and not self._bridge.ending:
            try:
                self.control.send_away(agent, agent.limits.over_limit)
            except ControlError as error:
                fields = {"call_id": self.details.call_id, "agent": agent.name, "reason": str(error)}
                log.warning("a caller is not transferred over the limit", extra=fields)
        self.receive(on.MoneyUsedUp(notice.limit))  # who is away now hears goodbye should they come back

    # The session

    def _open_session(self, agent: Agent) -> None:
        specs = self._toolbox.specs(agent)
        session = self._session_now = object()
        self._session = self._engine.open(agent, self._prompt(agent, specs), specs, partial(self._hear, session))

    def _close_session(self) -> None:
        session, self._session, self._session_now = self._session, None, None
        if session is not None:
            session.close()

    def _took_over_by(self, agent: Agent) -> None:
        if agent.name != self.kept.agent.name:
            log.info("another agent took over", extra={"call_id": self.details.call_id, "agent": agent.name})
            self.kept.took_over(agent)

    # The end

    def _end(self, end: do.EndCall) -> None:
        self.control.call_ended()
        self._tools.end()
        self._close_session()
        if self._music is not None:
            self._music.stop()
        if self._leg is not None:
            self._leg.close()
        if self._recording is not None:
            self._recording.end()
        if self._cost_timer is not None:
            self._cost_timer.cancel()
        self._meter.stop(self._clock())
        self._spending.close()
        self._ended(self.kept.over(end, self._bridge.transcript.turns, self._meter))
