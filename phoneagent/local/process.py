"""The embedded engine in a process of its own, which ends when this one does, however that happens."""

from __future__ import annotations

import asyncio
import sys
from typing import Literal

from phoneagent.local.config import EngineConfig

_START_S = 20.0
_STOP_S = 5.0


class EngineError(Exception):
    """The engine could not be started; its own words are in the log."""


class EngineProcess:
    """An engine to be started and stopped.

    The engine holds the other end of a pipe: when this process is gone, killed even, the pipe is closed and the
    engine ends with its workers. Its log goes where this process's goes, in the form `log` (None: human in a terminal,
    else JSON).
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        *,
        port: int = 0,
        log: Literal["human", "json"] | None = None,
        log_level: str = "info",
    ) -> None:
        self._config = config or EngineConfig()
        self._arguments = ["--port", str(port), "--log-level", log_level, *(["--log", log] if log else [])]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Start the engine and wait until it takes calls; its base URL, `http://127.0.0.1:PORT/v1`.

        Raises EngineError.
        """
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "phoneagent.local", "--child", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self._config.to_json().encode() + b"\n")
        try:
            url = await asyncio.wait_for(process.stdout.readline(), _START_S)
        except TimeoutError:
            url = b""
        if not url:
            await self.stop()
            raise EngineError("the embedded engine did not start")
        return url.decode().strip()

    async def stop(self) -> None:
        """End the engine and its calls."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
