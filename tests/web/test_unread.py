"""Peers who never read what they are sent: they are dropped, and hold up nobody, least of all the service's end."""

import asyncio
import socket
from contextlib import asynccontextmanager

from phoneagent.web import server
from tests.web.service import WITHIN_S, serving

MUCH = bytes(16_000_000)  # more than the system takes for a peer


class Site:
    """Sends much, and then what it is told to."""

    def __init__(self, *, more: bool) -> None:
        self.more = more
        self.begun = asyncio.Event()

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": MUCH, "more_body": True})
        self.begun.set()
        if self.more:  # which waits until that was read
            await send({"type": "http.response.body", "body": b"more", "more_body": True})


@asynccontextmanager
async def somebody_who_never_reads(service):
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", service.port))
        await loop.sock_sendall(peer, b"GET /much HTTP/1.1\r\nHost: here\r\n\r\n")
        yield peer


async def test_who_was_shown_out_and_does_not_read_the_rest_is_hung_up_on(monkeypatch, caplog):
    monkeypatch.setattr(server, "LINGERS_TICKS", 2)
    site = Site(more=False)
    async with serving(api=site) as service, somebody_who_never_reads(service), asyncio.timeout(WITHIN_S):
        await site.begun.wait()
        while service.server.server_state.connections:  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)
    assert [record.message for record in caplog.records if record.name.startswith("uvicorn")] == [
        "ASGI callable returned without completing response."
    ]


async def test_the_service_ends_without_those_who_do_not_read(monkeypatch, caplog):
    monkeypatch.setattr(server, "UNREAD_S", 0.1)
    site = Site(more=True)
    async with serving(api=site) as service, somebody_who_never_reads(service):
        await asyncio.wait_for(site.begun.wait(), WITHIN_S)
        service.server.should_exit = True
        await asyncio.wait_for(asyncio.shield(service.done), WITHIN_S)
    assert not [record.message for record in caplog.records if "timeout graceful shutdown" in record.getMessage()]
