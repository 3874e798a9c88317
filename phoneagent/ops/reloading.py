"""The service in a process of its own, begun anew when a source file changes. The tunnel needs not know."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
from watchfiles import Change, PythonFilter, awatch

from phoneagent.ops import OpsError
from phoneagent.ops.tunnel import stop

DRAIN_S = 30.0  # for a call that is going on when a file is saved
_GRACE_S = 15.0
_SETTLE_MS = 200
_LOOK_EVERY_S = 0.1

Say = Callable[[str], object]


class ReloadingService:
    """The service at `url`, of which Twilio knows as `public_url`. `say` tells of what happens to it.

    `sources` are files and folders; those that do not exist are left out. Agent files need not be among them: the
    service reads those again by itself.
    """

    def __init__(self, url: str, public_url: str, sources: Sequence[Path], say: Say) -> None:
        self._url = url
        self._public_url = public_url
        self._sources = [path for path in sources if path.exists()]
        self._say = say
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the service and wait until it answers. Raises OpsError if it ends instead."""
        if not await self._begin():
            raise OpsError("the service did not start; why is above")

    async def keep_up(self) -> None:
        """Begin the service anew whenever a source changes, until cancelled."""
        kinds = PythonFilter(extra_extensions=(".env", ".toml"))
        try:
            async for changes in awatch(*self._sources, watch_filter=kinds, debounce=_SETTLE_MS):
                self._say(f"{_names(changes)} changed: the service starts anew")
                await self.stop()
                if not await self._begin():
                    self._say("the service did not start; it is tried again when a file changes")
        except OSError as error:  # such as too many watched files on this machine
            self._say(f"warning: changed files are not noticed: {error}")

    async def stop(self) -> None:
        """End the service; a call that is going on may last DRAIN_S longer."""
        if self._watching is not None:
            self._watching.cancel()
        if self._process is not None:
            await stop(self._process, DRAIN_S + _GRACE_S)

    def hurry(self) -> None:
        """Do not wait for calls any longer."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _begin(self) -> bool:
        """Whether the service answers; if not, it has ended."""
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "phoneagent.ops.child", "--public-url", self._public_url),
            *("--port", str(httpx.URL(self._url).port), "--drain-s", str(DRAIN_S)),
            stdin=PIPE,  # closed by the system if we are killed, by which the service knows
            start_new_session=True,  # Ctrl-C is for us: the numbers are given back first
        )
        async with httpx.AsyncClient(trust_env=False) as http:
            while process.returncode is None and not await answers(http, self._url):
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _LOOK_EVERY_S)
        if process.returncode is None:
            self._watching = asyncio.create_task(self._watch(process))
        return process.returncode is None

    async def _watch(self, process: Process) -> None:
        code = await process.wait()
        self._say(f"the service has ended with {code}; it starts again when a file changes")


async def answers(http: httpx.AsyncClient, url: str) -> bool:
    """Whether a service of ours answers there."""
    try:
        answer = await http.get(f"{url}/healthz")
        return answer.status_code == 200 and answer.json() == {"status": "ok"}
    except (httpx.HTTPError, ValueError):
        return False


def _names(changes: set[tuple[Change, str]]) -> str:
    return ", ".join(sorted({Path(path).name for _, path in changes}))
