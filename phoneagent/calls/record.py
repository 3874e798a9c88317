"""What is known of a call when it is answered, and what it leaves behind when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from phoneagent.core.agents import Agent
from phoneagent.core.costs import Cost, Direction, Service, Usage
from phoneagent.core.transcript import Turn

if TYPE_CHECKING:
    from phoneagent.core.bridge import Counters


@dataclass(frozen=True, slots=True)
class CallDetails:
    """Who talks to whom. `caller` is the person's number and `called` ours, whoever dialled; `agent` is who answers.

    `call_id` is our id of the call, 32 hexadecimal digits, `call_sid` the carrier's. `billed` is what the carrier bills
    for while the caller's line is open, `direction` who dialled: inbound if the person did, outbound if we did.
    """

    call_id: str
    call_sid: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    agent: Agent
    began: datetime
    billed: tuple[Service, ...] = ("inbound-local",)
    direction: Direction = "inbound"


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One run of a tool: what it was asked, what the model was told, and how long that took."""

    name: str
    arguments: str = field(repr=False)
    output: str = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that is over. Times in seconds; `began` is the webhook's, `duration_s` counts from the first stream.

    `call_id` is our id of the call, `call_sid` the carrier's. `agent` is who answered, `took_over` who spoke later, in
    this order. A tool that still ran at the end is among `tools`, though nobody knows what came of it.
    `first_audio_ms`: from the start of the stream to the first audio sent to it; None if there was none. `direction` is
    outbound if we dialled.
    """

    call_id: str
    call_sid: str
    agent: str
    agent_version: str
    engine: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    began: datetime
    duration_s: float
    outcome: str
    reason: str
    turns: tuple[Turn, ...] = field(repr=False)
    tools: tuple[ToolRun, ...] = field(repr=False)
    usage: Usage
    cost: Cost
    counters: Counters
    first_audio_ms: int | None = None
    took_over: tuple[str, ...] = ()
    direction: Direction = "inbound"

    @property
    def latencies_ms(self) -> list[int]:
        """Of each answer: from the end of the caller's speech to the first audio played."""
        return [turn.latency_ms for turn in self.turns if turn.latency_ms is not None]

    @property
    def median_latency_ms(self) -> int | None:
        """Half of the answers came sooner."""
        return round(median(self.latencies_ms)) if self.latencies_ms else None
