"""uvicorn's HTTP protocol with two doors added: time limits for those who say nothing, picows for media streams."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from picows import WSAutoPingStrategy, WSTransport, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from phoneagent.twilio.leg import Admit, MediaStream, PicowsLeg, Receive
from phoneagent.twilio.wire import MAX_MESSAGE, StreamOpening
from phoneagent.web.guard import Guard, RequestHead
from phoneagent.web.lobby import Guest, Lobby

MEDIA_PATHS = (b"/media-stream", b"/media-stream/")
HEAD_WITHIN_S = 5.0
MAX_HEAD = 32 * 1024  # bytes
PING_AFTER_S = PONG_WITHIN_S = 10.0  # without a message, where a caller's frames come 50 times a second
READ_BUFFER = 4096  # bytes, one per call; it grows where needed
_PICOWS_LOG = logging.getLogger("picows.server")


@dataclass(frozen=True, slots=True)
class Gate:
    """What decides about a connection: whether it may wait, whether it is served, which call it belongs to."""

    guard: Guard
    admit: Admit
    lobby: Lobby


class GatedHttpProtocol(HttpToolsProtocol):
    """HTTP, where a request's head must come within 5 s, and where `/media-stream` is handed over to picows.

    Handing over here, and not in uvicorn's `ws=` class, keeps the request's parts at hand and needs no second
    switch of protocols. All other upgrades go to uvicorn's usual class.
    """

    def __init__(
        self,
        gate: Gate,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gate = gate
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._guest: Guest

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Head and body are two writes. asyncio sees to this only for sockets that were made with IPPROTO_TCP.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._guest = self._gate.lobby.enter(self._peer, transport.abort)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None:  # the head goes on
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD and not self.transport.is_closing():
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._answered and self.timeout_keep_alive_task is None:
            # What is still to come of a body that nobody reads, or an empty line: it has stopped uvicorn's own timer.
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:  # a further request of this connection
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_done()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        path, _, query = self.url.partition(b"?")
        if path not in MEDIA_PATHS or self.scope["method"] != "GET":
            super().handle_websocket_upgrade()
            if not self.transport.get_protocol().handshake_initiated:  # type: ignore[attr-defined]
                self._refuse(HTTPStatus.BAD_REQUEST)  # uvicorn would leave open what is no handshake
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        if self._gate.guard.upgrade(RequestHead(self._peer, path.decode(), query.decode("latin-1"), headers)):
            self._hand_over(path, headers)
        else:
            self._refuse(HTTPStatus.FORBIDDEN)

    @property
    def _answered(self) -> bool:
        """Whether the latest request has its answer, and the connection still speaks HTTP."""
        speaks_http = self.transport.get_protocol() is self
        return speaks_http and self.cycle is not None and self.cycle.response_complete

    @property
    def _peer(self) -> str | None:
        return self.client[0] if self.client else None

    def _hand_over(self, path: bytes, headers: dict[str, str]) -> None:
        self.connections.discard(self)
        protocol = _picows_protocol(lambda request: _WaitingLeg(self._gate, self._peer))
        protocol.connection_made(self.transport)
        # Only what picows needs of the head, in the one form that it takes: a browser's
        # `Connection: keep-alive, Upgrade` is as good as any.
        head = (
            b"GET %b HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: %b\r\nSec-WebSocket-Key: %b\r\n\r\n"
        ) % (
            path,
            headers.get("sec-websocket-version", "").encode("latin-1"),
            headers.get("sec-websocket-key", "").encode("latin-1"),
        )
        protocol.get_buffer(len(head))[: len(head)] = head
        protocol.buffer_updated(len(head))
        self.transport.set_protocol(protocol)

    def _refuse(self, status: HTTPStatus) -> None:
        body = f"{status.phrase}\n".encode()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (status.value, status.phrase.encode(), len(body), body)
        )
        self.transport.close()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)

    def _head_done(self) -> None:
        self._gate.lobby.leave(self._guest)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _WaitingLeg(PicowsLeg):
    """A media stream that waits in the lobby until its `start`."""

    def __init__(self, gate: Gate, peer: str | None) -> None:
        super().__init__(self._admit_and_leave)
        self._gate = gate
        self._peer = peer
        self._guest: Guest

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._guest = self._gate.lobby.enter(self._peer, transport.underlying_transport.abort)
        super().on_ws_connected(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._gate.lobby.leave(self._guest)
        super().on_ws_disconnected(transport)

    def _admit_and_leave(self, opening: StreamOpening, stream: MediaStream) -> Receive | None:
        self._gate.lobby.leave(self._guest)
        return self._gate.admit(opening, stream)


def _picows_protocol(make_leg: Callable[[WSUpgradeRequest], PicowsLeg]) -> WSProtocol:
    """The protocol that `picows.ws_create_server` makes for each of its connections."""
    return WSProtocol(
        None,  # host and port, path: a client's
        None,
        False,  # is_client_side
        make_leg,
        _PICOWS_LOG,
        True,  # disconnect_on_exception
        HEAD_WITHIN_S,
        True,  # enable_auto_ping
        PING_AFTER_S,
        PONG_WITHIN_S,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        True,  # enable_auto_pong
        MAX_MESSAGE,
        None,  # extra_headers: a client's
        READ_BUFFER,
    )
