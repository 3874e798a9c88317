"""Twilio's status callbacks: signed requests that only tell something."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from phoneagent.simulate.carrier import Carrier, WebhookError
from phoneagent.simulate.twiml import StatusCallback


@dataclass(frozen=True, slots=True)
class Told:
    """A callback that was delivered, or tried to: `status` is the HTTP status of the answer, None without one."""

    url: str
    fields: Mapping[str, str] = field(repr=False)
    status: int | None


class Callbacks:
    """Sends them. Those of one call come in order, unless `shuffle_s` delays each by up to so many seconds."""

    def __init__(self, rng: random.Random) -> None:
        self.shuffle_s = 0.0
        self.told: list[Told] = []
        self._rng = rng
        self._latest: dict[str, asyncio.Task[None]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, carrier: Carrier, about: str, to: StatusCallback, fields: Mapping[str, str]) -> None:
        """Tell it, behind what was told before about the same SID."""
        task = asyncio.create_task(self._deliver(carrier, self._latest.get(about), to, dict(fields)))
        self._latest[about] = task
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settled(self) -> None:
        """Wait until everything has been told."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self) -> None:
        """Tell nothing more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _deliver(
        self, carrier: Carrier, previous: asyncio.Task[None] | None, to: StatusCallback, fields: Mapping[str, str]
    ) -> None:
        if self.shuffle_s:
            await asyncio.sleep(self._rng.uniform(0, self.shuffle_s))
        elif previous is not None:
            await asyncio.wait({previous})
        try:
            status, _ = await carrier.fetch(to.url, to.method, fields)
        except WebhookError:
            self.told.append(Told(to.url, fields, None))
        else:
            self.told.append(Told(to.url, fields, status))
