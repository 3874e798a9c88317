"""Tickets for sockets. A browser can send no key with an upgrade, so it fetches a ticket, and puts it into the URL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from phoneagent.web.access.principal import Principal
from phoneagent.web.access.stays import Forbidden, never

LIFETIME_S = 30.0
MOST = 1000  # not used yet; beyond that the oldest is void


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a ticket lets in, and to which call: our id of it, or the carrier's, as the socket names it.

    `forbidden` waits until they may stay no longer.
    """

    principal: Principal
    call: str
    forbidden: Forbidden = field(default=never, repr=False, compare=False)

    @property
    def is_page(self) -> bool:
        """Whether it is a page of ours, whose upgrade says so in its Origin."""
        return self.principal.kind != "key"


class Tickets:
    """Issues tickets and takes each back once, within half a minute."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._clock = clock
        self._random = random
        # By their hashes, so that nothing of a ticket shows in how long it takes to look one up. Oldest first.
        self._issued: dict[bytes, tuple[Holder, float]] = {}

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, holder: Holder) -> str:
        """A new ticket, good for one use."""
        now = self._clock()
        self._forget_expired(now)
        if len(self._issued) >= MOST:
            del self._issued[next(iter(self._issued))]
        ticket = self._random()
        self._issued[_hash(ticket)] = holder, now + LIFETIME_S
        return ticket

    def redeem(self, ticket: str) -> Holder | None:
        """Who was given this ticket, which is void from now on; None if it was used, has expired or never was."""
        self._forget_expired(self._clock())
        holder, _ = self._issued.pop(_hash(ticket), (None, 0.0))
        return holder

    def _forget_expired(self, now: float) -> None:
        while self._issued and next(iter(self._issued.values()))[1] <= now:
            del self._issued[next(iter(self._issued))]


def _hash(ticket: str) -> bytes:
    return sha256(ticket.encode(errors="surrogatepass")).digest()
