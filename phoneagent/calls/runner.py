"""Runs one call: carries its events to the bridge, and the bridge's commands to the leg, the session and the tools."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from phoneagent.calls.control import Control
from phoneagent.calls.live import AgentTookOver, CallEnded, CallRecorded, Feed, StreamOpened, ToolRan, TurnChanged
from phoneagent.calls.meter import Meter
from phoneagent.calls.music import HoldMusic, music_or_built_in
from phoneagent.calls.ports import Engine, Leg, LiveCall, Receive, Session
from phoneagent.calls.record import CallRecord, ToolRun
from phoneagent.calls.recording import Recorded, Recorder, Recording
from phoneagent.calls.spending import Purse
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.core.bridge import CallBridge
from phoneagent.core.commands import NOTHING, Command, Commands
from phoneagent.core.costs import Cost, Service, Usage
from phoneagent.core.events import Event
from phoneagent.prices import Prices
from phoneagent.tools import Call, Toolbox
from phoneagent.tools.control import ControlError

log = logging.getLogger(__name__)

_AUDIO = frozenset({on.CallerAudio, on.AgentAudio})
_TO_LEG = frozenset({do.PlayAudio, do.SendMark, do.ClearPlayout})
_TO_SERVICE = frozenset(
    {do.RunTool, do.CancelTool, do.UpdateSession, do.OpenSession, do.CloseSession}
    | {do.StartMusic, do.StopMusic, do.ReportTurn, do.EndCall}
)
_COST_CHECKED_EVERY_S = 10.0  # telephone minutes pass by themselves
_CANCELLED = '{"error":"cancelled","message":"It was stopped. It may or may not have been done."}'
_INTERRUPTED = '{"error":"interrupted","message":"The call ended while it ran. It may or may not have been done."}'


@dataclass(frozen=True, slots=True)
class CallDetails:
    """Who talks to whom. `caller` is the person's number and `called` ours, whoever dialled; `agent` is who answers.

    `billed` is what the carrier bills for while the caller's line is open.
    """

    call_id: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    agent: Agent
    began: datetime
    billed: tuple[Service, ...] = ("inbound-local",)


@dataclass(frozen=True, slots=True)
class _Running:
    """A tool that runs."""

    command: do.RunTool
    began: float
    task: asyncio.Task[None]


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
        feed: Feed,
        prices: Prices,
        purse: Purse,
        control: Callable[[LiveCall], Control],
        ended: Callable[[CallRecord], None],
        clock: Callable[[], float],
        recorder: Recorder | None = None,
    ) -> None:
        """Begins the session at once, so that it is ready when the stream opens.

        `prompt` is that of an agent with its tools, in this call. `clock`: seconds, monotonic; not the event loop's,
        which under uvloop stands still while callbacks run, so that a mark would seem to have come back before it did.
        """
        self.details = details
        self.control = control(self)
        self._prompt = prompt
        self._engine = engine
        self._toolbox = toolbox
        self._feed = feed
        self._meter = Meter(prices, engine.name)
        self._meter.begin("caller's line", clock(), *details.billed)
        self._spending = purse.open(
            details.call_id, details.agent, details.called, details.began, lambda: self.cost_so_far
        )
        self._cost_timer: asyncio.TimerHandle | None = None
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._bridge = CallBridge(details.agent, clock(), toolbox.policies(details.agent))
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
        self._running: dict[str, _Running] = {}
        self._notes: dict[str, object] = {}
        self._tool_runs: list[ToolRun] = []
        self._took_over: list[str] = []
        self._streaming_since: float | None = None
        self._first_audio_ms: int | None = None
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
    def streaming(self) -> bool:
        """Whether the caller is on a stream."""
        return self._leg is not None

    def person_came(self, *billed: Service) -> None:
        """A person to whom the caller is transferred is on a line for which the carrier bills these services."""
        self._meter.begin("person's line", self._clock(), *billed)

    def person_left(self) -> None:
        """The person's line is over."""
        self._meter.end("person's line", self._clock())

    def attach(self, leg: Leg) -> Receive:
        """Give the call a leg, in place of the one it may have. What is returned is to be told StreamStarted first."""
        self._leg = leg
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
                if self._recording is not None and source is self._leg:
                    self._recording.note(event)
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
                if self._first_audio_ms is None and kind is do.PlayAudio and self._streaming_since is not None:
                    self._first_audio_ms = round((self._clock() - self._streaming_since) * 1000)
        elif kind not in _TO_SERVICE:
            if self._session is not None:
                self._session.send(command)
        else:
            self._serve(command)

    def _serve(self, command: Command) -> None:
        match command:
            case do.ReportTurn(turn):
                self._feed.tell(TurnChanged(self.details.call_id, turn))
            case do.RunTool():
                task = self._loop.create_task(self._run_tool(command))
                self._running[command.tool_call_id] = _Running(command, self._clock(), task)
            case do.CancelTool(tool_call_id):
                self._stop_tool(tool_call_id, _CANCELLED)
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
            case do.EndCall():
                self._end(command)

    def _note(self, event: Event) -> None:
        """What the service does besides telling the bridge."""
        match event:
            case on.ResponseEnded(usage=Usage() as usage):
                self._meter.responded(self.agent, usage)
                self._check_cost()
            case on.CallerTranscript(usage=Usage() as usage):
                self._meter.transcribed(self.agent, usage)
                self._check_cost()
            case on.StreamStarted():
                self._meter.begin("stream", self._clock(), "media-streams")
                if self._streaming_since is None:
                    self._streaming_since = self._clock()
                    self._feed.tell(StreamOpened(self.details.call_id))
                    self._record_if_wanted(self.agent)
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
            if self._recording is not None:
                self._recording.note(command)
            self._leg.send(command)

    # The recording

    def _record_if_wanted(self, agent: Agent) -> None:
        """Record what is said with this agent, or keep silence in its place."""
        if self._recording is not None:
            self._recording.resume() if agent.recording else self._recording.pause()
        elif agent.recording and self._recorder is not None and self._streaming_since is not None:
            self._recording = self._recorder.record(self.details.call_id, self.details.began, self._recorded)

    def _recorded(self, recorded: Recorded) -> None:
        self._feed.tell(CallRecorded(self.details.call_id, recorded))

    # What it costs

    def _keep_checking_cost(self) -> None:
        self._cost_timer = self._loop.call_later(_COST_CHECKED_EVERY_S, self._keep_checking_cost)
        self._check_cost()

    def _check_cost(self) -> None:
        if self._cost_timer is None:  # nobody could be told goodbye, or transferred, before there is a stream
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
        if agent.name != ([self.details.agent.name, *self._took_over])[-1]:
            self._took_over.append(agent.name)
            self._record_if_wanted(agent)
            log.info("another agent took over", extra={"call_id": self.details.call_id, "agent": agent.name})
            self._feed.tell(AgentTookOver(self.details.call_id, agent.name))

    # Tools

    async def _run_tool(self, command: do.RunTool) -> None:
        details, tool_call_id = self.details, command.tool_call_id
        key = f"{details.call_id}:{tool_call_id}"
        call = Call(details.call_id, details.caller, details.called, self.agent, key, self._notes, self.control)
        result = await self._toolbox.run(command.name, command.arguments, call)
        self._ran(self._running.pop(tool_call_id), result.output)
        if result.agent is not None:
            self.receive(on.AgentChanged(tool_call_id, result.agent, self._toolbox.policies(result.agent)))
        else:
            self.receive(on.ToolFinished(tool_call_id, result.output, result.ran))

    def _stop_tool(self, tool_call_id: str, output: str) -> None:
        if (running := self._running.pop(tool_call_id, None)) is not None:
            running.task.cancel()
            self._ran(running, output)

    def _ran(self, running: _Running, output: str) -> None:
        command = running.command
        run = ToolRun(command.name, command.arguments, output, self._clock() - running.began)
        self._tool_runs.append(run)
        self._feed.tell(ToolRan(self.details.call_id, run))

    # The end

    def _end(self, end: do.EndCall) -> None:
        self.control.call_ended()
        for tool_call_id in tuple(self._running):
            self._stop_tool(tool_call_id, _INTERRUPTED)
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
        record = self._record(end)
        self._feed.tell(CallEnded(self.details.call_id, record))
        self._ended(record)

    def _record(self, end: do.EndCall) -> CallRecord:
        details = self.details
        since = self._streaming_since
        duration_s = 0.0 if since is None else self._clock() - since
        return CallRecord(
            call_id=details.call_id,
            agent=details.agent.name,
            agent_version=details.agent.version,
            engine=self._engine.name,
            caller=details.caller,
            called=details.called,
            began=details.began,
            duration_s=duration_s,
            outcome=end.outcome,
            reason=end.reason,
            turns=self._bridge.transcript.turns,
            tools=tuple(self._tool_runs),
            usage=self._meter.usage,
            cost=self.cost_so_far,
            counters=self._bridge.counters,
            first_audio_ms=self._first_audio_ms,
            took_over=tuple(self._took_over),
        )
