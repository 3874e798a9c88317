"""The whole service on free ports, with agents of the test's own, and the phone that calls it."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

from phoneagent.app import Service, running
from phoneagent.calls.live import CallEnded
from phoneagent.calls.record import CallRecord
from phoneagent.settings import load
from phoneagent.simulate.audio import ulaw
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.realtime_server import RealtimeServer
from phoneagent.simulate.scripted_model import ScriptedSession
from phoneagent.store import open_store
from phoneagent.store.calls import CallDetail
from tests.store.new_database import new_database

AUTH_TOKEN = "12345"
NUMBER = "+15550100"
CALLER = "+15550199"
WITHIN_S = 30.0  # so long only if something is wrong, or the machine very busy


def write_agent(folder: Path, front_matter: str = "greeting: none", name: str = "ada", prompt: str = "Be Ada.") -> None:
    """An agent file that answers NUMBER unless its front matter says otherwise."""
    if "numbers:" not in front_matter:
        front_matter = f'numbers: ["{NUMBER}"]\n{front_matter}'
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents" / f"{name}.md").write_text(f"---\n{front_matter}\n---\n{prompt}\n")


def write_tools(folder: Path, source: str) -> None:
    """A file of tools beside the agents."""
    (folder / "tools").mkdir()
    (folder / "tools" / f"{folder.name}.py").write_text(source)


@asynccontextmanager
async def serving(folder: Path, model: RealtimeServer[Any], **settings: str) -> AsyncIterator[Service]:
    """The service as `phoneagent serve` runs it, with the agents and tools of `folder`."""
    environ = {
        "OPENAI_BASE_URL": model.url,
        "PHONEAGENT_ENGINE": "openai",
        "PHONEAGENT_AGENTS": str(folder / "agents"),
        "PHONEAGENT_PORT": "0",
        "PHONEAGENT_DATA": str(folder / "data"),
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        **settings,
    }
    if "PHONEAGENT_DATABASE_URL" not in settings:
        new_database(Path(environ["PHONEAGENT_DATA"], "phoneagent.db"))
    async with running(load(environ, None)) as service:
        yield service


@asynccontextmanager
async def portable(service: Service) -> AsyncIterator[str]:
    """The origin of the same service on a server that knows ASGI and nothing of picows."""
    server = uvicorn.Server(uvicorn.Config(service.server.config.app, log_config=None, lifespan="off"))
    listener = socket.create_server(("127.0.0.1", 0))
    done = asyncio.create_task(server._serve([listener]))  # serve() would take the signals of the tests
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(done, WITHIN_S)


def phone_of(service: Service, *, seed: int = 1, origin: str | None = None) -> FakePhone:
    """A phone that calls the service, at another `origin` if one is given; what it says is a tone."""
    rng = random.Random(seed)
    return FakePhone(origin or service.url, public_url=service.url, auth_token=AUTH_TOKEN, rng=rng, speak=tone)


def records(service: Service) -> asyncio.Queue[CallRecord]:
    """The records of the calls that end from now on."""
    queue: asyncio.Queue[CallRecord] = asyncio.Queue()
    service.feed.watch(lambda news: queue.put_nowait(news.record) if isinstance(news, CallEnded) else None)
    return queue


async def kept(folder: Path, record: CallRecord) -> CallDetail:
    """What the store has of a call, once the service is over."""
    store = await open_store(f"sqlite:///{folder / 'data' / 'phoneagent.db'}")
    try:
        detail = await store.calls.get(record.call_id)
    finally:
        await store.close()
    assert detail is not None
    return detail


def tone(text: str) -> bytes:
    """20 ms of a loud tone for each letter, as µ-law; other texts have other pitches."""
    pitch = 200 + sum(text.encode()) % 500
    return ulaw((8000 * np.sin(np.arange(160 * len(text)) * 2 * np.pi * pitch / 8000)).astype(np.int16))


def in_time(call: FakeCall, session: ScriptedSession) -> bool:
    """Whether the agent still speaks and can be interrupted; a busy machine may be too late for that."""
    return session.active_response is not None or call.record.line.playout.ends_at > time.monotonic() + 0.05
