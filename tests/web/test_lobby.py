"""Who waits, and who has to go."""

import pytest

from phoneagent.web.lobby import Lobby


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def evicted():
    return []


def test_when_it_is_full_the_one_who_waited_longest_goes(clock, evicted):
    lobby = Lobby(limit=3, clock=clock)
    for name in "abc":
        lobby.enter(None, lambda name=name: evicted.append(name))
    clock.now = 1.0
    lobby.enter(None, lambda: evicted.append("d"))
    assert evicted == ["a"]
    assert len(lobby) == 3


def test_a_burst_is_let_in(clock, evicted):
    lobby = Lobby(limit=3, clock=clock)
    guests = [lobby.enter(None, lambda: evicted.append("any")) for _ in range(200)]
    for guest in guests:
        lobby.leave(guest)
    assert evicted == []
    assert len(lobby) == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2001:4860:4860::8888"])
def test_an_address_of_the_internet_has_a_limit_of_its_own(clock, evicted, address):
    lobby = Lobby(limit=100, limit_per_address=2, clock=clock)
    for name in "abc":
        clock.now += 1
        lobby.enter(address, lambda name=name: evicted.append(name))
    lobby.enter("8.8.4.4", lambda: evicted.append("another"))
    assert evicted == ["a"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", None, "not an address"])
def test_what_comes_through_a_tunnel_or_proxy_has_no_such_limit(clock, evicted, address):
    lobby = Lobby(limit=100, limit_per_address=2, clock=clock)
    for _ in range(50):
        clock.now += 1
        lobby.enter(address, lambda: evicted.append("any"))
    assert evicted == []


def test_leaving_twice_is_leaving():
    lobby = Lobby()
    guest = lobby.enter(None, lambda: None)
    lobby.leave(guest)
    lobby.leave(guest)
    assert len(lobby) == 0
