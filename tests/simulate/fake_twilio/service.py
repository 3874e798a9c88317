"""A service of documents for the fake Twilio to run, and Twilio's own client to talk to it with."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from phoneagent.simulate.fake_twilio import FakeTwilio
from phoneagent.twilio.signature import SignatureCheck

TOKEN = "12345"
OURS = "+15550100"
CALLER = "+15550199"
HUMAN = "+15550111"

STREAM = '<Connect action="{http}/after"><Stream url="{ws}/media-stream"/></Connect>'


@dataclass
class Service:
    """Answers each path with its document, in which {http} and {ws} are its own origins; everything is a POST."""

    documents: dict[str, str] = field(default_factory=dict)
    url: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    streamed: list[list[str]] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)

    def asked(self, path: str) -> list[dict[str, str]]:
        """The forms of the requests for a path."""
        return [form for one, form in self.requests if one == path]

    def document(self, body: str) -> str:
        """A document of these verbs."""
        origins = {"{http}": self.url, "{ws}": "ws" + self.url.removeprefix("http")}
        for name, origin in origins.items():
            body = body.replace(name, origin)
        return f"<Response>{body}</Response>"

    async def webhook(self, request: Request) -> Response:
        form = await request.form()
        path, query = request.url.path, request.url.query
        check = SignatureCheck(self.url, [TOKEN])
        if not check.webhook(path, query, form, request.headers.get("x-twilio-signature")):  # type: ignore[arg-type]
            self.unsigned.append(path)
        self.requests.append((path, {name: str(value) for name, value in form.items()}))
        if path not in self.documents:
            return Response(status_code=204)
        return Response(self.document(self.documents[path]), media_type="text/xml")

    async def stream(self, websocket: WebSocket) -> None:
        await websocket.accept()
        events: list[str] = []
        self.streamed.append(events)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                events.append((await websocket.receive_json())["event"])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        routes = [
            WebSocketRoute("/media-stream", self.stream),
            Route("/{path:path}", self.webhook, methods=["POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        task = asyncio.create_task(server._serve([listening]))
        try:
            yield self
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def telephony(
    documents: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[tuple[FakeTwilio, Service]]:
    """A fake Twilio whose number is answered by a service of documents."""
    service = Service(documents or {})
    options = {"rng": random.Random(1), "auth_token": TOKEN, "speed": 10.0, **options}
    async with service.running(), FakeTwilio(**options) as twilio:
        twilio.serves(service.url)
        twilio.number(OURS)
        yield twilio, service
    assert not service.unsigned


class _Http(TwilioHttpClient):  # type: ignore[misc]
    def __init__(self, api_url: str, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s)
        self._api = urlsplit(api_url)

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        moved = urlsplit(url)._replace(scheme=self._api.scheme, netloc=self._api.netloc)
        return super().request(method, moved.geturl(), *args, **options)


def client_of(
    twilio: FakeTwilio, username: str | None = None, password: str = TOKEN, timeout_s: float = 30.0
) -> Client:
    """Twilio's own client, which finds the API at the fake one."""
    http = _Http(twilio.api_url, timeout_s)
    return Client(username or twilio.account_sid, password, twilio.account_sid, http_client=http)


async def ask(request: Callable[[], Any]) -> Any:
    """Do what blocks, as Twilio's client does, in a thread."""
    return await asyncio.to_thread(request)
