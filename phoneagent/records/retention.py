"""Once a day deletes what has been kept for as long as the agents' files say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from phoneagent.core.agents import Agent
from phoneagent.records.files import Files
from phoneagent.store import StoreError
from phoneagent.store.carrying_on import carrying_on
from phoneagent.store.erasure import Erasure

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 24 * 3600.0
TRY_AGAIN_S = 600.0


class Sweeper:
    """Sweeps at the start of the service and daily. Several services may do so at once."""

    def __init__(self, erasure: Erasure, files: Files, agents: Callable[[], Mapping[str, Agent]]) -> None:
        """`agents` are those whose files there are now; the calls of others are kept as their last file said."""
        self._erasure = erasure
        self._files = files
        self._agents = agents
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sweep."""
        self._sweeping = asyncio.create_task(self._keep_sweeping())

    async def close(self) -> None:
        """Leave the rest for another day."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping

    async def sweep(self) -> Mapping[str, int]:
        """Delete what is due, and say how much it was, by kind. Raises StoreError."""
        rules = {name: agent.retention for name, agent in self._agents().items()}
        await self._erasure.keep_by(rules)
        counts = {"calls": 0, "transcripts": 0, "recordings": 0}
        while due := await self._erasure.due("call"):
            counts["calls"] += len(await self._erasure.delete(due))
        while due := await self._erasure.due("transcript"):
            counts["transcripts"] += await self._erasure.delete_transcripts(due)
        while due := await self._erasure.due("recording"):
            counts["recordings"] += await self._erasure.delete_recordings(due)
        counts["dials"] = await self._erasure.delete_leftovers(rules)
        await self._erasure.forget_words()
        await self._files.delete()
        return counts

    async def _keep_sweeping(self) -> None:
        while True:
            pause_s = TRY_AGAIN_S
            with carrying_on("sweeping"):
                try:
                    counts = await self.sweep()
                except StoreError as error:
                    log.error("what was kept long enough can't be swept", extra={"reason": str(error)})
                else:
                    pause_s = SWEEP_EVERY_S
                    if any(counts.values()):
                        log.info("swept what was kept long enough", extra=dict(counts))
            await asyncio.sleep(pause_s)
