"""`/media-stream` as a plain ASGI route, for servers that know no picows, and for test clients."""

from __future__ import annotations

import asyncio
import logging

from fastapi import WebSocket, WebSocketDisconnect

from phoneagent.twilio.leg import WRITE_LIMIT, Admit, MediaStream
from phoneagent.web.guard import Guard, RequestHead

log = logging.getLogger(__name__)


class AsgiSocket:
    """A `MediaSocket` on ASGI, where sending waits: messages queue here, up to what a peer may leave unread."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._queue: asyncio.Queue[str | int] = asyncio.Queue()  # messages, and the close code at last
        self._queued = 0
        self._overflowed = asyncio.Event()

    def send(self, message: str) -> None:
        self._queued += len(message)
        if self._queued > WRITE_LIMIT:
            self._overflowed.set()
        else:
            self._queue.put_nowait(message)

    def close(self, code: int) -> None:
        self._queue.put_nowait(code)

    async def write(self) -> None:
        """Send what is queued, until the socket is closed."""
        while isinstance(message := await self._queue.get(), str):
            await self._websocket.send_text(message)
            self._queued -= len(message)
        await self._websocket.close(message)

    async def read(self, stream: MediaStream) -> None:
        """Tell the stream what is received, until the peer is gone."""
        while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
            if (text := message.get("text")) is not None:
                stream.received(text)
            else:
                stream.received_binary()

    async def overflow(self) -> None:
        """Wait until the peer has left too much unread."""
        await self._overflowed.wait()
        log.warning("media stream dropped: the peer does not read")


async def serve_media(websocket: WebSocket, guard: Guard, admit: Admit) -> None:
    """Serve one media stream from its upgrade to its end. An upgrade that is refused gets HTTP 403."""
    if not guard.upgrade(RequestHead.of(websocket.scope)):
        await websocket.close()  # before accept, which makes it the 403
        return
    await websocket.accept()
    socket = AsgiSocket(websocket)
    stream = MediaStream(socket, admit)
    ways_to_end = [asyncio.ensure_future(way) for way in (socket.read(stream), socket.write(), socket.overflow())]
    try:
        await asyncio.wait(ways_to_end, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways_to_end:
            way.cancel()
        results = await asyncio.gather(*ways_to_end, return_exceptions=True)
        stream.lost()
    for error in results:
        if isinstance(error, Exception) and not isinstance(error, (WebSocketDisconnect, RuntimeError)):
            raise error
