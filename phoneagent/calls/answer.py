"""The switchboard: which agent answers a call, and which stream belongs to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from phoneagent import telemetry
from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.prompt import call_values, render
from phoneagent.calls.live import CallAnswered, Feed
from phoneagent.calls.ports import Engine, Leg, Receive
from phoneagent.calls.record import CallRecord
from phoneagent.calls.runner import CallDetails, CallRunner
from phoneagent.core.agents import Agent
from phoneagent.core.events import HangUpRequested
from phoneagent.prices import Prices
from phoneagent.tools import Toolbox
from phoneagent.twilio.tokens import StreamTokens
from phoneagent.twilio.webhook import Answer, Connect, Ending, IncomingCall, Refuse
from phoneagent.twilio.wire import StreamOpening

log = logging.getLogger(__name__)

STREAM_WITHIN_S = 20.0  # after the webhook; the session has been open since then
REMEMBERED_S = 120.0  # a call that is over, for the webhooks that still come
_BY_NAME = "client:"


@dataclass(slots=True)
class _Line:
    """A call, as the webhooks about it see it."""

    answer: Connect
    runner: CallRunner
    streaming: bool = False


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
        feed: Feed,
        prices: Prices,
        *,
        max_calls: int,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        tokens: StreamTokens | None = None,
    ) -> None:
        """`clock`: the wall clock, aware of its time zone. `prices` without telephone for calls that cost none."""
        self._agents = agents
        self._engine = engine
        self._toolbox = toolbox
        self._feed = feed
        self._prices = prices
        self._max_calls = max_calls
        self._clock = clock
        self._monotonic = monotonic
        self._tokens = tokens or StreamTokens()
        self._lines: dict[str, _Line] = {}
        self._live: set[str] = set()

    @property
    def live_calls(self) -> int:
        """How many calls are answered and not over, those whose stream is still to come among them."""
        return len(self._live)

    def answer(self, call: IncomingCall, *, draining: bool = False) -> Answer:
        """How to answer a call; a new one is refused while draining. Asked again with the same CallSid, it says
        the same."""
        if (line := self._lines.get(call.call_sid)) is not None:
            return line.answer
        if draining:
            return Refuse("busy")
        agent = self._agent_for(call.number)
        if agent is None:
            log.warning("no agent answers this number", extra={"call_id": call.call_sid})
            return Refuse("rejected")
        if self.live_calls >= self._max_calls:
            log.warning("too many calls", extra={"call_id": call.call_sid, "live_calls": self.live_calls})
            return Refuse("busy")
        return self._connect(call, agent)

    def admit(self, opening: StreamOpening, leg: Leg) -> Receive | None:
        """The call that a media stream belongs to, or None for a stream that no call was told to open."""
        line = self._lines.get(opening.call_sid)
        token = opening.parameters.get("token", "")
        if line is None or not self._tokens.redeem(token, opening.call_sid) or line.runner.over:
            return None
        line.streaming = True
        line.runner.attach(leg)
        return line.runner.receive

    def after_stream(self, call_sid: str) -> Ending:
        """What the caller, if still there, hears after the stream."""
        line = self._lines.get(call_sid)
        if line is None:
            return Ending()
        agent, end = line.runner.details.agent, line.runner.over
        # Nobody hears this who has hung up; but if the stream broke, the caller is still there.
        if end is None or end.outcome == "caller_hung_up":
            return Ending(agent.apology, agent.language)
        return Ending(end.say, agent.language)

    def status(self, params: Mapping[str, str]) -> None:
        """Take note of a status callback: a call that the carrier says is over is over."""
        line = self._lines.get(params.get("CallSid", ""))
        if line is not None and params.get("CallStatus") in {"completed", "busy", "no-answer", "failed", "canceled"}:
            line.runner.receive(HangUpRequested(f"the carrier reported {params['CallStatus']}"))

    def reasons_not_ready(self) -> list[str]:
        """Why no call can be answered; empty if all is well."""
        reasons = [] if self._agents.agents else [f"no agent in {self._agents.folder}"]
        return reasons + (["all lines are busy"] if self.live_calls >= self._max_calls else [])

    def end_calls(self, reason: str) -> None:
        """End all calls."""
        for call_id in tuple(self._live):
            self._lines[call_id].runner.receive(HangUpRequested(reason))

    def _agent_for(self, number: str) -> Agent | None:
        """By its number; an agent without one can be called as Twilio's clients are, `client:<name>`."""
        if number.startswith(_BY_NAME):
            return self._agents.by_name(number.removeprefix(_BY_NAME))
        return self._agents.for_number(number)

    def _connect(self, call: IncomingCall, agent: Agent) -> Connect:
        now = self._clock()
        values = call_values(agent, caller=call.human, called=call.number, now=now, parameters=call.parameters)
        details = CallDetails(call.call_sid, call.human, call.number, agent, now)
        self._live.add(call.call_sid)
        with telemetry.call_context(call.call_sid):
            log.info("call answered", extra={"agent": agent.name, "engine": self._engine.name})
            self._feed.tell(CallAnswered(call.call_sid, agent.name))
            runner = CallRunner(
                details,
                render(agent.prompt, values),
                self._engine,
                self._toolbox,
                self._feed,
                self._prices,
                self._call_ended,
                self._monotonic,
            )
        answer = Connect(self._tokens.issue(call.call_sid), agent.apology, agent.language)
        line = self._lines[call.call_sid] = _Line(answer, runner)
        asyncio.get_running_loop().call_later(STREAM_WITHIN_S, self._expect_stream, line)
        return answer

    def _expect_stream(self, line: _Line) -> None:
        if not line.streaming:
            line.runner.receive(HangUpRequested("no stream came"))

    def _call_ended(self, record: CallRecord) -> None:
        self._live.discard(record.call_id)
        asyncio.get_running_loop().call_later(REMEMBERED_S, self._lines.pop, record.call_id, None)
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
