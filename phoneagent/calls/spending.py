"""What calls cost while they run, held against their limits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from phoneagent.core.agents import Agent
from phoneagent.core.costs import Cost
from phoneagent.core.spending import Budget, DayTotals, Ledger, Notice, Posting

log = logging.getLogger(__name__)

_SAID = {"nearly": "a limit in money is nearly used", "over": "a limit in money is used up"}


class Spending:
    """One call's. Posts what it costs to the day's totals, and tells once when a limit is used up."""

    def __init__(
        self,
        call_id: str,
        day: date,
        agent: str,
        number: str,
        budget: Budget,
        totals: DayTotals,
        cost: Callable[[], Cost],
        told: Callable[[Notice], None] = lambda notice: None,
    ) -> None:
        """`day` (UTC) is that on which the call began, `agent` who answered, `number` ours. `cost`: what the call
        costs by now. `told` is told of each limit that is nearly or fully used."""
        self._call_id = call_id
        self._day = day
        self._agent = agent
        self._number = number
        self._budget = budget
        self._totals = totals
        self._cost = cost
        self._told = told

    def begin(self) -> None:
        """The call is answered: from now on it counts among those of the day."""
        self._post()

    def check(self) -> Notice | None:
        """The first limit of the call to be used up, if it is now and was not before. To be called after each usage,
        and every few seconds: telephone minutes pass by themselves."""
        usd = self._post()
        was_over = self._budget.over
        news = self._budget.news(usd, self._totals.spent(self._day, self._agent, self._number))
        for notice in news:
            fields = {"call_id": self._call_id, "agent": self._agent, "limit": notice.limit}
            fields |= {"spent_usd": f"{notice.spent:.4f}", "limit_usd": str(notice.usd)}
            log.warning(_SAID[notice.level], extra=fields)
            self._told(notice)
        return None if was_over else next((notice for notice in news if notice.level == "over"), None)

    def close(self) -> None:
        """The call is over, and costs what it costs now."""
        self._post()
        self._totals.settle(self._call_id)

    def _post(self) -> Decimal:
        usd = self._cost().total
        self._totals.post(Posting(self._call_id, self._day, self._agent, self._number, usd))
        return usd


def day_limit(
    service_usd: Decimal | None, agents: Mapping[str, Agent], agent: str | None, number: str | None
) -> Decimal | None:
    """What calls of a day (UTC) may cost together: all of them, those of one agent, or of that on one number of ours;
    None: there is no limit. `service_usd` is that of all, `agents` have their own."""
    if agent is None:
        return service_usd if number is None else None
    if agent not in agents:
        return None
    limits = agents[agent].limits
    return limits.day_usd if number is None else limits.number_day_usd


class Purse:
    """The money of the service: what its calls have cost today, and which call there is money for."""

    def __init__(self, totals: DayTotals | None = None, day_usd: Decimal | None = None) -> None:
        """`day_usd`: what all calls of a day (UTC) may cost together; None: there is no limit. Without `totals`, the
        day begins at nothing."""
        self._totals = totals or Ledger()
        self._day_usd = day_usd

    def refusal(self, agent: Agent, number: str, now: datetime) -> Notice | None:
        """The limit for which this agent is not to begin a call now, on this number of ours."""
        return Budget(agent.limits, self._day_usd).refusal(self._totals.spent(_day(now), agent.name, number))

    def open(
        self,
        call_id: str,
        agent: Agent,
        number: str,
        began: datetime,
        cost: Callable[[], Cost],
        told: Callable[[Notice], None] = lambda notice: None,
    ) -> Spending:
        """The spending of a call that this agent answers, on this number of ours. `cost`: what it costs by now; `told`
        is told of each limit that is nearly or fully used."""
        budget = Budget(agent.limits, self._day_usd)
        return Spending(call_id, _day(began), agent.name, number, budget, self._totals, cost, told)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
