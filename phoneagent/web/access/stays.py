"""Whoever was let in for longer than a request takes: they stay as long as they may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from phoneagent.store import StoreError

CHECKED_EVERY_S = 30.0  # for what is changed elsewhere: by the command line, or another instance

StillAllowed = Callable[[], Awaitable[bool]]
"""Whether somebody may still do what they began to do. Raises StoreError."""

Forbidden = Callable[[], Awaitable[None]]
"""Waits until somebody may no longer do what they began to do."""


async def never() -> None:
    """`Forbidden` for whom nothing is forbidden."""
    await asyncio.Event().wait()


class Stays:
    """Asks again whether those may stay who were let in: from time to time, and whenever `ask_again` is told to."""

    def __init__(self) -> None:
        self._asking = asyncio.Event()

    def ask_again(self) -> None:
        """Somebody's rights have changed here."""
        self._asking.set()
        self._asking = asyncio.Event()

    async def until_forbidden(self, still_allowed: StillAllowed) -> None:
        """Wait until they may stay no longer. While nobody can be asked, for want of a database, they may."""
        allowed = True
        while allowed:
            asking = self._asking
            with suppress(StoreError):
                allowed = await still_allowed()
            if allowed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asking.wait(), CHECKED_EVERY_S)
