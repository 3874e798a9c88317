"""The lines of the engine: a pair of ears and a mouth for each call that it can hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from phoneagent.local.config import EngineConfig
from phoneagent.local.ears import Ears, LocalEars, ServerEars
from phoneagent.local.mouth import LocalMouth, Mouth, ServerMouth
from phoneagent.local.worker import Worker

_RESET_S = 5.0


@dataclass(eq=False, slots=True)
class Line:
    """What one call needs, started beforehand."""

    ears: Ears
    mouth: Mouth
    workers: tuple[Worker, ...]

    async def close(self) -> None:
        """Stop the line's processes."""
        await asyncio.gather(*(worker.stop() for worker in self.workers))


class Lines:
    """All lines; each is taken by one call at a time."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._ears_client = config.ears.client() if config.ears else None
        self._mouth_client = config.mouth.client() if config.mouth else None
        self._free: list[Line] = []
        self._all: set[Line] = set()
        self._wiping: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, config: EngineConfig) -> Lines:
        """Start the processes of every line. Raises WorkerError."""
        lines = cls(config)
        await asyncio.gather(*(lines._add() for _ in range(config.max_calls)))
        return lines

    async def free(self) -> bool:
        """Whether a line is free; waits for one that is being made ready."""
        while not self._free and self._wiping:
            await asyncio.wait(self._wiping, return_when=asyncio.FIRST_COMPLETED)
        return bool(self._free)

    def take(self) -> Line | None:
        """A free line, or None."""
        return self._free.pop() if self._free else None

    def give_back(self, line: Line) -> None:
        """Free a line once nothing of its call is left in it; one that is broken is replaced."""
        wiping = asyncio.get_running_loop().create_task(self._wipe(line))
        self._wiping.add(wiping)
        wiping.add_done_callback(self._wiping.discard)

    async def _wipe(self, line: Line) -> None:
        try:
            if all(worker.alive for worker in line.workers):
                await asyncio.wait_for(line.ears.reset(), _RESET_S)
                self._free.append(line)
                return
        except TimeoutError:
            pass
        self._all.discard(line)
        await line.close()
        await self._add()

    async def close(self) -> None:
        """Stop all processes."""
        for wiping in self._wiping:
            wiping.cancel()
        await asyncio.gather(*(line.close() for line in self._all))
        for client in (self._ears_client, self._mouth_client):
            if client is not None:
                await client.aclose()

    async def _add(self) -> None:
        config = self._config
        listening = await Worker.start("phoneagent.local.ears_process")
        workers = [listening]
        ears: Ears = LocalEars(listening)
        if config.ears and self._ears_client:
            ears = ServerEars(listening, self._ears_client, config.ears.model)
        if config.mouth and self._mouth_client:
            mouth: Mouth = ServerMouth(self._mouth_client, config.mouth.model, config.voice)
        else:
            workers.append(await Worker.start("phoneagent.local.mouth_process"))
            mouth = LocalMouth(workers[-1])
        line = Line(ears, mouth, tuple(workers))
        self._all.add(line)
        self._free.append(line)
