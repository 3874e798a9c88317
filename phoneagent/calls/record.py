"""What a call leaves behind when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from phoneagent.core.costs import Cost, Usage
from phoneagent.core.transcript import Turn

if TYPE_CHECKING:
    from phoneagent.core.bridge import Counters


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

    `agent` is who answered, `took_over` who spoke later, in this order. A tool that still ran at the end is among
    `tools`, though nobody knows what came of it. `first_audio_ms`: from the start of the stream to the first audio
    sent to it; None if there was none.
    """

    call_id: str
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

    @property
    def latencies_ms(self) -> list[int]:
        """Of each answer: from the end of the caller's speech to the first audio played."""
        return [turn.latency_ms for turn in self.turns if turn.latency_ms is not None]

    @property
    def median_latency_ms(self) -> int | None:
        """Half of the answers came sooner."""
        return round(median(self.latencies_ms)) if self.latencies_ms else None
