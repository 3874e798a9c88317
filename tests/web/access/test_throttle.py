"""Who guesses is slowed down, and keeps nobody else out."""

from __future__ import annotations

import pytest

from phoneagent.web.access.throttle import LoginThrottle
from phoneagent.web.address import network_of_internet

ATTACKER, ELSEWHERE, TUNNEL = "8.8.8.8", "9.9.9.9", "127.0.0.1"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> LoginThrottle:
    return LoginThrottle(lambda: clock.now, clock.sleep)


async def test_who_guesses_from_one_address_is_refused_there_and_the_owner_elsewhere_is_not(
    throttle: LoginThrottle, clock: Clock
):
    answers = [await throttle.attempt("ada", ATTACKER) for _ in range(100)]
    assert answers[:10] == [None] * 10
    assert None not in answers[10:]
    assert await throttle.attempt("Ada", ELSEWHERE) is None
    assert clock.slept == [3.0]


async def test_who_guesses_from_everywhere_is_slowed_down_and_a_known_device_is_not(
    throttle: LoginThrottle, clock: Clock
):
    device = throttle.known("ada", throttle.device("ada"))
    answers = [await throttle.attempt("ada", f"8.8.8.{number}") for number in range(100)]
    assert answers.count(None) == 15
    assert clock.slept == [3.0, 6.0, 9.0, 12.0, 15.0]
    assert answers[-1] == 3
    assert await throttle.attempt("ada", ATTACKER, device) is None
    clock.now += 3
    assert await throttle.attempt("ada", ELSEWHERE) is None
    assert len(clock.slept) == 6


async def test_through_a_tunnel_all_have_one_address_and_take_turns(throttle: LoginThrottle, clock: Clock):
    assert [await throttle.attempt("ada", TUNNEL) for _ in range(11)] == [None] * 11
    assert clock.slept == [3.0]


async def test_a_known_device_is_counted_too(throttle: LoginThrottle):
    device = throttle.known("ada", throttle.device("ada"))
    assert [await throttle.attempt("ada", TUNNEL, device) for _ in range(10)] == [None] * 10
    assert await throttle.attempt("ada", TUNNEL, device) is not None
    throttle.succeeded("ada", TUNNEL, device)
    assert await throttle.attempt("ada", TUNNEL, device) is None


async def test_a_device_is_known_for_its_own_name_by_its_own_service(throttle: LoginThrottle):
    cookie = throttle.device("Ada")
    assert throttle.known("ada", cookie) is not None
    assert throttle.known("bob", cookie) is None
    assert LoginThrottle().known("ada", cookie) is None
    for made_up in ("", ".", "x", "x.y", cookie[:-1], f"{cookie}é"):
        assert throttle.known("ada", made_up) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2a00:1450:1:2:3:4:5:6", "2a00:1450:1:2::/64"),
        ("127.0.0.1", None),
        ("fe80::1", None),
        (None, None),
    ],
)
def test_an_ipv6_customer_has_half_of_the_bits(address: str | None, network: str | None):
    assert network_of_internet(address) == network
