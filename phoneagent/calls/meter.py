"""What a call has used, and what that costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from phoneagent.core.agents import Agent
from phoneagent.core.costs import PART_OF, Cost, Price, Service, Usage
from phoneagent.core.records import Charge
from phoneagent.prices import LOCAL, Prices, price_of


@dataclass(slots=True)
class _Use:
    """Something of the carrier's that is used, until `ended`."""

    services: tuple[Service, ...]
    began: float
    ended: float | None = None


class Meter:
    """Counts what a call uses: the models, by their names, as another agent may speak with another one; and what the
    carrier bills. `now` is in seconds, of any one clock that is monotonic."""

    def __init__(self, prices: Prices, engine: str = "") -> None:
        """`engine` is the name of the call's: with the embedded one, the model that an agent names is not used."""
        self._prices = prices
        self._is_local = engine == LOCAL
        self._spoken: defaultdict[str, Usage] = defaultdict(Usage)
        self._transcribed: defaultdict[str, Usage] = defaultdict(Usage)
        self._uses: list[_Use] = []
        self._running: dict[str, _Use] = {}

    def responded(self, agent: Agent, usage: Usage) -> None:
        """A response of the agent's model is over."""
        self._spoken[LOCAL if self._is_local else agent.model] += usage

    def transcribed(self, agent: Agent, usage: Usage) -> None:
        """Some of the caller's words were written down."""
        self._transcribed[LOCAL if self._is_local else agent.transcription.model or ""] += usage

    def begin(self, use: str, now: float, *services: Service) -> None:
        """Something is used from now on, for which the carrier bills these services. `use` names it, to end it by; one
        of this name that still runs ends now."""
        self.end(use, now)
        self._running[use] = _Use(services, now)
        self._uses.append(self._running[use])

    def end(self, use: str, now: float) -> None:
        """It is no longer used; nothing happens if it was not."""
        if (running := self._running.pop(use, None)) is not None:
            running.ended = now

    def stop(self, now: float) -> None:
        """The call is over: nothing of the carrier's is used any longer."""
        for use in tuple(self._running):
            self.end(use, now)

    @property
    def usage(self) -> Usage:
        """What the models have used that speak."""
        return sum(self._spoken.values(), Usage())

    def charges(self, now: float) -> tuple[Charge, ...]:
        """What is charged for the call by now. What still runs counts as if it ended now: each begun minute."""
        carrier: defaultdict[str, Decimal] = defaultdict(Decimal)
        for use in self._uses:
            seconds = (now if use.ended is None else use.ended) - use.began
            for service in use.services:
                if (rate := self._prices.telephone.get(service)) is not None:
                    carrier[PART_OF[service]] += rate.of(seconds)
        return (
            *_charges("model", self._spoken, self._prices.models),
            *_charges("transcription", self._transcribed, self._prices.transcription),
            *(Charge(part, "", usd) for part, usd in carrier.items()),
        )

    def cost(self, now: float) -> Cost:
        """What the call has cost by now: the sum of its charges."""
        parts: defaultdict[str, Decimal] = defaultdict(Decimal)
        unpriced = set()
        for charge in self.charges(now):
            if charge.usd is None:
                unpriced.add(charge.model)
            else:
                parts[charge.part] += charge.usd
        return Cost(**parts, unpriced=frozenset(unpriced))


def _charges(part: str, used: Mapping[str, Usage], prices: Mapping[str, Price]) -> Iterator[Charge]:
    for model, usage in used.items():
        price = price_of(model, prices)
        yield Charge(part, model, None if price is None else price.of(usage), usage)
