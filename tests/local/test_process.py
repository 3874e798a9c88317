"""The engine's processes come and go with the one that started them."""

from __future__ import annotations

import asyncio
import json
import sys

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bench.client import Client
from phoneagent.local.config import EngineConfig
from phoneagent.local.process import EngineProcess

PARENT = """
import asyncio
from phoneagent.local.process import EngineProcess
async def main():
    await EngineProcess().start()
    print("started", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_nothing_outlives_a_parent_that_was_killed() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"started\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 5  # the engine, and ears and mouth of two calls
    parent.kill()
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=30)
    assert alive == []


async def test_the_engine_logs_in_the_form_of_the_service(capfd: pytest.CaptureFixture[str]) -> None:
    engine = EngineProcess(log="json")
    await engine.start()
    await engine.stop()
    (line,) = capfd.readouterr().err.splitlines()
    assert "built-in demonstration brain" in json.loads(line)["message"]


async def test_a_call_more_than_the_engine_holds_is_refused_until_one_ends() -> None:
    engine = EngineProcess(EngineConfig(max_calls=1))
    url = await engine.start()
    address = url.replace("http", "ws") + "/realtime?model=local"
    try:
        async with Client.connect(url):
            with pytest.raises(InvalidStatus) as refusal:
                await connect(address)
            assert refusal.value.response.status_code == 429
            assert b"rate_limit_exceeded" in refusal.value.response.body
        async with Client.connect(url) as client:
            assert (await client.respond())["status"] == "completed"
    finally:
        await engine.stop()
