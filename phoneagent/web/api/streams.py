"""Streams of server-sent events: what happens, as long as somebody watches."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

from starlette.responses import StreamingResponse
from starlette.types import Send

from phoneagent.calls.changes import Watch
from phoneagent.web.access.stays import Forbidden
from phoneagent.web.drain import Drain

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 10.0  # something is sent, if only to say that the stream goes on
UNREAD_S = 30.0  # who reads nothing for so long is gone
NOT_READY_S = 0.02
# an event, because pages learn nothing of comments; without an id, because there is nothing to go on from
ALIVE = b"event: beat\ndata:\n\n"


class EventStream(StreamingResponse):
    """Sends a watcher what is to be seen, until that is all, they go, may not watch any longer, or the service ends."""

    media_type = "text/event-stream"

    def __init__(self, watching: AbstractContextManager[Watch], drain: Drain, forbidden: Forbidden) -> None:
        """`watching` begins when the response does, and ends with it."""
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._watching = watching
        self._drain = drain
        self._forbidden = forbidden

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        forbidden = asyncio.ensure_future(self._forbidden())
        try:
            with self._watching as watch:
                async for events in self._events(watch, forbidden):
                    async with asyncio.timeout(UNREAD_S):
                        await send({"type": "http.response.body", "body": events, "more_body": True})
        except TimeoutError:  # the server closes what has no end
            log.warning("a watcher is dropped: they do not read")
        else:
            await send({"type": "http.response.body", "body": b""})
        finally:
            forbidden.cancel()

    async def _events(self, watch: Watch, forbidden: asyncio.Future[None]) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        said = clock()
        begun = False
        while not self._drain.over and not forbidden.done():
            now = clock()
            if events := watch.look():
                begun = True
            elif now - said >= ALIVE_EVERY_S:
                events = ALIVE
            if events:
                said = now
                yield events
            if watch.over:
                return
            # not all at the same time, or the calls would have to wait for all of them
            await asyncio.sleep(watch.every_s * random.uniform(0.8, 1.2) if begun else NOT_READY_S)  # noqa: S311
