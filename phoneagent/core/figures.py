"""What some calls come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from phoneagent.core.histogram import Histogram


@dataclass(slots=True)
class Figures:
    """Sums over calls, to which those of others can be added.

    `calls` and `usd` are also of calls that go on; `seconds` (on the stream), `outcomes` and `barge_ins` of those that
    are over. `latency` is of turns: the silence before the agent's answer. `first_word` is of calls: from the webhook
    to the agent's first audio.
    """

    calls: int = 0
    seconds: float = 0.0
    usd: Decimal = Decimal(0)
    outcomes: Counter[str] = field(default_factory=Counter)
    barge_ins: int = 0
    tool_runs: int = 0
    tool_failures: int = 0
    latency: Histogram = field(default_factory=Histogram)
    first_word: Histogram = field(default_factory=Histogram)

    def add(self, other: Figures) -> None:
        """Add what other calls come to."""
        self.calls += other.calls
        self.seconds += other.seconds
        self.usd += other.usd
        self.outcomes.update(other.outcomes)
        self.barge_ins += other.barge_ins
        self.tool_runs += other.tool_runs
        self.tool_failures += other.tool_failures
        self.latency.merge(other.latency)
        self.first_word.merge(other.first_word)

    @property
    def over(self) -> int:
        """How many of the calls are over."""
        return self.outcomes.total()
