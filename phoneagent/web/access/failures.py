"""Failed logins, for the audit log: that they happen, and not one row for each of an attack."""

from __future__ import annotations

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from phoneagent.store.audit import Audit
from phoneagent.store.users import folded
from phoneagent.web.access.drawers import Drawers

UNKNOWN = "Nobody known"
"""Who fails under a name that nobody has: it may be a password. No user's name has a capital."""

WINDOW_S = 300
MOST = RateLimitItemPerHour(200)


class FailedLogins:
    """Writes down the first failure of a name from an address within five minutes, the tenth, the hundredth, and so on;
    of all together at most 200 an hour. The log tells of each."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._drawers = Drawers()

    async def note(self, name: str, address: str | None, *, exists: bool) -> None:
        """Somebody has failed to be `name`; `exists` says whether there is such a user. Raises StoreError."""
        actor, address = folded(name) if exists else UNKNOWN, address or ""
        count = self._storage.incr(self._drawers.of("failures", actor, address), WINDOW_S)
        if count == 10 ** (len(str(count)) - 1) and self._limiter.hit(MOST):
            await self._audit.note(actor, "user", "login.failed", data={"address": address, "count": count})
