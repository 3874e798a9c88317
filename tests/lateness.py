"""How late a busy machine makes what tests measure by the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def lateness_ms() -> AsyncIterator[Callable[[], float]]:
    """By how much this process was late at most, because the machine is busy."""
    late_s = [0.0]  # each time

    async def look() -> None:
        while True:
            due = time.monotonic() + 0.005
            await asyncio.sleep(0.005)
            late_s.append(time.monotonic() - due)

    looking = asyncio.create_task(look())
    try:
        yield lambda: max(late_s) * 1000
    finally:
        looking.cancel()
