"""Who is of this machine."""

import pytest

from phoneagent.web.access.principal import Principal
from phoneagent.web.access.tickets import Holder, Tickets
from phoneagent.web.guard import LoopbackOnly, RequestHead, guard_for

PUBLIC = "https://phone.example"
MALLORY = "https://evil.example"
ADA = Principal("user", "7", "ada", frozenset({"read", "call"}))
SCRIPT = Principal("key", "k1", "a script", frozenset({"call"}))


@pytest.mark.parametrize(
    ("peer", "host", "served"),
    [
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "localhost:8000", True),
        ("::1", "[::1]:8000", True),
        ("::ffff:127.0.0.1", "localhost", True),
        ("203.0.113.7", "127.0.0.1:8000", False),
        ("::ffff:203.0.113.7", "localhost", False),
        ("192.168.1.5", "localhost", False),
        (None, "localhost", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "localhost@evil.example", False),
    ],
)
def test_without_a_secret_both_ends_must_be_this_machine(peer, host, served):
    assert LoopbackOnly().serves(RequestHead(peer, "/incoming", "", {"host": host})) is served


def upgrade_of(ticket: str | None, peer: str = "203.0.113.7", **headers: str) -> RequestHead:
    query = "" if ticket is None else f"ticket={ticket}"
    return RequestHead(peer, "/media-stream", query, {"host": "phone.example", **headers})


@pytest.mark.parametrize(
    ("who", "headers", "served"),
    [
        (ADA, {"origin": PUBLIC}, True),
        (ADA, {"origin": "http://phone.example:8000", "host": "phone.example:8000"}, True),  # as seen behind a proxy
        (ADA, {}, False),
        (ADA, {"origin": MALLORY}, False),
        (ADA, {"origin": "null"}, False),
        (ADA, {"origin": "https://phone.example.evil.example"}, False),
        (ADA, {"origin": "http://phone.example:8001"}, False),
        (SCRIPT, {}, True),
        (SCRIPT, {"origin": MALLORY}, True),
    ],
)
def test_a_browser_is_let_in_by_its_ticket_and_only_from_a_page_of_ours(who, headers, served):
    tickets = Tickets()
    guard = guard_for(PUBLIC, ["12345"], tickets)
    assert guard.upgrade(upgrade_of(tickets.issue(Holder(who, "CA1")), **headers)) is served


def test_a_ticket_is_good_once():
    tickets = Tickets()
    guard, ticket = guard_for(PUBLIC, ["12345"], tickets), tickets.issue(Holder(ADA, "CA1"))
    assert guard.upgrade(upgrade_of(ticket, origin=PUBLIC))
    assert not guard.upgrade(upgrade_of(ticket, origin=PUBLIC))


@pytest.mark.parametrize("ticket", ["", "x", "%00", "%ff%fe"])
def test_a_made_up_ticket_opens_nothing(ticket):
    assert not guard_for(PUBLIC, ["12345"], Tickets()).upgrade(upgrade_of(ticket, origin=PUBLIC))


def test_without_a_secret_it_is_the_ticket_that_counts_too():
    tickets = Tickets()
    guard, here = guard_for("http://127.0.0.1:8000", [], tickets), {"host": "127.0.0.1:8000"}
    assert guard.upgrade(upgrade_of(tickets.issue(Holder(ADA, "CA1")), origin=PUBLIC, host="phone.example"))
    ticket = tickets.issue(Holder(ADA, "CA1"))
    assert guard.upgrade(upgrade_of(ticket, "127.0.0.1", origin="http://127.0.0.1:8000", **here))
    assert not guard.upgrade(upgrade_of("made-up", "127.0.0.1", **here))
    assert guard.upgrade(upgrade_of(None, "127.0.0.1", **here))  # the fake phone
