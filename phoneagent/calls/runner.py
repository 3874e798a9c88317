"""Runs one call: carries its events to the bridge, and the bridge's commands to the leg, the session and the tools."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from phoneagent.calls.live import CallEnded, Feed, StreamOpened, ToolRan, TurnChanged
from phoneagent.calls.ports import Engine, Leg, Session
from phoneagent.calls.record import CallRecord, Cost, ToolRun
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent
from phoneagent.core.bridge import CallBridge
from phoneagent.core.commands import NOTHING, Command, Commands
from phoneagent.core.costs import Usage
from phoneagent.core.events import Event
from phoneagent.prices import Prices
from phoneagent.tools import Call, Toolbox

log = logging.getLogger(__name__)

_AUDIO = frozenset({on.CallerAudio, on.AgentAudio})
_TO_LEG = frozenset({do.PlayAudio, do.SendMark, do.ClearPlayout})
_TO_SERVICE = frozenset({do.RunTool, do.ReportTurn, do.EndCall})


@dataclass(frozen=True, slots=True)
class CallDetails:
    """Who talks to whom. `caller` is the person's number and `called` ours, whoever dialled."""

    call_id: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    agent: Agent
    began: datetime


class CallRunner:
    """One call, from the webhook to the hang-up. Everything in it happens on the event loop, in callbacks.

    What an event causes is on its way before `receive` returns. Only tools are tasks; their results come back as
    events. `ended` is called once, with the record.
    """

    def __init__(
        self,
        details: CallDetails,
        prompt: str,
        engine: Engine,
        toolbox: Toolbox,
        feed: Feed,
        prices: Prices,
        ended: Callable[[CallRecord], None],
        clock: Callable[[], float],
    ) -> None:
        """Begins the session at once, so that it is ready when the stream opens.

        `clock`: seconds, monotonic; not the event loop's, which under uvloop stands still while callbacks run, so that
        a mark would seem to have come back before it did.
        """
        self.details = details
        self._engine = engine
        self._toolbox = toolbox
        self._feed = feed
        self._prices = prices
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._bridge = CallBridge(details.agent, clock())
        self._leg: Leg | None = None
        self._waiting: deque[Event] = deque()
        self._busy = False  # doing commands
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at: float | None = None  # not `timer.when()`: uvloop's have none for what is due at once
        self._tasks: set[asyncio.Task[None]] = set()
        self._notes: dict[str, object] = {}
        self._tool_runs: list[ToolRun] = []
        self._usage = Usage()
        self._transcription = Usage()
        self._streaming_since: float | None = None
        self._first_audio_ms: int | None = None
        self._session: Session = engine.open(details.agent, prompt, toolbox.specs(details.agent), self.receive)

    @property
    def over(self) -> do.EndCall | None:
        """How the call ended, once it has."""
        return self._bridge.ended

    def attach(self, leg: Leg) -> None:
        """Give the call its leg, which must tell `receive` of StreamStarted first."""
        self._leg = leg

    def receive(self, event: Event) -> None:
        """Take note of an event and do what follows from it."""
        self._waiting.append(event)
        if not self._busy:  # else it was caused by a command, and those after that come first
            self._carry_on()

    def _tick(self) -> None:
        self._timer = self._wake_at = None
        self._carry_on(self._bridge.tick(self._clock()))

    def _carry_on(self, commands: Commands = NOTHING) -> None:
        """Do what has fallen due, then pass on what has happened."""
        self._busy = True
        try:
            for command in commands:
                self._do(command)
            while self._waiting:
                event = self._waiting.popleft()
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
                self._leg.send(command)
                if self._first_audio_ms is None and kind is do.PlayAudio and self._streaming_since is not None:
                    self._first_audio_ms = round((self._clock() - self._streaming_since) * 1000)
        elif kind not in _TO_SERVICE:
            self._session.send(command)
        elif isinstance(command, do.ReportTurn):
            self._feed.tell(TurnChanged(self.details.call_id, command.turn))
        elif isinstance(command, do.RunTool):
            task = self._loop.create_task(self._run_tool(command))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(command, do.EndCall):
            self._end(command)

    def _note(self, event: Event) -> None:
        """What the record holds besides the transcript."""
        match event:
            case on.ResponseEnded(usage=Usage() as usage):
                self._usage += usage
            case on.CallerTranscript(usage=Usage() as usage):
                self._transcription += usage
            case on.StreamStarted():
                self._streaming_since = self._clock()
                self._feed.tell(StreamOpened(self.details.call_id))
            case on.SessionErrored(problem) | on.SessionEnded(problem):
                fields = {"call_id": self.details.call_id, "code": problem.code, "param": problem.param}
                log.warning("the engine reported a problem", extra=fields | {"detail": problem.message[:200]})
            case on.ResponseEnded(status="failed", problem=problem) if problem is not None:
                fields = {"call_id": self.details.call_id, "code": problem.code, "detail": problem.message[:200]}
                log.warning("the engine failed to respond", extra=fields)

    async def _run_tool(self, command: do.RunTool) -> None:
        details = self.details
        key = f"{details.call_id}:{command.tool_call_id}"
        call = Call(details.call_id, details.caller, details.called, details.agent, key, self._notes)
        began = self._clock()
        result = await self._toolbox.run(command.name, command.arguments, call)
        run = ToolRun(command.name, command.arguments, result.output, self._clock() - began)
        self._tool_runs.append(run)
        self._feed.tell(ToolRan(details.call_id, run))
        self.receive(on.ToolFinished(command.tool_call_id, result.output, result.ran))

    def _end(self, end: do.EndCall) -> None:
        for task in self._tasks:
            task.cancel()
        self._session.close()
        if self._leg is not None:
            self._leg.close()
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
            usage=self._usage,
            cost=self._cost(duration_s),
            counters=self._bridge.counters,
            first_audio_ms=self._first_audio_ms,
        )

    def _cost(self, duration_s: float) -> Cost:
        telephone = self._prices.telephone_minutes(duration_s)
        if self._engine.name == "local":
            return Cost(telephone=telephone)
        agent, models = self.details.agent, self._prices.models
        model = models.get(agent.model)
        transcription = models.get(agent.transcription.model or "")
        free = Decimal(0)
        return Cost(
            model.of(self._usage) if model else free,
            transcription.of(self._transcription) if transcription else free,
            telephone,
        )
