"""A call that goes on over real sockets, for those who watch it, listen to it and step in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from phoneagent.app import Service
from phoneagent.calls.record import CallRecord
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.script import Say, Silence
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession
from tests.calls.service import NUMBER, phone_of, records, serving, write_agent, write_tools
from tests.web.api.watching import WITHIN_S, client

TOOLS = """
import asyncio
from pathlib import Path
from phoneagent.tools import tool

@tool
async def look(where: str, until: str = ".") -> str:
    "Look."
    while not Path(until).exists():
        await asyncio.sleep(0.01)
    return f"Nothing in {where}."
"""


@dataclass
class OnTheLine:
    """A call that goes on, and a client who may watch it and step in."""

    service: Service
    http: httpx.AsyncClient
    call: FakeCall
    call_id: str
    records: asyncio.Queue[CallRecord]

    async def end(self) -> CallRecord:
        """The caller hangs up."""
        self.call.hang_up()
        return await asyncio.wait_for(self.records.get(), WITHIN_S)


@dataclass
class Story(OnTheLine):
    """One with a scripted model."""

    session: ScriptedSession


@asynccontextmanager
async def story(
    folder: Path, front_matter: str = "greeting: none\ntools: [look]\n", words: str = "", **settings: str
) -> AsyncIterator[Story]:
    """Somebody is on the phone, and has said these words, if any."""
    write_agent(folder, front_matter)
    write_tools(folder, TOOLS)
    async with (
        ScriptedModel() as model,
        serving(folder, model, **settings) as service,
        client(service, folder) as http,
        phone_of(service) as phone,
    ):
        finished = records(service)
        call = phone.dial(NUMBER, [Say(words), Silence(60)] if words else [Silence(60)])
        session = await model.session()
        await session.received("session.update")
        await call.until(lambda record: record.streams)
        [runner] = service.switchboard.live_calls_now
        yield Story(service, http, call, runner.details.call_id, finished, session)
