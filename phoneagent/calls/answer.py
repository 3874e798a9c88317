"""The switchboard: which agent answers a call, and which stream belongs to it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from phoneagent import telemetry
from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.numbers import toll_free
from phoneagent.agents.prompt import call_values, render
from phoneagent.calls.browser import BY_NAME
from phoneagent.calls.control import NEED_TWILIO, Control, Switches
from phoneagent.calls.event_log import EventLogs
from phoneagent.calls.keeper import Keeper
from phoneagent.calls.ports import Dials, Engine, Leg, LiveCall, Receive
from phoneagent.calls.record import CallDetails, CallRecord
from phoneagent.calls.recording import Recorder
from phoneagent.calls.runner import CallRunner
from phoneagent.calls.spending import Purse
from phoneagent.calls.transfer_person import person_for
from phoneagent.calls.transfers import Escorts, PersonAsks, PersonNews
from phoneagent.core import costs
from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.core.events import CallerGone, HangUpRequested, MachineAnswered
from phoneagent.core.transfer import Event
from phoneagent.prices import Prices
from phoneagent.tools import DATA_RULE, Toolbox
from phoneagent.tools.builtin import BUILTIN
from phoneagent.twilio.documents import Document
from phoneagent.twilio.rest import FINAL
from phoneagent.twilio.tokens import StreamTokens
from phoneagent.twilio.webhook import Answer, Connect, Ending, Forward, IncomingCall, Refuse
from phoneagent.twilio.wire import StreamOpening

log = logging.getLogger(__name__)

STREAM_WITHIN_S = 20.0  # after the webhook; the session has been open since then
REMEMBERED_S = 120.0  # a call that is over, for the webhooks that still come


@dataclass(slots=True)
class _Line:
    """A call, as the webhooks about it see it. `answer` opens its next stream, until that has come."""

    answer: Connect
    runner: CallRunner
    streaming: bool = False  # or has been


class Switchboard:
    """Answers calls with agents, and gives each media stream to its call. Used on the event loop; waits for nothing.

    The session is dialled when the webhook comes, so that it is configured, and the greeting under way, by the time
    the stream opens.
    """

    def __init__(
        self,
        agents: AgentDirectory,
        engine: Engine,
        toolbox: Toolbox,
        keeper: Keeper,
        prices: Prices,
        *,
        max_calls: int,
        purse: Purse | None = None,
        clock: Callable[[], datetime],
        region: str | None = None,
        escorts: Escorts | None = None,
        dials: Dials | None = None,
        recorder: Recorder | None = None,
        event_logs: EventLogs | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        tokens: StreamTokens | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """`clock`: the wall clock, aware of its time zone. `prices` without telephone for calls that cost none.
        `region` is that of numbers without a country code. Without `purse` the service has no limit of its own, without
        `escorts` no call is transferred and no text sent, without `dials` none of the calls is answered that we place,
        without `recorder` none is recorded, without `event_logs` none can be replayed. `new_id` makes the id of a call;
        one that we place has its dial's."""
        self._agents = agents
        self._escorts = escorts
        self._switches = Switches(agents, escorts, region)
        self._engine = engine
        self._toolbox = toolbox
        self._keeper = keeper
        self._prices = prices
        self._max_calls = max_calls
        self._purse = purse or Purse()
        self._region = region
        self._clock = clock
        self._dials = dials
        self._recorder = recorder
        self._event_logs = event_logs
        self._monotonic = monotonic
        self._tokens = tokens or StreamTokens()
        self._new_id = new_id
        self._lines: dict[str, _Line] = {}  # by CallSid, as webhooks ask
        self._live: dict[str, CallRunner] = {}  # by our ids

    @property
    def live_calls(self) -> int:
        """How many calls are answered and not over, those whose stream is still to come among them."""
        return len(self._live)

    @property
    def open_calls(self) -> int:
        """How many calls are live, or are being placed, or ring."""
        return self.live_calls + (self._dials.unanswered if self._dials is not None else 0)

    def has_room(self) -> bool:
        """Whether one more call may be placed: somebody is there for whoever answers."""
        return self.open_calls < self._max_calls

    def is_live(self, call_sid: str) -> bool:
        """Whether this call is answered and not over."""
        return (line := self._lines.get(call_sid)) is not None and line.runner.over is None

    @property
    def live_calls_now(self) -> Iterable[CallRunner]:
        """The calls that are answered and not over."""
        return tuple(self._live.values())

    def live_call(self, call_id: str) -> CallRunner | None:
        """The call of this id of ours, or of this CallSid, if it is live here."""
        call = self._live.get(call_id) or self.recent_call(call_id)
        return None if call is None or call.over is not None else call

    def recent_call(self, call_id: str) -> CallRunner | None:
        """The call of this id or CallSid; one that is over for two minutes yet."""
        if (line := self._lines.get(call_id)) is not None:
            return line.runner
        runners = (line.runner for line in self._lines.values())
        return next((runner for runner in runners if runner.details.call_id == call_id), None)

    def answer(self, call: IncomingCall, *, draining: bool = False) -> Answer:
        """How to answer a call; a new one is refused while draining, but whom we have called is answered. Asked again
        with the same CallSid, it says the same."""
        if (line := self._lines.get(call.call_sid)) is not None:
            return line.answer
        nonce = call.parameters.get("dial")
        if draining and nonce is None:
            return Refuse("busy")
        variables: Mapping[str, str] = {}
        agent = self._agent_for(call.number)
        dial = None
        if nonce is not None:
            dial = self._dials.expected(nonce, call.call_sid) if self._dials is not None else None
            agent = None if dial is None else self._agents.by_name(dial.agent)
            variables = {} if dial is None else dial.variables
        if agent is None:
            log.warning("no agent answers this call", extra={"call_sid": call.call_sid})
            return Refuse("rejected")
        if nonce is None and self.live_calls >= self._max_calls:  # whom we call, there was room for
            log.warning("too many calls", extra={"call_sid": call.call_sid, "live_calls": self.live_calls})
            return Refuse("busy")
        refusal = self._without_money(call, agent) if nonce is None else None  # whom we call, there was money for
        return refusal or self._connect(call, self._new_id() if dial is None else dial.id, agent, variables)

    def answer_browser(self, call: IncomingCall, call_id: str, agent: Agent) -> Connect:
        """Answer a call from a browser with this agent, whoever has the number. There is no telephone line: none is
        billed, and nobody can be transferred from one, or be sent a text."""
        return self._connect(call, call_id, agent, {}, by_telephone=False)

    def admit(self, opening: StreamOpening, leg: Leg) -> Receive | None:
        """The call that a media stream belongs to, or None for a stream that no call was told to open."""
        line = self._lines.get(opening.call_sid)
        token = opening.parameters.get("token", "")
        if line is None or not self._tokens.redeem(token, opening.call_sid) or line.runner.over:
            return None
        line.streaming = True
        return line.runner.attach(leg, opening.stream_sid)

    # What a caller's line asks

    def after_stream(self, params: Mapping[str, str]) -> Document:
        """How the caller's line goes on after a stream, if the caller is still there."""
        line = self._lines.get(params.get("CallSid", ""))
        if line is None or line.runner.over or not _away(line):
            return _last_words(line)
        return self.next(params)  # a redirect of ours has ended the stream

    def next(self, params: Mapping[str, str]) -> Document:
        """How the caller's line goes on, which we have redirected, or told to ask again."""
        line = self._lines.get(params.get("CallSid", ""))
        if line is None or self._over(line, params):
            return _last_words(line)
        escort = line.runner.control.escort
        document = self._stream(line) if escort is None else escort.caller_asks(params.get("redirect", ""))
        return document or _last_words(line)

    def transfer_ended(self, params: Mapping[str, str]) -> Document:
        """How the caller's line goes on after a person."""
        line = self._lines.get(params.get("CallSid", ""))
        if line is None or self._over(line, params) or line.runner.control.escort is None:
            return _last_words(line)
        return line.runner.control.escort.dial_ended(params.get("DialCallStatus", "")) or _last_words(line)

    def person_asks(self, question: PersonAsks, params: Mapping[str, str]) -> Document:
        """How the line of a person goes on to whom a caller is transferred."""
        return Ending() if self._escorts is None else self._escorts.person_asks(question, params)

    # What the carrier tells

    def status(self, params: Mapping[str, str]) -> None:
        """Take note of a status callback: a call that the carrier says is over is over."""
        if self._dials is not None and (nonce := params.get("dial")) is not None:
            self._dials.status(nonce, params)
        if (line := self._lines.get(params.get("CallSid", ""))) is not None:
            self._over(line, params)

    def person_news(self, news: PersonNews, params: Mapping[str, str]) -> None:
        """Take note of a callback about such a person's line, or about the room where the two meet."""
        if self._escorts is not None:
            self._escorts.person_news(news, params)

    def machine(self, params: Mapping[str, str]) -> None:
        """Take note of who has answered a call that we placed, or whom we transfer a caller to."""
        self.person_news("machine", params)
        if self._dials is not None and (nonce := params.get("dial")) is not None:
            self._dials.machine(nonce, params)

    def machine_answered(self, call_sid: str, message: str | None) -> None:
        """An answering machine has answered this call: leave the message, or (None) hang up."""
        if (line := self._lines.get(call_sid)) is not None:
            line.runner.receive(MachineAnswered(message))

    # The service

    def reasons_not_ready(self) -> list[str]:
        """Why no call can be answered; empty if all is well."""
        reasons = [] if self._agents.agents else [f"no agent in {self._agents.folder}"]
        return reasons + (["all lines are busy"] if self.live_calls >= self._max_calls else [])

    def end_calls(self, reason: str) -> None:
        """End all calls, also those that nobody has answered yet. Callers hear an apology first."""
        if self._dials is not None:
            self._dials.cancel_unanswered()
        for runner in self.live_calls_now:
            runner.receive(HangUpRequested(reason, sorry=True))

    def warn_of_useless_tools(self) -> None:
        """Log which agents list tools that need Twilio's API, if there is none."""
        if self._escorts is None:
            for agent in self._agents.agents.values():
                if tools := sorted(NEED_TWILIO.intersection(agent.tools)):
                    fields = {"agent": agent.name, "tools": tools, "missing": "TWILIO_ACCOUNT_SID and a key"}
                    log.warning("tools can't work without Twilio's API", extra=fields)

    def _agent_for(self, number: str) -> Agent | None:
        """By its number; an agent without one can be called as Twilio's clients are, `client:<name>`."""
        if number.startswith(BY_NAME):
            return self._agents.by_name(number.removeprefix(BY_NAME))
        return self._agents.for_number(number)

    def _without_money(self, call: IncomingCall, agent: Agent) -> Answer | None:
        """The answer to a call of which no agent can be afforded; None if there is money for it."""
        notice = self._purse.refusal(agent, call.number, self._clock())
        if notice is None:
            return None
        to = agent.limits.over_limit
        fields = {"call_sid": call.call_sid, "agent": agent.name, "limit": notice.limit, "transferred": to}
        log.warning("there is no money for this call", extra=fields)
        if to is None:
            return Refuse("busy")
        try:
            person = person_for(agent, to, caller=call.human, called=call.number, region=self._region)
        except ValueError:  # which holds the number
            log.warning("a number may not be dialled or texted; `phoneagent check` says why", extra=fields)
            return Refuse("busy")
        return Forward(person.number, person.caller_id, person.timeout_s, person.limit_s)

    def _connect(
        self,
        call: IncomingCall,
        call_id: str,
        agent: Agent,
        variables: Mapping[str, str],
        *,
        by_telephone: bool = True,
    ) -> Connect:
        now = self._clock()
        direction: costs.Direction = "outbound" if call.outbound else "inbound"
        billed = [costs.line(direction, toll_free=toll_free(call.called))] if by_telephone else []
        prices = self._prices if by_telephone else self._prices.without_telephone()
        switches = self._switches if by_telephone else Switches(self._agents)
        if call.outbound and agent.outbound.detects:
            billed.append("machine-detection")
        details = CallDetails(call_id, call.call_sid, call.human, call.number, agent, now, tuple(billed), direction)
        line: _Line

        def prompt(agent: Agent, tools: tuple[ToolSpec, ...]) -> str:
            values = call_values(
                agent,
                caller=call.human,
                called=call.number,
                now=now,
                parameters=call.parameters,
                variables=variables,
            )
            text = render(agent.prompt, values)
            others = agent.mcp or any(spec.name not in BUILTIN for spec in tools)
            return f"{text}\n\n{DATA_RULE}" if others else text

        def control(live: LiveCall) -> Control:
            return Control(call_id, call.call_sid, call.human, call.number, live, lambda: self._stream(line), switches)

        with telemetry.call_context(call_id):
            fields = {"call_sid": call.call_sid, "agent": agent.name, "engine": self._engine.name}
            log.info("call answered", extra=fields)
            runner = CallRunner(
                details,
                prompt,
                self._engine,
                self._toolbox,
                self._keeper,
                prices,
                self._purse,
                control,
                self._call_ended,
                self._monotonic,
                self._recorder,
                self._event_logs,
            )
        self._live[call_id] = runner
        answer = Connect(self._tokens.issue(call.call_sid), agent.apology, agent.language)
        line = self._lines[call.call_sid] = _Line(answer, runner)
        asyncio.get_running_loop().call_later(STREAM_WITHIN_S, self._expect_stream, line)
        runner.kept.answered()
        return answer

    def _stream(self, line: _Line) -> Connect:
        """What puts the caller on a stream again."""
        agent = line.runner.agent
        token = self._tokens.issue(line.runner.details.call_sid)
        line.answer = Connect(token, agent.apology, agent.language)
        return line.answer

    def _over(self, line: _Line, params: Mapping[str, str]) -> bool:
        """Whether a call is over, of which the carrier says how it stands."""
        status = params.get("CallStatus", "")
        if status in FINAL and not line.runner.over:
            escort = line.runner.control.escort
            if escort is not None:
                escort.receive(Event.CALLER_GONE)
            line.runner.receive(CallerGone(f"the carrier reported {status}"))
        return line.runner.over is not None

    def _expect_stream(self, line: _Line) -> None:
        if not line.streaming:
            line.runner.receive(HangUpRequested("no stream came"))

    def _call_ended(self, record: CallRecord) -> None:
        self._live.pop(record.call_id, None)
        asyncio.get_running_loop().call_later(REMEMBERED_S, self._lines.pop, record.call_sid, None)
        log.info(
            "call ended",
            extra={
                "call_id": record.call_id,
                "agent": record.agent,
                "outcome": record.outcome,
                "reason": record.reason,
                "duration_s": round(record.duration_s, 1),
                "turns": len(record.turns),
                "barge_ins": record.counters.barge_ins,
                "latency_ms": record.median_latency_ms,
                "cost_usd": f"{record.cost.total:.4f}",
            },
        )


def _away(line: _Line) -> bool:
    """Whether we have taken the caller out of the stream."""
    escort = line.runner.control.escort
    return escort is not None and escort.caller_away


def _last_words(line: _Line | None) -> Ending:
    """What a caller hears who is left alone, if they are still there, before the line is hung up."""
    if line is None:
        return Ending()
    agent, end = line.runner.agent, line.runner.over
    # Nobody hears this who has hung up; but if the stream broke, the caller is still there.
    if end is None or end.outcome == "caller_hung_up":
        return Ending(agent.apology, agent.language)
    return Ending(end.say, agent.language)
