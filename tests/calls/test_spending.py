"""A running call's cost, held against its limits."""

from __future__ import annotations

import logging
from datetime import date
from decimal import Decimal

import pytest

from phoneagent import prices
from phoneagent.calls.meter import Meter
from phoneagent.calls.spending import Spending
from phoneagent.core.agents import Agent, Limits
from phoneagent.core.costs import Usage
from phoneagent.core.spending import Budget, Ledger

MONDAY = date(2026, 11, 23)
NUMBER = "+15550100"
ADA = Agent("ada", limits=Limits(call_usd=Decimal("0.10"), day_usd=Decimal("0.15")))
ANSWER = Usage(audio_out=1000)  # 0.064


class Call:
    """One that talks."""

    def __init__(self, call_id: str, ledger: Ledger) -> None:
        self.now = 1.0
        self.meter = Meter(prices.load(), "openai")
        self.meter.begin("caller", 0.0, "inbound-local")
        self.spending = Spending(
            call_id, MONDAY, ADA.name, NUMBER, Budget(ADA.limits), ledger, lambda: self.meter.cost(self.now)
        )

    def answers(self) -> str | None:
        """The limit that this uses up."""
        self.meter.responded(ADA, ANSWER)
        notice = self.spending.check()
        return notice.limit if notice else None


def test_a_call_hears_of_its_limit_when_it_is_used_up_and_once(caplog: pytest.LogCaptureFixture):
    call = Call("c1", Ledger())
    # 0.0725, 0.1365, 0.2005: the third also uses up the day, but the call is about to end already
    assert [call.answers() for _ in range(3)] == [None, "limits.call_usd", None]
    assert [record.getMessage() for record in caplog.records] == [
        "a limit in money is nearly used",  # of the day: 0.128 of 0.15
        "a limit in money is used up",
        "a limit in money is used up",  # of the day
    ]
    assert {(r.limit, r.spent_usd, r.limit_usd) for r in caplog.records} == {  # type: ignore[attr-defined]
        ("limits.day_usd", "0.1365", "0.15"),
        ("limits.call_usd", "0.1365", "0.10"),
        ("limits.day_usd", "0.2005", "0.15"),
    }
    assert NUMBER not in str([vars(record) for record in caplog.records])


def test_minutes_that_pass_in_silence_use_up_a_limit_too(caplog: pytest.LogCaptureFixture):
    call = Call("c1", Ledger())
    caplog.set_level(logging.CRITICAL)
    call.now = 11 * 60 + 1  # twelve minutes for 0.0085
    notice = call.spending.check()
    assert notice is not None
    assert (notice.limit, notice.spent) == ("limits.call_usd", Decimal("0.102"))


def test_two_calls_at_once_share_the_money_of_the_day():
    ledger = Ledger()
    first, second = Call("c1", ledger), Call("c2", ledger)
    assert first.answers() is None
    assert second.answers() is None  # 0.145 together
    second.now = 61
    second.spending.check()
    assert first.spending.check() is not None  # 0.1535


def test_what_a_call_cost_at_its_end_stays_in_the_total():
    ledger = Ledger()
    call = Call("c1", ledger)
    call.answers()
    call.now = 61
    call.spending.close()
    assert ledger.spent(MONDAY, "ada", NUMBER).agent == Decimal("0.064") + Decimal("0.017")
    assert Budget(ADA.limits).refusal(ledger.spent(MONDAY, "ada", NUMBER)) is None
    for call_id in ("c2", "c3"):
        Call(call_id, ledger).answers()
    refusal = Budget(ADA.limits).refusal(ledger.spent(MONDAY, "ada", NUMBER))
    assert refusal is not None
    assert refusal.limit == "limits.day_usd"
