"""A Realtime server of a few lines, on a real socket: what it says is up to the test."""

from __future__ import annotations

import asyncio
import http
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from phoneagent.core.events import Event


class Peer:
    """The server's side of one session."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.path = socket.request.path if socket.request else ""
        self.headers = socket.request.headers if socket.request else {}

    async def says(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, "event_id": "event_1", **fields}))

    async def hears(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def greets(self) -> dict[str, Any]:
        """session.created; returns the session that the client then asks for."""
        await self.says("session.created", session={"type": "realtime", "id": "sess_1", "expires_at": 1_790_000_000})
        update = await self.hears()
        assert update["type"] == "session.update"
        session: dict[str, Any] = update["session"]
        return session

    async def accepts(self) -> dict[str, Any]:
        """The whole opening, as it goes when all is well."""
        session = await self.greets()
        await self.says("session.updated", session={**session, "id": "sess_1"})
        return session

    async def refuses(self, code: str, message: str, param: str | None = None) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": param}
        await self.says("error", error={**error, "event_id": "configure"})


class Hold:
    """A server that takes connections and doesn't answer them until it is released."""

    def __init__(self) -> None:
        self.count = 0
        self.reached, self.released = asyncio.Event(), asyncio.Event()


@asynccontextmanager
async def realtime_server(
    conversation: Callable[[Peer], Awaitable[None]],
    *,
    status: int | None = None,
    body: str = "",
    headers: Mapping[str, str] | None = None,
    hold: Hold | None = None,
) -> AsyncIterator[str]:
    """The base URL of a server that holds `conversation`, answers upgrades with `status`, or is on hold."""

    async def answer(connection: ServerConnection, request: Request) -> Response | None:
        if hold is not None:
            hold.count += 1
            hold.reached.set()
            await hold.released.wait()
        if status is None:
            return None
        response = connection.respond(http.HTTPStatus(status), body)
        response.headers.update(headers or {})
        return response

    async def talk(socket: ServerConnection) -> None:
        await conversation(Peer(socket))

    async with serve(talk, "127.0.0.1", 0, process_request=answer, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"


class Call:
    """The call's side: what the session told it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Event()

    def receive(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def is_told(self, kind: type[Any]) -> Any:
        """The first event of a kind, as soon as it is there."""
        async with asyncio.timeout(30):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        return event
                self._news.clear()
                await self._news.wait()
