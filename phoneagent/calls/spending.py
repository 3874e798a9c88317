"""What a call costs while it runs, held against its limits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from phoneagent.core.costs import Cost
from phoneagent.core.spending import Budget, DayTotals, Notice, Posting

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
    ) -> None:
        """`day` (UTC) is that on which the call began, `agent` who answered, `number` ours. `cost`: what the call
        costs by now."""
        self._call_id = call_id
        self._day = day
        self._agent = agent
        self._number = number
        self._budget = budget
        self._totals = totals
        self._cost = cost

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
        return None if was_over else next((notice for notice in news if notice.level == "over"), None)

    def close(self) -> None:
        """The call is over, and costs what it costs now."""
        self._post()
        self._totals.settle(self._call_id)

    def _post(self) -> Decimal:
        usd = self._cost().total
        self._totals.post(Posting(self._call_id, self._day, self._agent, self._number, usd))
        return usd
