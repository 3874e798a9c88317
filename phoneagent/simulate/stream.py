"""A phone line over a real WebSocket: the clock and the socket around the pure `Line`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from picows import WSHandshakeError as HandshakeError

from phoneagent.simulate.line import Line, Messages

_CONNECT_TIMEOUT_S = 5.0


class StreamError(Exception):
    """The stream could not be opened; the message begins with the number that Twilio's debugger would show."""


class MediaStreamClient(WSListener):
    """Plays a line's part on a WebSocket: each message is answered before the callback returns.

    `changed` is called after everything that happens. The socket is closed when the line has ended.
    """

    def __init__(self, line: Line, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self._line = line
        self._clock = clock
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = float("inf")
        self._fragments = bytearray()
        self._transport: WSTransport | None = None
        self.closed = self._loop.create_future()

    async def connect(self, url: str, headers: Mapping[str, str]) -> None:
        """Open the socket and begin the stream. Raises StreamError."""
        try:
            await ws_connect(
                lambda: self,
                url,
                extra_headers=headers,
                max_redirects=0,
                websocket_handshake_timeout=_CONNECT_TIMEOUT_S,
            )
        except HandshakeError as error:
            status = error.response.status.value if error.response else "no HTTP"
            raise StreamError(f"31920: the upgrade of {url} was answered with {status}, not 101") from error
        except TimeoutError as error:
            raise StreamError(f"31901: no answer from {url} within {_CONNECT_TIMEOUT_S:g} s") from error
        except (OSError, WSError) as error:
            raise StreamError(f"31902: cannot connect to {url}: {error}") from error

    def hang_up(self) -> None:
        """End the call from the phone's side, if it still runs."""
        if not self.closed.done():
            self._send(self._line.hang_up(self._clock()))

    def drop(self) -> None:
        """Break the connection off."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._send(self._line.open(self._clock()))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type == WSMsgType.BINARY:
            self._receive(frame.get_payload_as_bytes())
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._fragments += frame.get_payload_as_bytes()
            if frame.fin:
                text = self._fragments.decode(errors="replace")
                self._fragments.clear()
                self._receive(text)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._timer:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def _receive(self, message: str | bytes) -> None:
        self._send(self._line.receive(message, self._clock()))

    def _tick(self) -> None:
        self._timer, self._wake_at = None, float("inf")
        self._send(self._line.tick(self._clock()))

    def _send(self, messages: Messages) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        for message in messages:
            transport.send(WSMsgType.TEXT, message)
        if self._line.ended is not None:
            self._finish(transport)
        elif self._line.deadline < self._wake_at:
            self._wake_at = self._line.deadline
            if self._timer:
                self._timer.cancel()
            self._timer = self._loop.call_later(max(0.0, self._wake_at - self._clock()), self._tick)
        self._changed()

    def _finish(self, transport: WSTransport) -> None:
        if self._line.ended == "dropped":
            transport.disconnect(graceful=False)
        else:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
