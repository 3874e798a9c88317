"""`phoneagent serve` as a program of its own, which can be sent signals."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phoneagent.simulate.realtime_server import RealtimeServer
from tests.calls.service import AUTH_TOKEN

SERVE = [sys.executable, "-c", "from phoneagent.cli import main; main()", "serve"]
WITHIN_S = 60.0  # a start takes long where much else runs


@dataclass
class Program:
    """The running program. `url` is where it listens."""

    process: asyncio.subprocess.Process
    url: str = ""
    _lines: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def read(self) -> None:
        """Take what it says, so that it need not wait for anybody to listen. Ends with it."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self._lines.put_nowait(line)
        self._lines.put_nowait(b"")

    async def said(self, message: str) -> dict[str, Any]:
        """The next log line with this message."""
        async with asyncio.timeout(WITHIN_S):
            while line := await self._lines.get():
                if (fields := json.loads(line))["message"] == message:
                    return fields  # type: ignore[no-any-return]
        raise AssertionError(f"the service ended without saying {message!r}")

    async def ended(self) -> int:
        """Its exit code."""
        return await asyncio.wait_for(self.process.wait(), WITHIN_S)


@asynccontextmanager
async def program(folder: Path, model: RealtimeServer[Any], **environ: str) -> AsyncIterator[Program]:
    """The program with the agents of `folder`, listening; at the end it is killed if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *SERVE,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.getcwd(),
            "OPENAI_BASE_URL": model.url,
            "PHONEAGENT_ENGINE": "openai",
            "PHONEAGENT_PORT": "0",
            "PHONEAGENT_LOG": "json",
            "PHONEAGENT_TOOL_WORKERS": "1",
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            **environ,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    running = Program(process)
    reading = asyncio.create_task(running.read())
    try:
        running.url = (await running.said("listening"))["url"]
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await reading
        await process.wait()
