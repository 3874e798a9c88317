"""What the tests of the API share: the app as it is served, on a database with calls in it, and clients with keys."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from phoneagent.calls.browser import BrowserCall, BrowserRefusedError
from phoneagent.core.records import Entry, RecordingKept
from phoneagent.records.erasure import delete_calls
from phoneagent.records.files import Files
from phoneagent.store.blobs import Blobs
from phoneagent.web.access.access import Access
from phoneagent.web.access.tickets import Tickets
from phoneagent.web.api import Backend, Telephone, create_api
from phoneagent.web.app import create_app
from phoneagent.web.drain import Drain
from phoneagent.web.guard import guard_for
from tests.calls.outbound import ADA, Office, office
from tests.web.service import PUBLIC_URL, Switchboard, board

WANTED = {"to": ADA, "agent": "sales"}
AUDIO = bytes(range(256)) * 1200  # more than one chunk


class Phones:
    """Places calls from browsers, unless it has a reason not to; what is written in them it keeps."""

    def __init__(self) -> None:
        self.refusal: BrowserRefusedError | None = None
        self.owners: dict[str, str] = {}
        self.dialled: list[tuple[str, str, str | None]] = []
        self.written: list[tuple[str, str]] = []
        self.watched: list[str] = []

    async def dial(self, owner: str, name: str, agent_name: str, source: str | None = None) -> BrowserCall:
        if self.refusal is not None:
            raise self.refusal
        self.dialled.append((name, agent_name, source))
        call_id = f"{len(self.dialled):032x}"
        self.owners[call_id] = owner
        return BrowserCall(call_id, f"CA{call_id}", f"MZ{call_id}", "a token")

    def write(self, owner: str, call_id: str, text: str) -> bool:
        if self.owners.get(call_id) != owner:
            return False
        self.written.append((call_id, text))
        return True

    async def hang_up_when(self, forbidden: Any, call_id: str) -> None:
        self.watched.append(call_id)


@dataclass
class Desk:
    """The API, and a client with a key to all of it."""

    http: httpx.AsyncClient
    office: Office
    drain: Drain
    app: FastAPI
    recordings: Path
    phones: Phones
    tickets: Tickets

    async def post(self, body: Any = WANTED, **headers: str) -> httpx.Response:
        """Have a call placed."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        return await self.http.post("/api/calls", content=content, headers=headers)

    async def keep(self, *entries: Entry) -> None:
        """Have this in the database."""
        await self.office.store.entries.apply("an instance", entries)

    async def record(self, call_id: str, name: str = "2026/11/21/c1.wav", audio: bytes = AUDIO) -> None:
        """Give a call a recording."""
        path = self.recordings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(audio)
        await self.keep(RecordingKept(call_id, name, 0.0, len(audio) / 1000, len(audio), sha256(audio).hexdigest()))

    async def key(self, *scopes: Any) -> dict[str, str]:
        """The header of a new key with these scopes."""
        _, key = await self.office.store.keys.create("test", scopes)
        return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def desk(folder: Path, *tokens: str, account: bool = True, peer: str = "127.0.0.1") -> AsyncIterator[Desk]:
    """The API over a database in the folder. `account` False: nobody can be called."""
    async with office(folder) as at_work:
        drain, store, recordings = Drain(), at_work.store, folder / "recordings"
        files = Blobs(recordings)
        access = Access(store.users, store.sessions, store.passwords, store.audit, PUBLIC_URL)
        api = create_api(
            Backend(
                access,
                store,
                files,
                partial(delete_calls, store, Files(store.erasure, folder, files)),
                at_work.dialer if account else None,
                drain,
                Telephone(phones := Phones(), tickets := Tickets()),
                at_work.agents,
                "scripted",
                board(),
                Decimal(20),
            )
        )
        app = create_app(Switchboard(), PUBLIC_URL, guard_for(PUBLIC_URL, tokens), drain, site=api)
        transport = httpx.ASGITransport(app, client=(peer, 50_000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            desk_ = Desk(http, at_work, drain, app, recordings, phones, tickets)
            http.headers.update(await desk_.key("admin"))
            yield desk_


def said(response: httpx.Response, status: int, error: str, words: str = "") -> bool:
    """Whether the answer is this refusal."""
    body = response.json()
    assert (response.status_code, body["error"]) == (status, error), body
    assert words in body["message"], body
    return set(body) == {"error", "message"}
