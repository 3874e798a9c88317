"""Bounds how many peers may be connected without having shown who they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from phoneagent.web.address import is_of_internet

GRACE_S = 1.0


@dataclass(eq=False, slots=True)
class Guest:
    """Somebody who waits; `evict` shows them out."""

    address: str | None
    evict: Callable[[], object] = field(repr=False)
    since: float


class Lobby:
    """Where a connection waits until its request is there, and a media stream until its `start`.

    When it is full, who has waited longest goes, but nobody within the first second: a burst of calls says who it
    is at once, so it does not suffer from those who sit and say nothing. The limit per address holds for
    addresses of the internet only: all that comes through a tunnel or a proxy has one address, of this machine
    or of a private network.
    """

    def __init__(
        self, limit: int = 100, limit_per_address: int = 10, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._clock = clock
        self._guests: dict[Guest, None] = {}  # in order of arrival

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, address: str | None, evict: Callable[[], object]) -> Guest:
        """Let somebody wait, and show out who has to make room. `leave` when they have shown who they are."""
        guest = Guest(address, evict, self._clock())
        self._guests[guest] = None
        if len(self._guests) > self._limit:
            self._make_room(next(iter(self._guests)))
        if is_of_internet(address):
            same = [other for other in self._guests if other.address == address]
            if len(same) > self._limit_per_address:
                self._make_room(same[0])
        return guest

    def leave(self, guest: Guest) -> None:
        """Done waiting, for whatever reason. May be said twice."""
        self._guests.pop(guest, None)

    def _make_room(self, oldest: Guest) -> None:
        if self._clock() - oldest.since >= GRACE_S:
            self.leave(oldest)
            oldest.evict()
