"""Listening in, and talking to the caller in the agent's place: over real sockets, with the fake phone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from phoneagent.calls.closeup import CloseUp
from phoneagent.calls.listening import MOST_LISTENERS
from phoneagent.simulate.realtime_events import Speech, response
from phoneagent.store import open_store
from phoneagent.web.access import stays, tickets
from phoneagent.web.access.principal import Principal
from phoneagent.web.access.tickets import Holder
from phoneagent.web.api import operator_socket
from phoneagent.web.api.operator_socket import OperatorSocket
from tests.web.api.story import OnTheLine, story
from tests.web.api.watching import WITHIN_S, client, revoke_keys

pytestmark = pytest.mark.usefixtures("patient_with_operators")

AGENT, OPERATOR = 0x55, 0x21  # sounds


@dataclass
class Ear:
    """Somebody with an audio socket: what they heard, and were told."""

    socket: ClientConnection
    frames: list[bytes] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    closed: int | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def caller(self) -> bytes:
        return b"".join(frame[:160] for frame in self.frames)

    @property
    def agent(self) -> bytes:
        return b"".join(frame[160:] for frame in self.frames)

    async def read(self) -> None:
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.frames.append(message)
                else:
                    self.told.append(json.loads(message))
                self._changed.set()
        finally:
            self.closed = self.socket.close_code
            self._changed.set()

    async def until(self, condition: Callable[[Ear], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not condition(self):
                await self._changed.wait()
                self._changed.clear()

    async def asks(self, what: str) -> dict[str, Any]:
        """What the answer is."""
        before = len(self.told)
        await self.socket.send(json.dumps({"do": what}))
        await self.until(lambda ear: len(ear.told) > before)
        return self.told[before]

    async def says(self, ms: int) -> None:
        for _ in range(ms // 20):
            await self.socket.send(bytes([OPERATOR]) * 160)
            await asyncio.sleep(0.02)


async def ticket(http: httpx.AsyncClient, call_id: str) -> str:
    response = await http.post(f"/api/calls/{call_id}/audio")
    assert response.status_code == 201, response.text
    assert response.json()["expires_s"] == 30
    return str(response.json()["url"])


@asynccontextmanager
async def listening(
    told: OnTheLine, url: str | None = None, http: httpx.AsyncClient | None = None, **headers: str
) -> AsyncIterator[Ear]:
    path = url or await ticket(http or told.http, told.call_id)
    address = told.service.url.replace("http", "ws") + path
    async with websockets.connect(address, additional_headers=headers, proxy=None) as socket:
        ear = Ear(socket)
        reading = asyncio.create_task(ear.read())
        try:
            await ear.until(lambda ear: ear.told)
            yield ear
        finally:
            reading.cancel()


async def refused(told: OnTheLine, url: str, **headers: str) -> bool:
    try:
        async with listening(told, url, **headers):
            return False
    except websockets.InvalidStatus as error:
        return error.response.status_code == 403


async def test_both_sides_are_heard_as_the_caller_hears_them(tmp_path: Path):
    async with story(tmp_path, words=3000 * "x") as told, listening(told) as ear:
        await ear.until(lambda ear: len(ear.caller) - ear.caller.count(0xFF) > 1600)
        began = time.monotonic()
        told.session.emit(*response(Speech("We are open from eight to six.", ms=40_000)))
        await ear.until(lambda ear: AGENT in ear.agent)
        heard_s = ear.agent.count(AGENT) / 8000
        assert heard_s <= time.monotonic() - began + 0.1  # all of it has been sent; what was heard is a matter of time
        told.session.interrupt()
        await told.call.until(lambda record: record.line.clears)
        await told.end()
        await ear.until(lambda ear: ear.closed)
        assert ear.told[0] == {"event": "ready"}
        assert ear.told[-1] == {"event": "over"}
        assert ear.closed == 1000
        line = told.call.record.line
        played = sum(chunk.length for chunk in line.playout.chunks)
        assert abs(ear.agent.count(AGENT) - played) < 0.3 * 8000
        assert all(len(frame) == 320 for frame in ear.frames)


async def test_an_operator_talks_to_the_caller_until_they_are_gone(tmp_path: Path):
    async with story(tmp_path) as told, client(told.service, tmp_path) as other, listening(told, http=other) as second:
        async with listening(told) as first:
            assert await first.asks("take_over") == {"event": "taken_over", "by": "Grace", "mine": True}
            await second.until(lambda ear: {"event": "taken_over", "by": "Grace", "mine": False} in ear.told)
            assert await second.asks("take_over") == {"event": "refused", "reason": "taken", "by": "Grace"}
            assert (await second.asks("hand_back"))["event"] == "refused"
            await first.says(400)
            await second.until(lambda ear: ear.agent.count(OPERATOR) > (400 - 120) * 8)
            await second.says(100)  # which nobody hears who has not taken the call over
        await second.until(lambda ear: {"event": "handed_back", "by": "Grace"} in ear.told)
        assert (await second.asks("take_over"))["mine"]
        assert (await second.asks("hand_back")) == {"event": "handed_back", "by": "Grace"}
        await told.end()
        chunks = told.call.record.line.playout.chunks
        assert sum(chunk.audio.count(OPERATOR) for chunk in chunks) == pytest.approx(400 * 8, abs=120 * 8)
        store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
        deeds = [(deed.action, deed.actor, deed.kind, deed.call_id) for deed in (await store.audit.page()).deeds]
        await store.close()
        assert {action for action, *_ in deeds} == {"call.listen", "call.take_over", "call.hand_back"}
        assert {tuple(rest) for _, *rest in deeds} == {("Grace", "key", told.call_id)}


async def test_a_call_that_ends_is_not_handed_back(tmp_path: Path):
    async with story(tmp_path) as told, listening(told) as ear:
        mine = await ear.asks("take_over")
        await told.end()
        await ear.until(lambda ear: ear.closed)
        assert ear.told == [{"event": "ready"}, mine, {"event": "over"}]


async def test_whoever_has_the_call_and_is_not_heard_any_more_loses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(operator_socket, "MUTE_S", 0.1)
    async with story(tmp_path) as told, listening(told) as ear:
        await ear.asks("take_over")
        await ear.until(lambda ear: {"event": "handed_back", "by": "Grace"} in ear.told)


async def test_a_ticket_is_good_once_for_its_call_and_from_our_own_pages(tmp_path: Path):
    async with story(tmp_path) as told:
        url = await ticket(told.http, told.call_id)
        async with listening(told, url):
            assert await refused(told, url)
        assert await refused(told, (await ticket(told.http, told.call_id)).replace(told.call_id, "0" * 32))
        assert await refused(told, await ticket(told.http, told.call_id), Origin="https://elsewhere.example")
        assert await refused(told, f"/api/calls/{told.call_id}/audio")
        assert await refused(told, f"/api/calls/{told.call_id}/audio?ticket=x")
        async with listening(told, await ticket(told.http, told.call_id), Origin=told.service.url) as ear:
            await ear.until(lambda ear: ear.told)
        assert (await told.http.post(f"/api/calls/{'0' * 32}/audio")).json()["error"] == "unknown_call"
        url = await ticket(told.http, told.call_id)
        await told.end()
        assert await refused(told, url)


@pytest.mark.parametrize(
    ("message", "code"),
    [(b"x" * 159, 1007), (b"x" * 320, 1007), (b"", 1007), ("{", 1007), ("[]", 1007), ('{"do": "dance"}', 1007)],
)
async def test_what_is_not_understood_closes_the_socket(tmp_path: Path, message: bytes | str, code: int):
    async with story(tmp_path) as told, listening(told) as ear:
        await ear.socket.send(message)
        await ear.until(lambda ear: ear.closed)
        assert ear.closed == code


@pytest.mark.parametrize("message", [bytes([OPERATOR]) * 160, '{"do": "hand_back"}'])
async def test_nobody_speaks_faster_than_time_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: bytes | str
):
    monkeypatch.setattr(operator_socket, "BURST_S", 1.0)
    async with story(tmp_path) as told, listening(told) as ear:
        for _ in range(200):
            await ear.socket.send(message)
        await ear.until(lambda ear: ear.closed)
        assert ear.closed == 1008


async def test_whose_key_is_revoked_hears_no_more_and_hands_the_call_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stays, "CHECKED_EVERY_S", 0.1)
    async with story(tmp_path) as told, listening(told) as ear:
        await ear.asks("take_over")
        await revoke_keys(tmp_path)
        await ear.until(lambda ear: ear.closed)
        assert ear.closed == 1008
        [call] = told.service.switchboard.live_calls_now
        assert call.operators.taken_over_by is None


async def test_only_so_many_listen_to_a_call(tmp_path: Path):
    async with story(tmp_path) as told, AsyncExitStack() as stack:
        for _ in range(MOST_LISTENERS):
            await stack.enter_async_context(listening(told))
        async with listening(told) as late:
            await late.until(lambda ear: ear.closed)
            assert late.told == [{"event": "refused", "reason": "full", "by": None}]
            assert late.closed == 1013


async def test_a_ticket_is_good_for_half_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with story(tmp_path) as told:
        monkeypatch.setattr(tickets, "LIFETIME_S", 0.0)
        assert await refused(told, await ticket(told.http, told.call_id))


class Unread:
    """A WebSocket whose peer asks for the call, and then reads nothing."""

    def __init__(self) -> None:
        self.code: int | None = None
        self._messages = ['{"do": "take_over"}']

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            await asyncio.Event().wait()
        return {"type": "websocket.receive", "text": self._messages.pop()}

    async def send_text(self, text: str) -> None:
        await asyncio.Event().wait()

    async def close(self, code: int) -> None:
        self.code = code


async def test_who_does_not_read_is_shown_out_and_hands_the_call_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(operator_socket, "MOST_UNSENT", 100)
    async with story(tmp_path) as told:
        [call] = told.service.switchboard.live_calls_now
        await told.call.until(lambda record: call.glance().state == "talking")
        websocket, noted = Unread(), []

        async def note(action: str) -> None:
            noted.append(action)

        holder = Holder(Principal("user", "7", "Ada", frozenset({"call"})), told.call_id)
        listener = OperatorSocket(websocket, call.operators, holder, note)
        close_up = CloseUp(call)
        leave = close_up.listening.join(listener)
        async with asyncio.timeout(WITHIN_S):
            await listener.serve()
        leave()
        assert websocket.code == 1008
        assert noted == ["call.listen", "call.take_over", "call.hand_back"]
        assert call.operators.taken_over_by is None


class Gone(Unread):
    """One whose peer is gone at once."""

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.disconnect"}


async def test_what_is_done_stands_in_the_audit_log_though_they_are_gone_before_it_is_written(tmp_path: Path):
    async with story(tmp_path) as told:
        [call] = told.service.switchboard.live_calls_now
        noted = []

        async def note(action: str) -> None:
            await told.http.get("/api/account")  # it takes a while
            noted.append(action)

        holder = Holder(Principal("user", "7", "Ada", frozenset({"call"})), told.call_id)
        async with asyncio.timeout(WITHIN_S):
            await OperatorSocket(Gone(), call.operators, holder, note).serve()
        assert noted == ["call.listen"]
