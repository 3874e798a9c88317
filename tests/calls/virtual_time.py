"""An event loop for tests of long waits: its clock runs only while nothing else happens, and then jumps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any


class _Jump(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Never waits for a time, unless a thread is at work: what is not there already, nobody here has sent."""

    skipped_s = 0.0
    threads_at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and self.threads_at_work:
            return super().select(0.001)
        if ready or timeout is None or timeout <= 0:
            return ready or super().select(timeout)
        self.skipped_s += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For peers in this very process; somebody else's answer would come hours late. Time stands still for threads that
    this loop has set to work, such as a blocking client's."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.skipped_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        self._jump.threads_at_work += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, future: asyncio.Future[Any]) -> None:
        self._jump.threads_at_work -= 1
