"""Keeps the records of calls: says on the feed what happens, and puts it piece by piece where it is kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from phoneagent.calls.live import (
    AgentTookOver,
    CallAnswered,
    CallEnded,
    CallRecorded,
    Feed,
    OperatorActed,
    SessionLost,
    SessionOpened,
    StreamOpened,
    ToolBegan,
    ToolRan,
    TurnChanged,
)
from phoneagent.calls.meter import Meter
from phoneagent.calls.record import CallDetails, CallRecord, ToolRun
from phoneagent.calls.recording import Recorded
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, Redaction
from phoneagent.core.errors import Problem
from phoneagent.core.records import (
    Afterwards,
    AgentKept,
    CallBegan,
    CallOver,
    CostPosted,
    Entry,
    Happened,
    Happening,
    MessageTaken,
    OperatorAction,
    RecordingKept,
    SessionBegan,
    StreamBegan,
    ToolKept,
    TurnKept,
)
from phoneagent.core.redaction import Redactor
from phoneagent.core.redaction.entries import redactor_for
from phoneagent.core.spending import Notice
from phoneagent.core.state import Counters
from phoneagent.core.transcript import Turn
from phoneagent.prices import LOCAL

Put = Callable[[Entry, Redactor], None]
"""Keeps an entry, without what the redactor takes out. Takes no time, and never fails."""

TransferState = Literal["begun", "connected", "failed", "returned"]

_HIDDEN = "•"
_FAILED = '{"error":'  # so begins, of all outputs, only that of a tool which failed


def _nowhere(entry: Entry, redactor: Redactor) -> None:
    """Keeps nothing."""


class Keeper:
    """Keeps the records of all calls. Used on the event loop; waits for nothing."""

    def __init__(
        self, feed: Feed, put: Put = _nowhere, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Without `put` nothing is kept, only told. `clock`: the wall clock, aware of its time zone."""
        self.feed = feed
        self.put = put
        self.clock = clock
        self._redactors: dict[str, Redactor] = {}  # of the agents that are kept, by their versions

    def begin(self, details: CallDetails, engine: str, counters: Counters, clock: Callable[[], float]) -> CallKeeper:
        """The keeper of a call that is answered. `counters` are those of its bridge, `clock` the one that it runs by,
        in seconds."""
        return CallKeeper(self, details, engine, counters, clock)

    def redactor_of(self, agent: Agent) -> Redactor:
        """What takes out of texts what is not to be kept of calls with this agent; the agent is kept, too."""
        redactor = self._redactors.get(agent.version)
        if redactor is None:
            redactor = self._redactors[agent.version] = redactor_for(agent.redaction)
            self.put(AgentKept(agent.version, agent.name, agent.source, self.clock(), Afterwards.of(agent)), redactor)
        return redactor

    def recorded(self, recorded: Recorded, redactor: Redactor | None = None) -> None:
        """A recording is finished, perhaps one that a killed service has left."""
        kept = RecordingKept(
            recorded.call_id,
            recorded.name,
            recorded.at_s,
            recorded.duration_s,
            recorded.size,
            recorded.sha256,
            recorded.problem,
        )
        self.put(kept, redactor or redactor_for(Redaction()))
        self.feed.tell(CallRecorded(recorded.call_id, recorded))


class CallKeeper:
    """Keeps the record of one call, from its answer on."""

    def __init__(
        self, keeper: Keeper, details: CallDetails, engine: str, counters: Counters, clock: Callable[[], float]
    ) -> None:
        self.agent = details.agent  # who speaks now
        self.usd = Decimal(0)  # what the call has cost, when that was looked at last
        self.running: dict[str, ToolBegan] = {}  # the tools, by their calls
        self.tools: list[ToolKept] = []  # those that have run
        self.happenings: list[Happened] = []
        self._keeper = keeper
        self._details = details
        self._call_id = details.call_id
        self._engine = engine
        self._counters = counters
        self._clock = clock
        self._began = clock()
        self.redactor = keeper.redactor_of(details.agent)
        self._streaming_since: float | None = None
        self._first_audio_ms: int | None = None
        self._barge_ins = 0  # kept
        self._turns: dict[str, Turn] = {}  # as they are kept
        self._tools: list[ToolRun] = []
        self._took_over: list[str] = []
        self._put(
            CallBegan(
                details.call_id,
                details.call_sid,
                details.direction,
                details.caller,
                details.called,
                details.agent.name,
                details.agent.version,
                engine,
                self._model,
                details.began,
                details.agent.retention,
            )
        )

    @property
    def at_s(self) -> float:
        """The time by the call's clock."""
        return self._clock() - self._began

    @property
    def turns(self) -> Collection[Turn]:
        """The turns that hold words, as they are known by now; in no order."""
        return self._turns.values()

    @property
    def streamed(self) -> bool:
        """Whether the caller is on a stream, or was."""
        return self._streaming_since is not None

    # What happens

    def answered(self) -> None:
        """The call is one of those that are live: whoever hears of it can look it up."""
        self._keeper.feed.tell(CallAnswered(self._call_id, self._details.agent.name, bool(self._details.billed)))

    def stream_began(self, stream_sid: str) -> None:
        """The caller is on a stream."""
        self._put(StreamBegan(self._call_id, stream_sid, self._keeper.clock()))
        if self._streaming_since is None:
            self._streaming_since = self._clock()
            self._keeper.feed.tell(StreamOpened(self._call_id))

    def audio_began(self) -> None:
        """The first audio of the call was sent to the caller."""
        if self._streaming_since is not None:
            self._first_audio_ms = round((self._clock() - self._streaming_since) * 1000)

    def note(self, event: on.Event) -> None:
        """Take note of an event of the call's that is no audio, before the bridge is told."""
        if self._counters.barge_ins > self._barge_ins:  # one that cut no turn off: of what it stopped nothing was heard
            self._barged_in()
        match event:
            case on.SessionReady(session_id):
                self._put(SessionBegan(self._call_id, session_id, self._model))
                self._keeper.feed.tell(SessionOpened(self._call_id))
            case on.SessionErrored(problem):
                self.happened("engine_error", **_told(problem))
            case on.SessionEnded(problem):
                self.happened("session_lost", **_told(problem))
                self._keeper.feed.tell(SessionLost(self._call_id, problem.code))
            case on.ResponseEnded(status="failed", problem=problem):
                self.happened("response_failed", **_told(problem or Problem("server_error")))
            case on.MachineAnswered(message):
                self.happened("machine", message=message)

    def turn(self, turn: Turn) -> None:
        """A turn of the transcript is new, or more of it is known."""
        self._keep_turn(turn)
        self._keeper.feed.tell(TurnChanged(self._call_id, turn))

    def cut(self, turn_id: str, heard_ms: int) -> None:
        """Of a turn of the agent's no more is heard; perhaps the caller has barged in."""
        if self._counters.barge_ins > self._barge_ins:
            self._barged_in(turn_id=turn_id, heard_ms=heard_ms)

    def digits(self, digits: str, *, secure: bool) -> None:
        """The caller has typed this. What is `secure` is not kept, and neither is any word that repeats it."""
        if secure:
            self.redactor = self.redactor.with_keys(digits)
        self.happened("digits", digits=_HIDDEN * len(digits) if secure else digits, secure=secure)

    def tool_began(self, command: do.RunTool) -> None:
        """A tool is run from now on."""
        tool_call_id, name, arguments = command.tool_call_id, command.name, command.arguments
        self.running[tool_call_id] = ToolBegan(self._call_id, tool_call_id, name, arguments, round(self.at_s, 3))
        self._keeper.feed.tell(self.running[tool_call_id])

    def tool_ran(self, command: do.RunTool, output: str, seconds: float) -> None:
        """A tool was run."""
        tool_call_id, run = command.tool_call_id, ToolRun(command.name, command.arguments, output, seconds)
        self._tools.append(run)
        began_s, ms = round(self.at_s - seconds, 3), round(seconds * 1000)
        failed = output.startswith(_FAILED)
        kept = ToolKept(self._call_id, tool_call_id, run.name, run.arguments, output, failed, began_s, ms)
        self.running.pop(tool_call_id, None)
        self.tools.append(kept)
        self._put(kept)
        self._keeper.feed.tell(ToolRan(self._call_id, run))

    def took_over(self, agent: Agent) -> None:
        """Another agent speaks now. What the one before would not have kept is not kept from now on either."""
        self.agent = agent
        self._took_over.append(agent.name)
        self.redactor = self.redactor.with_rules(self._keeper.redactor_of(agent))
        self.happened("agent_took_over", agent=agent.name, version=agent.version)
        self._keeper.feed.tell(AgentTookOver(self._call_id, agent.name))

    def transfer(self, state: TransferState, to: str, why: str = "") -> None:
        """How a transfer to the destination `to` goes; `why` the caller was not connected, or is back."""
        self.happened("transfer", state=state, to=to, **({"why": why} if why else {}))

    def operator(self, action: OperatorAction, by: str, **data: Any) -> None:
        """An operator has done something to the call. `by`: their name; `data` is for JSON."""
        self.happened("operator", action=action, by=by, **data)
        self._keeper.feed.tell(OperatorActed(self._call_id, action, by))

    def message(self, text: str, callback_number: str | None) -> None:
        """The caller has left a message."""
        message_id = secrets.token_hex(8)
        caller, now = self._details.caller, self._keeper.clock()
        self._put(MessageTaken(message_id, self._call_id, self.agent.name, caller, text, callback_number, now))
        self.happened("message", message_id=message_id)

    def cost(self, usd: Decimal) -> None:
        """What the call has cost by now."""
        if usd != self.usd:
            self.usd = usd
            self._put(CostPosted(self._call_id, usd))

    def limit(self, notice: Notice) -> None:
        """A limit in money is nearly used, or is used up."""
        spent, usd = f"{notice.spent:.4f}", str(notice.usd)
        self.happened("limit", limit=notice.limit, level=notice.level, spent_usd=spent, limit_usd=usd)

    def happened(self, kind: Happening, **data: Any) -> None:
        """Something that matters. `data` is for JSON."""
        happened = Happened(self._call_id, len(self.happenings) + 1, round(self.at_s, 3), kind, data)
        self.happenings.append(happened)
        self._put(happened)

    # The end

    def over(self, end: do.EndCall, turns: tuple[Turn, ...], meter: Meter) -> CallRecord:
        """The call is over, and this is its record. `turns` are those of the transcript."""
        now, details = self._clock(), self._details
        record = CallRecord(
            call_id=details.call_id,
            call_sid=details.call_sid,
            agent=details.agent.name,
            agent_version=details.agent.version,
            engine=self._engine,
            caller=details.caller,
            called=details.called,
            began=details.began,
            duration_s=0.0 if self._streaming_since is None else now - self._streaming_since,
            outcome=end.outcome,
            reason=end.reason,
            turns=turns,
            tools=tuple(self._tools),
            usage=meter.usage,
            cost=meter.cost(now),
            counters=self._counters,
            first_audio_ms=self._first_audio_ms,
            took_over=tuple(self._took_over),
            direction=details.direction,
        )
        if self._counters.barge_ins > self._barge_ins:
            self._barged_in()
        for turn in turns:
            self._keep_turn(turn)
        self._put(
            CallOver(
                details.call_id,
                self._keeper.clock(),
                end.outcome,
                end.reason,
                record.duration_s,
                tuple(turn.turn_id for turn in turns),
                meter.charges(now),
                asdict(self._counters),
                self._first_audio_ms,
                record.median_latency_ms,
                summarize=details.agent.after_call.wanted,
            )
        )
        self._keeper.feed.tell(CallEnded(details.call_id, record))
        return record

    def recorded(self, recorded: Recorded) -> None:
        """The call's recording is finished."""
        self._keeper.recorded(recorded, self.redactor)

    # Inside

    @property
    def _model(self) -> str:
        return LOCAL if self._engine == LOCAL else self.agent.model

    def _put(self, entry: Entry) -> None:
        self._keeper.put(entry, self.redactor)

    def _keep_turn(self, turn: Turn) -> None:
        if (turn.text or turn.unheard) and self._turns.get(turn.turn_id) != turn:
            self._turns[turn.turn_id] = turn
            self._put(TurnKept(self._call_id, turn))

    def _barged_in(self, **data: Any) -> None:
        self._barge_ins = self._counters.barge_ins
        self.happened("barge_in", **data)


def _told(problem: Problem) -> dict[str, str]:
    told = {"code": problem.code, "message": problem.message[:200]}
    return told | ({"param": problem.param} if problem.param else {})
