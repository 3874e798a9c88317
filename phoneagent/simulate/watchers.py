"""Waiting until something is true of what changes now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Watchers:
    """Who waits for something; `changed` says that it may be true now."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[None]]] = []

    async def until(self, condition: Callable[[], object], timeout_s: float | None) -> None:
        """Wait until it is true. Raises TimeoutError."""
        if condition():
            return
        watcher = (condition, asyncio.get_running_loop().create_future())
        self._waiting.append(watcher)
        try:
            await asyncio.wait_for(watcher[1], timeout_s)
        finally:
            self._waiting.remove(watcher)

    def changed(self) -> None:
        """Let those go on for whom it has come true."""
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)
