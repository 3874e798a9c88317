"""The server: uvicorn on one port, with picows for the media streams, and an end that waits for the callers."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from phoneagent.twilio.wire import MAX_MESSAGE
from phoneagent.web.drain import Drain
from phoneagent.web.guard import Guard
from phoneagent.web.lobby import Lobby
from phoneagent.web.ports import Switchboard
from phoneagent.web.protocol import Gate, GatedHttpProtocol

log = logging.getLogger(__name__)

GOODBYE_S = 10.0  # for calls that are told to end when the drain has taken too long
LAST_WORDS_S = 2.0  # after the last call: Twilio asks how to go on, and must find us
UNREAD_S = 2.0  # for those who have not read all that was sent to them, at the end of the service
LINGERS_TICKS = 50  # 5 s, in which who was shown out is to have read the rest


class DrainServer(uvicorn.Server):
    """A server that a first SIGTERM or SIGINT lets run until its calls are over, and a second one ends at once.

    Calls still open after `drain_s` are told to end. uvicorn's own way is to close every socket at once, and to
    raise the signal again; after a drain the process can exit with 0.
    """

    def __init__(
        self, config: uvicorn.Config, switchboard: Switchboard, drain: Drain, drain_s: float, *, signals: bool
    ) -> None:
        super().__init__(config)
        self._signals = signals
        self._switchboard = switchboard
        self._drain = drain
        self._drain_s = drain_s
        self._deadline: float | None = None
        self._last_open = float("-inf")
        self._ending = False
        self._lingering: set[asyncio.Transport] = set()
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        with super().capture_signals() if self._signals else nullcontext():
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._drain.over = True
        hanging_up = asyncio.get_running_loop().call_later(UNREAD_S, self._hang_up_on_who_does_not_read)
        await super().shutdown(sockets)
        hanging_up.cancel()
        if self.force_exit:  # uvicorn leaves it out then, and the app's lifespan ends with a traceback in the log
            await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._drain.begun:
            self._drain.begun = True  # said at the next tick: a signal may come in the middle of a log line
            if self._switchboard.open_calls:
                self._last_open = time.monotonic()
        else:
            self.force_exit = True
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._drain.begun:
            self._check_drain(time.monotonic())
        if counter % LINGERS_TICKS == 0:
            self._hang_up_on_who_lingers()
        return await super().on_tick(counter)

    # A socket that is closed stays until its peer has read what was sent, which may be never.

    def _hang_up_on_who_lingers(self) -> None:
        closing = {transport for transport in self._transports if transport.is_closing()}
        for transport in closing & self._lingering:
            transport.abort()
        self._lingering = closing - self._lingering

    def _hang_up_on_who_does_not_read(self) -> None:
        for transport in self._transports:
            if transport.get_write_buffer_size():
                transport.abort()

    @property
    def _transports(self) -> list[asyncio.Transport]:
        return [connection.transport for connection in self.server_state.connections]

    def _check_drain(self, now: float) -> None:
        if self._deadline is None:
            self._deadline = now + self._drain_s
            log.info("draining: no new calls", extra={"open_calls": self._switchboard.open_calls})
        if self._switchboard.open_calls:
            self._last_open = now
            if now >= self._deadline + GOODBYE_S:
                self.should_exit = True
            elif now >= self._deadline and not self._ending:
                self._ending = True
                log.warning("drain time is over: ending calls", extra={"open_calls": self._switchboard.open_calls})
                self._switchboard.end_calls("the service is shutting down")
        elif now >= self._last_open + LAST_WORDS_S:
            self.should_exit = True


def create_server(
    app: FastAPI,
    switchboard: Switchboard,
    guard: Guard,
    drain: Drain,
    *,
    host: str,
    port: int,
    drain_s: float,
    signals: bool = True,
) -> DrainServer:
    """The server for an app of `create_app`, to which switchboard, guard and drain belong too.

    `signals`: whether SIGTERM and SIGINT are the server's, or whoever else runs in this process has them.
    Run it with `run()`, or `await serve()` on a loop of your own; logging is left as it is.
    """
    logging.getLogger("picows").setLevel(logging.WARNING)  # it tells of every connection
    protocol = partial(GatedHttpProtocol, Gate(guard, switchboard.admit, Lobby()))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=cast(Any, protocol),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,  # a few bytes would become megabytes; Twilio does not ask for it
        proxy_headers=False,  # what they say is anybody's to choose, so nothing here depends on it
        server_header=False,
        access_log=False,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=5,
    )
    return DrainServer(config, switchboard, drain, drain_s, signals=signals)
