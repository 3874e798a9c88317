"""A server of the Realtime protocol on loopback: the sockets that scripted and talking models share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import orjson
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from phoneagent.simulate.realtime_events import CLIENT_EVENTS, error


class RealtimeSession(WSListener):
    """One client's connection. `model` and `headers` are of its upgrade request."""

    def __init__(self, request: WSUpgradeRequest) -> None:
        path = request.path.decode()
        self.model = path.partition("model=")[2].partition("&")[0]
        self.headers = dict(request.headers)
        self.closed = asyncio.get_running_loop().create_future()
        self.transport: WSTransport | None = None

    def began(self) -> None:
        """The connection is open."""

    def receive(self, event: dict[str, Any]) -> None:
        """An event of the client."""

    def send(self, event: dict[str, Any]) -> None:
        """Send an event, unless the client is gone."""
        self.send_json(orjson.dumps(event))

    def send_json(self, event: bytes) -> None:
        """Send an event that is JSON already."""
        if self.transport is not None and not self.closed.done():
            self.transport.send(WSMsgType.TEXT, event)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Close the connection with a code; None breaks it off."""
        if self.transport is None or self.closed.done():
            return
        if code is not None:
            self.transport.send_close(code, reason.encode())  # type: ignore[arg-type]
        self.transport.disconnect(graceful=code is not None)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.began()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._read(frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def _read(self, text: memoryview) -> None:
        try:
            event = orjson.loads(text)
        except orjson.JSONDecodeError:
            self.send(error("invalid_json", "We could not parse the JSON body."))
            return
        kind = event.get("type") if isinstance(event, dict) else None
        if kind in CLIENT_EVENTS:
            self.receive(event)
        else:
            self.send(error("invalid_value", f"Invalid value: {kind!r}.", param="type"))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


S = TypeVar("S", bound=RealtimeSession)


class RealtimeServer(Generic[S]):
    """Listens on a free port of 127.0.0.1 while its `async with` lasts; `url` is what OPENAI_BASE_URL would be.

    `sessions` holds every session there ever was, in the order of their upgrades. `refuse` is an HTTP status to
    answer upgrades with instead of accepting them, 401 for instance. With an `ssl_context` it speaks TLS.
    """

    def __init__(
        self,
        make_session: Callable[[WSUpgradeRequest, int], S],
        *,
        port: int = 0,
        refuse: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.sessions: list[S] = []
        self.url = ""
        self._make_session = make_session
        self._port = port
        self._refuse = refuse
        self._ssl_context = ssl_context
        self._server: asyncio.Server | None = None
        self._arrived: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> Self:
        self._server = await ws_create_server(
            self._accept, "127.0.0.1", self._port, backlog=1024, ssl=self._ssl_context
        )
        scheme = "https" if self._ssl_context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for session in self.sessions:
            session.close(1001)

    async def session(self, number: int = 0, timeout_s: float = 30.0) -> S:
        """The session that came `number`-th, from 0, as soon as there is one. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self.sessions) <= number:
                arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._arrived.append(arrived)
                await arrived
        return self.sessions[number]

    @property
    def open_sessions(self) -> int:
        """How many sessions have not been closed yet."""
        return sum(not session.closed.done() for session in self.sessions)

    def _accept(self, request: WSUpgradeRequest) -> S | WSUpgradeResponseWithListener:
        if self._refuse is not None:
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(self._refuse), None)
        if request.path.partition(b"?")[0] != b"/v1/realtime":
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(404), None)
        session = self._make_session(request, len(self.sessions))
        self.sessions.append(session)
        for waiting in self._arrived:
            if not waiting.done():
                waiting.set_result(None)
        self._arrived.clear()
        return session
