"""Tickets are good once, and not for long."""

from phoneagent.web.access.principal import Principal
from phoneagent.web.access.tickets import LIFETIME_S, MOST, Holder, Tickets

ADA = Holder(Principal("user", "7", "ada", frozenset({"read", "call"})), "a call")
BOB = Holder(Principal("user", "8", "bob", frozenset({"read", "call"})), "a call")


def test_a_ticket_says_once_who_holds_it():
    tickets = Tickets()
    first, second = tickets.issue(ADA), tickets.issue(BOB)
    assert first != second
    assert tickets.redeem(second) == BOB
    assert tickets.redeem(first) == ADA
    assert tickets.redeem(first) is None
    assert tickets.redeem("") is None


def test_a_ticket_expires():
    now = 100.0
    tickets = Tickets(lambda: now)
    early, late = tickets.issue(ADA), tickets.issue(ADA)
    now += LIFETIME_S - 0.1
    assert tickets.redeem(early) == ADA
    now += 0.1
    assert tickets.redeem(late) is None
    assert len(tickets) == 0


def test_however_many_are_fetched_there_are_not_more_than_so_many():
    tickets = Tickets()
    oldest = tickets.issue(ADA)
    newest = [tickets.issue(ADA) for _ in range(MOST)][-1]
    assert len(tickets) == MOST
    assert tickets.redeem(oldest) is None
    assert tickets.redeem(newest) == ADA
