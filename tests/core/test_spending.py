"""Limits in money: when they are nearly and when they are fully used, and what a day's calls cost together."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from phoneagent.core.agents import Limits
from phoneagent.core.spending import Budget, Ledger, Notice, Posting, Spent

MONDAY = date(2026, 11, 23)
NOTHING_YET = Spent()


def usd(amount: str) -> Decimal:
    return Decimal(amount)


def told(budget: Budget, call: str, today: Spent = NOTHING_YET) -> list[tuple[str, str]]:
    return [(notice.limit, notice.level) for notice in budget.news(usd(call), today)]


def test_a_call_is_warned_of_at_80_percent_and_over_at_the_limit_and_each_is_told_once():
    budget = Budget(Limits(call_usd=usd("1.00")))
    assert [told(budget, cost) for cost in ("0", "0.7999", "0.80", "0.99", "1.00", "1.20")] == [
        *([], [], [("limits.call_usd", "nearly")], [], [("limits.call_usd", "over")], [])
    ]


def test_a_limit_that_is_passed_at_once_is_not_first_nearly_used():
    budget = Budget(Limits(call_usd=usd("0.10")))
    assert budget.news(usd("0.25"), NOTHING_YET) == (Notice("limits.call_usd", "over", usd("0.25"), usd("0.10")),)
    assert budget.over


def test_without_limits_nothing_is_ever_told():
    budget = Budget(Limits())
    rich = Spent(usd("1e6"), usd("1e6"), usd("1e6"))
    assert budget.refusal(rich) is None
    assert told(budget, "1e6", rich) == []
    assert not budget.over


@pytest.mark.parametrize(
    ("spent", "limit"),
    [
        (Spent(agent=usd("50")), "limits.day_usd"),
        (Spent(number=usd("20")), "limits.number_day_usd"),
        (Spent(service=usd("100")), "PHONEAGENT_DAY_USD"),
    ],
)
def test_a_call_is_refused_when_the_day_s_money_of_its_agent_number_or_service_is_used_up(spent: Spent, limit: str):
    budget = Budget(Limits(day_usd=usd("50"), number_day_usd=usd("20")), usd("100"))
    refusal = budget.refusal(spent)
    assert refusal is not None
    assert (refusal.limit, refusal.level) == (limit, "over")


def test_a_call_is_answered_while_a_cent_of_the_day_is_left():
    budget = Budget(Limits(day_usd=usd("50"), call_usd=usd("1")), usd("100"))
    assert budget.refusal(Spent(usd("49.99"), usd("49.99"), usd("99.99"))) is None


def test_a_running_call_notices_that_others_have_used_up_the_day():
    budget = Budget(Limits(call_usd=usd("1"), day_usd=usd("50")))
    assert told(budget, "0.10", Spent(agent=usd("10"))) == []
    assert told(budget, "0.10", Spent(agent=usd("50"))) == [("limits.day_usd", "over")]


def test_running_calls_count_with_what_they_cost_so_far():
    ledger = Ledger()
    ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("0.10")))
    ledger.post(Posting("CA2", MONDAY, "ada", "+15550101", usd("0.30")))
    ledger.post(Posting("CA3", MONDAY, "bob", "+15550100", usd("0.50")))
    ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("0.15")))  # in place of the 0.10
    assert ledger.spent(MONDAY, "ada", "+15550100") == Spent(usd("0.45"), usd("0.65"), usd("0.95"))


def test_a_call_that_is_over_still_counts_and_another_of_its_name_comes_on_top():
    ledger = Ledger()
    for _ in range(2):
        ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("0.10")))
        ledger.settle("CA1")
    assert ledger.spent(MONDAY, "ada", "+15550100").service == usd("0.20")


def test_a_new_day_begins_at_nothing_and_a_call_belongs_to_the_day_on_which_it_began():
    ledger = Ledger()
    tuesday = MONDAY + timedelta(days=1)
    ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("0.90")))
    ledger.post(Posting("CA2", tuesday, "ada", "+15550100", usd("0.20")))
    ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("1.00")))
    assert ledger.spent(tuesday, "ada", "+15550100").agent == usd("0.20")
    assert ledger.spent(MONDAY, "ada", "+15550100").agent == usd("1.00")


def test_what_is_long_past_is_forgotten_and_a_call_that_still_runs_does_not_bring_it_back():
    ledger = Ledger()
    ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("0.90")))
    ledger.post(Posting("CA2", MONDAY + timedelta(days=2), "ada", "+15550100", usd("0.20")))
    ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("1.00")))
    assert ledger.spent(MONDAY, "ada", "+15550100") == NOTHING_YET


def test_what_other_processes_have_spent_counts_too_and_is_told_anew_each_time():
    ledger = Ledger()
    ledger.post(Posting("CA1", MONDAY, "ada", "+15550100", usd("0.10")))
    ledger.learn({(MONDAY, "ada", "+15550100"): usd("9.00")})
    ledger.learn({(MONDAY, "ada", "+15550101"): usd("0.20"), (MONDAY, "bob", "+15550100"): usd("0.40")})
    assert ledger.spent(MONDAY, "ada", "+15550100") == Spent(usd("0.30"), usd("0.50"), usd("0.70"))
    assert ledger.spent(MONDAY + timedelta(days=1), "ada", "+15550100") == NOTHING_YET


def test_ten_thousand_calls_at_once_stop_at_the_limit_of_the_service():
    ledger, limits, answered = Ledger(), Limits(), 0
    for number in range(10_000):
        spent = ledger.spent(MONDAY, "ada", "+15550100")
        if Budget(limits, usd("5")).refusal(spent) is None:
            answered += 1
            ledger.post(Posting(f"CA{number}", MONDAY, "ada", "+15550100", usd("0.0125")))
    assert answered == 400
    assert ledger.spent(MONDAY, "ada", "+15550100").service == usd("5")


def test_a_posting_does_not_show_the_number():
    assert "5550100" not in repr(Posting("CA1", MONDAY, "ada", "+15550100", usd("1")))
