"""A page that watches: it holds a stream of events, and what it makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from phoneagent.app import Service
from phoneagent.core.scopes import Scope
from phoneagent.store import open_store
from phoneagent.tls import trusted

WITHIN_S = 30.0


@dataclass
class Page:
    """What somebody sees who got these events."""

    service: dict[str, Any] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    turns: dict[str, dict[str, Any]] = field(default_factory=dict)
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    over: dict[str, Any] | None = None
    ended: bool = False  # the stream
    last_id: str = ""
    kinds: list[str] = field(default_factory=list)  # of the events
    levels: list[dict[str, Any]] = field(default_factory=list)
    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seen(self) -> tuple[Any, ...]:
        """What is to be seen on it, apart from the waveform."""
        return self.call, self.transcript, self.tools, self.events, self.over

    @property
    def transcript(self) -> list[dict[str, Any]]:
        """The turns in their order."""
        return sorted(self.turns.values(), key=lambda turn: int(turn["place"]))

    @property
    def words(self) -> list[tuple[str, str, str]]:
        """Who said what, and what of it was not heard."""
        return [(turn["speaker"], turn["text"], turn["unheard"]) for turn in self.transcript]

    def take(self, kind: str, data: Any) -> None:
        """An event has come."""
        self.kinds.append(kind)
        match kind:
            case "snapshot":
                self.service, self.calls = data.get("service", {}), {call["id"]: call for call in data.get("calls", ())}
                self.call = data.get("call", {})
                self.turns = {turn["turn_id"]: turn for turn in data.get("turns", ())}
                self.tools = {tool["tool_call_id"]: tool for tool in data.get("tools", ())}
                self.events = {event["number"]: event for event in data.get("events", ())}
            case "service":
                self.service = data
            case "call":
                self.call = self.calls[data["id"]] = data
            case "gone":
                del self.calls[data["id"]]
            case "turn":
                self.turns[data["turn_id"]] = data
            case "tool":
                self.tools[data["tool_call_id"]] = data
            case "event":
                self.events[data["number"]] = data
            case "levels":
                self.levels.append(data)
            case "over":
                self.over = data

    def changed(self) -> None:
        """Something has come."""
        self._changed.set()

    async def until(self, condition: Callable[[Page], object]) -> Page:
        """Wait until something is true of it."""
        async with asyncio.timeout(WITHIN_S):
            while not condition(self):
                await self._changed.wait()
                self._changed.clear()
        return self


@asynccontextmanager
async def watching(http: httpx.AsyncClient, path: str, page: Page | None = None) -> AsyncIterator[Page]:
    """A page that watches while the block lasts; one that has watched before goes on where it was."""
    page = page or Page()
    page.ended = False
    task = asyncio.create_task(_read(http, path, page))
    try:
        yield page
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _read(http: httpx.AsyncClient, path: str, page: Page) -> None:
    headers = {"Last-Event-ID": page.last_id} if page.last_id else {}
    async with http.stream("GET", path, headers=headers) as response:
        page.status, page.headers = response.status_code, response.headers
        event: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            if line == "" and "data" in event:
                page.last_id = event.get("id", page.last_id)
                page.take(event["event"], json.loads(event["data"] or "null"))
                event = {}
            elif line:
                event[name] = value.strip()
            page.changed()
    page.ended = True
    page.changed()


@asynccontextmanager
async def client(service: Service, folder: Path, *scopes: Scope) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key to the API of a service whose data are in `folder`."""
    store = await open_store(f"sqlite:///{folder}/data/phoneagent.db")
    _, key = await store.keys.create("Grace", set(scopes or ("read", "call")))
    await store.close()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=service.url, headers=headers, timeout=WITHIN_S, trust_env=False, verify=trusted()
    ) as http:
        yield http


async def revoke_keys(folder: Path) -> None:
    """No key is good any more."""
    store = await open_store(f"sqlite:///{folder}/data/phoneagent.db")
    for key in await store.keys.list():
        await store.keys.revoke(key.id)
    await store.close()
