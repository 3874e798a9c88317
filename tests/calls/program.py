"""`phoneagent serve` as a program of its own, which can be sent signals."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoneagent.simulate.realtime_server import RealtimeServer
from tests.calls.service import AUTH_TOKEN

SERVE = [sys.executable, "-c", "from phoneagent.cli import main; main()", "serve"]
WITHIN_S = 15.0


@dataclass
class Program:
    """The running program. `url` is where it listens."""

    process: asyncio.subprocess.Process
    url: str = ""

    async def said(self, message: str) -> dict[str, Any]:
        """The next log line with this message."""
        assert self.process.stderr is not None
        async with asyncio.timeout(WITHIN_S):
            while line := await self.process.stderr.readline():
                if (fields := json.loads(line))["message"] == message:
                    return fields  # type: ignore[no-any-return]
        raise AssertionError(f"the service ended without saying {message!r}")

    async def ended(self) -> int:
        """Its exit code."""
        await asyncio.wait_for(self.process.communicate(), WITHIN_S)
        assert self.process.returncode is not None
        return self.process.returncode


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
    try:
        running = Program(process)
        running.url = (await running.said("listening"))["url"]
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
