"""Tools run in processes of their own, for tests; and how to tell that a process has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from phoneagent.core.agents import Agent
from phoneagent.tools import Call, Workers, load_tools


@asynccontextmanager
async def started(folder: Path, **options: Any) -> AsyncIterator[Workers]:
    loaded = load_tools(folder)
    assert loaded.problems == ()
    workers = Workers(folder, loaded.tools, **options)
    await workers.start()
    try:
        yield workers
    finally:
        await workers.close()


def call_of(**notes: Any) -> Call:
    return Call("CA1", "+15550199", "+15550100", Agent("ada"), "CA1/call_1", notes)


async def run(workers: Workers, name: str, call: Call | None = None, **arguments: Any) -> Any:
    """What the model is told as the result."""
    output = await workers.tools[name].run(json.dumps(arguments), call or call_of())
    return json.loads(output.json)["result"]


def gone(process_id: int) -> bool:
    """Whether a process has ended; one that only waits to be noticed by its parent has."""
    try:
        return " Z " in Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the second, if it ends while it is read
        return True


def over(file: Path) -> bool:
    """Whether a process that was to write its id into a file has ended, or never came to begin."""
    process_id = file.read_text() if file.exists() else ""
    return not process_id or gone(int(process_id))


async def soon(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 -- of another process
            await asyncio.sleep(0.005)
