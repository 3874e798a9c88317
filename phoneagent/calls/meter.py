"""What a call has used, and what that costs."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from phoneagent.calls.record import Cost
from phoneagent.core.agents import Agent
from phoneagent.core.costs import Usage
from phoneagent.prices import Prices


class Meter:
    """Counts by model: another agent may speak with another one."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._spoken: defaultdict[str, Usage] = defaultdict(Usage)
        self._transcribed: defaultdict[str, Usage] = defaultdict(Usage)

    def responded(self, agent: Agent, usage: Usage) -> None:
        """A response of the agent's model is over."""
        self._spoken[agent.model] += usage

    def transcribed(self, agent: Agent, usage: Usage) -> None:
        """Some of the caller's words were written down."""
        self._transcribed[agent.transcription.model or ""] += usage

    @property
    def usage(self) -> Usage:
        """What the models have used that speak."""
        return sum(self._spoken.values(), Usage())

    def cost(self, duration_s: float, *, models_are_free: bool) -> Cost:
        """What it costs; a model without a price costs nothing."""
        telephone = self._prices.telephone_minutes(duration_s)
        if models_are_free:
            return Cost(telephone=telephone)
        return Cost(self._of(self._spoken), self._of(self._transcribed), telephone)

    def _of(self, used: defaultdict[str, Usage]) -> Decimal:
        prices = self._prices.models
        return sum((prices[model].of(usage) for model, usage in used.items() if model in prices), Decimal(0))
