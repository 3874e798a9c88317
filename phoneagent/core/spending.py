"""Limits in money: which of them a call has nearly or fully used, and what the calls of a day cost together.

A day is one of UTC, and a call belongs to that on which it began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, Protocol

from phoneagent.core.agents import Limits

NEARLY = Decimal("0.8")  # of a limit
SERVICE_LIMIT = "PHONEAGENT_DAY_USD"

_Key = tuple[date, str, str]  # a day, and whose: the agent's of this name, the number's, or the service's

_KEPT = timedelta(days=1)  # a call that began yesterday may go on


@dataclass(frozen=True, slots=True)
class Spent:
    """US dollars that a day's calls have cost so far, running ones included: one agent's, one number's, and all."""

    agent: Decimal = Decimal(0)
    number: Decimal = Decimal(0)
    service: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Notice:
    """That a limit is nearly used, or that it is. `limit` is the key or setting that it comes from."""

    limit: str
    level: Literal["nearly", "over"]
    spent: Decimal
    usd: Decimal


class Budget:
    """The money that one call may cost: by the limits of the agent that answers it, and by that of the service.

    Another agent that takes over goes on within the same limits.
    """

    def __init__(self, limits: Limits, service_day_usd: Decimal | None = None) -> None:
        self._limits = limits
        self._service_day_usd = service_day_usd
        self._told: dict[str, str] = {}

    def refusal(self, today: Spent) -> Notice | None:
        """The limit for which the call is not to be answered, or placed."""
        return next((notice for notice in self._notices(Decimal(0), today) if notice.level == "over"), None)

    def news(self, call_usd: Decimal, today: Spent) -> tuple[Notice, ...]:
        """The limits that are now nearly or fully used and were not before. `today` includes this call."""
        notices = self._notices(call_usd, today)
        news = [notice for notice in notices if self._told.get(notice.limit) != notice.level]
        self._told |= {notice.limit: notice.level for notice in news}
        return tuple(news)

    @property
    def over(self) -> bool:
        """Whether a limit has been told to be used up."""
        return "over" in self._told.values()

    def _notices(self, call_usd: Decimal, today: Spent) -> Iterator[Notice]:
        of_limit = (
            (SERVICE_LIMIT, self._service_day_usd, today.service),
            ("limits.day_usd", self._limits.day_usd, today.agent),
            ("limits.number_day_usd", self._limits.number_day_usd, today.number),
            ("limits.call_usd", self._limits.call_usd, call_usd),
        )
        for limit, usd, spent in of_limit:
            if usd is not None and spent >= usd * NEARLY:
                yield Notice(limit, "over" if spent >= usd else "nearly", spent, usd)


@dataclass(frozen=True, slots=True)
class Posting:
    """What a call has cost so far. `call_id` is our id of it, `number` ours, the one that was called or that calls."""

    call_id: str
    day: date
    agent: str
    number: str = field(repr=False)
    usd: Decimal


class DayTotals(Protocol):
    """Knows what the calls of a day cost together; asked between two frames, so it must not wait."""

    def post(self, posting: Posting) -> None:
        """Take note of what a call has cost so far, in place of what was posted for it before."""

    def settle(self, call_id: str) -> None:
        """The last posting of this call was its last."""

    def spent(self, day: date, agent: str, number: str) -> Spent:
        """What the calls of a day have cost so far."""


class Ledger:
    """Day totals in memory, of today and yesterday: of this process's calls, and of what it is told of others'."""

    def __init__(self) -> None:
        self._latest = date.min
        self._running: dict[str, Posting] = {}
        self._totals: defaultdict[_Key, Decimal] = defaultdict(Decimal)
        self._of_others: Mapping[_Key, Decimal] = {}

    def post(self, posting: Posting) -> None:
        """Take note of what a call has cost so far, in place of what was posted for it before."""
        if posting.day > self._latest:
            self._latest = posting.day
            for key in [key for key in self._totals if key[0] < posting.day - _KEPT]:
                del self._totals[key]
        before = self._running.get(posting.call_id)
        self._running[posting.call_id] = posting
        if posting.day >= self._latest - _KEPT:
            more = posting.usd - (before.usd if before is not None else 0)
            for key in _keys(posting.day, posting.agent, posting.number):
                self._totals[key] += more

    def settle(self, call_id: str) -> None:
        """The last posting of this call was its last."""
        self._running.pop(call_id, None)

    def spent(self, day: date, agent: str, number: str) -> Spent:
        """What the calls of a day have cost so far."""
        none = Decimal(0)
        keys = _keys(day, agent, number)
        return Spent(*(self._totals.get(key, none) + self._of_others.get(key, none) for key in keys))

    def learn(self, spent: Mapping[tuple[date, str, str], Decimal]) -> None:
        """Take note of what calls of other processes have cost by day, agent and number of ours, in place of what was
        learned before."""
        of_others: defaultdict[_Key, Decimal] = defaultdict(Decimal)
        for (day, agent, number), usd in spent.items():
            for key in _keys(day, agent, number):
                of_others[key] += usd
        self._of_others = of_others


def _keys(day: date, agent: str, number: str) -> tuple[_Key, ...]:
    return (day, "agent", agent), (day, "number", number), (day, "service", "")
