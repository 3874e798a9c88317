from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from bench.client import Client, dialogue_of
from phoneagent.local.config import EngineConfig


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    """An engine in processes of its own, as `phoneagent serve` starts it."""
    command = [sys.executable, "-m", "phoneagent.local", "--child", "--port", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(EngineConfig().to_json() + "\n")
        process.stdin.flush()
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
async def client(engine_url: str) -> AsyncIterator[Client]:
    async with Client.connect(engine_url) as client:
        yield client


@pytest.fixture
async def phone(engine_url: str) -> AsyncIterator[Client]:
    """A client configured like a telephone call to the reception."""
    async with Client.connect(engine_url) as client:
        await client.configure_phone(dialogue_of("reception"))
        yield client
