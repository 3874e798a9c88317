"""The smallest service that a phone can call: fixed TwiML, and a coroutine for the media stream."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

Conversation = Callable[[WebSocket], Awaitable[None]]


@dataclass
class TinyService:
    """Answers /incoming and /after with the given documents; `{origin}` in them is its own ws:// origin."""

    incoming: str
    after: str = "<Response><Hangup/></Response>"
    conversation: Conversation | None = None
    status: int = 200
    url: str = ""
    queries: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    async def webhook(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.requests.append((request.url.path, dict(request.headers), form))
        self.queries.append(request.url.query)
        document = self.incoming if request.url.path == "/incoming" else self.after
        document = document.replace("{origin}", "ws" + self.url.removeprefix("http"))
        return Response(document, self.status, media_type="text/xml")

    async def stream(self, websocket: WebSocket) -> None:
        self.requests.append((websocket.url.path, dict(websocket.headers), {}))
        if self.conversation is None:
            await websocket.close()
            return
        await websocket.accept()
        await self.conversation(websocket)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[TinyService]:
        routes = [
            Route("/incoming", self.webhook, methods=["POST"]),
            Route("/after", self.webhook, methods=["POST", "GET"]),
            WebSocketRoute("/media-stream", self.stream),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))  # callers wait in its backlog until uvicorn is up
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        task = asyncio.create_task(server._serve([listening]))  # serve() would take the signals of the tests
        try:
            yield self
        finally:
            server.should_exit = True
            await task
