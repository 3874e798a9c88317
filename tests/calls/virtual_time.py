"""An event loop for tests of long waits: its clock runs only while nothing else happens, and then jumps."""

from __future__ import annotations

import asyncio
import selectors


class _Jump(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Never waits for a time: what is not there already, nobody on this machine has sent."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0:
            return ready or super().select(timeout)
        self.skipped_s += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For peers in this very process and thread; somebody else's answer would come hours late."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.skipped_s
