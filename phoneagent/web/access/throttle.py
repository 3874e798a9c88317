"""How often somebody may try to log in."""

from __future__ import annotations

import asyncio
import hmac
import math
import secrets
import time
from collections.abc import Awaitable, Callable

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from phoneagent.store.users import folded
from phoneagent.web.access.drawers import Drawers
from phoneagent.web.address import network_of_internet

OF_ONE = RateLimitItemPerMinute(10, 5)  # a known device; a name from one network
OF_NETWORK = RateLimitItemPerMinute(30, 5)
AT_ONCE = 10  # of strangers for one name, after which
ONE_EVERY_S = 3.0
LONGEST_S = 15.0  # that an attempt waits for its turn


class LoginThrottle:
    """Bounds the attempts, so that nobody guesses a password, and whoever tries to keeps nobody else out.

    A device from which a name has logged in, as its cookie says, is counted by itself. So is a name from each network
    of the internet, and the network; whoever comes through a tunnel or a proxy has its address, which says nothing. All
    attempts of strangers for a name, wherever they come from, take turns when they are too many.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._drawers = Drawers()
        self._key = secrets.token_bytes(32)
        self._due: dict[str, float] = {}  # by drawers: when somebody who takes their time would be done

    def device(self, name: str) -> str:
        """What the cookie of a device says from which this name has logged in, until the service ends."""
        id_ = secrets.token_hex(16)
        return f"{id_}.{self._signature(name, id_)}"

    def known(self, name: str, cookie: str) -> str | None:
        """The device whose cookie this is, if this name has logged in from it."""
        id_, _, signature = cookie.partition(".")
        return id_ if hmac.compare_digest(signature.encode(), self._signature(name, id_).encode()) else None

    async def attempt(self, name: str, address: str | None, known: str | None = None) -> int | None:
        """Count an attempt, and wait until its turn. Returns None then, else after how many seconds to try again.

        `known` tells apart whoever has shown before that they are that name, on this device.
        """
        limits = self._limits(name, address, known)
        waits = [self._wait_s(*limit) for limit in limits if not self._limiter.hit(*limit)]
        if waits:
            return max(waits)
        return await self._turn(self._drawers.of("name", folded(name))) if known is None else None

    def succeeded(self, name: str, address: str | None, known: str | None = None) -> None:
        """Forget the attempts for a name: its owner has made them."""
        for of_one in self._limits(name, address, known)[:1]:
            self._limiter.clear(*of_one)
        if known is None:
            self._due.pop(self._drawers.of("name", folded(name)), None)

    def _limits(self, name: str, address: str | None, known: str | None) -> list[tuple[RateLimitItem, str]]:
        if known is not None:
            return [(OF_ONE, self._drawers.of("device", known))]
        if (network := network_of_internet(address)) is None:
            return []
        of_both = self._drawers.of("name and network", folded(name), network)
        return [(OF_ONE, of_both), (OF_NETWORK, self._drawers.of("network", network))]

    async def _turn(self, drawer: str) -> int | None:
        now = self._clock()
        due = max(self._due.get(drawer, 0.0), now) + ONE_EVERY_S
        wait_s = due - now - AT_ONCE * ONE_EVERY_S
        if wait_s > LONGEST_S:
            return math.ceil(wait_s - LONGEST_S)
        self._due[drawer] = due
        if wait_s > 0:
            await self._sleep(wait_s)
        return None

    def _wait_s(self, limit: RateLimitItem, drawer: str) -> int:
        reset = self._limiter.get_window_stats(limit, drawer).reset_time
        return max(1, math.ceil(reset - time.time()))

    def _signature(self, name: str, id_: str) -> str:
        return hmac.digest(self._key, f"{id_} {folded(name)}".encode("utf-8", "replace"), "sha256").hex()
