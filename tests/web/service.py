"""The real server on a free port, with a switchboard that writes down what happens."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import uvicorn
import websockets
from fastapi import APIRouter
from websockets.typing import Origin

from phoneagent.calls.board import Board
from phoneagent.calls.runner import CallRunner
from phoneagent.calls.views import ServiceView
from phoneagent.core.commands import ClearPlayout, PlayAudio, SendMark
from phoneagent.core.events import CallerAudio, DigitPressed, Event, StreamEnded
from phoneagent.tls import trusted
from phoneagent.twilio.documents import Document
from phoneagent.twilio.leg import MediaStream
from phoneagent.twilio.signature import sign
from phoneagent.twilio.tokens import StreamTokens
from phoneagent.twilio.webhook import Answer, Connect, Ending, IncomingCall, Refuse
from phoneagent.twilio.wire import StreamOpening
from phoneagent.web.access.principal import Principal
from phoneagent.web.access.tickets import Holder, Tickets
from phoneagent.web.app import create_app
from phoneagent.web.drain import Drain
from phoneagent.web.guard import Guard, guard_for
from phoneagent.web.server import create_server

TOKEN = "12345"
PUBLIC_URL = "https://phone.example"
CALL_SID = "CA" + "0" * 32
STREAM_SID = "MZ" + "0" * 32
FORM = {
    "CallSid": CALL_SID,
    "AccountSid": "AC" + "0" * 32,
    "From": "+15551230000",
    "To": "+15550100",
    "Direction": "inbound",
    "CallerName": "",
}
FRAME = "/" * 216  # 20 ms of silence
WITHIN_S = 30


class Switchboard:
    """Answers every call, and echoes: each frame is played, each digit marked, `*` clears, `#` closes."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.tokens = StreamTokens(clock=lambda: self.clock)
        self.answers: dict[str, Answer] = {}
        self.legs: dict[str, MediaStream] = {}
        self.events: list[Event] = []
        self.ended = asyncio.Event()
        self.reasons: list[str] = []
        self.questions: list[tuple[str, dict[str, str]]] = []
        self.news: list[tuple[str, dict[str, str]]] = []
        self.document: Document = Ending()
        self.told_to_end: list[str] = []

    @property
    def open_calls(self) -> int:
        return len(self.legs)

    @property
    def live_calls_now(self) -> tuple[CallRunner, ...]:
        return ()

    def recent_call(self, call_id: str) -> CallRunner | None:
        return None

    def live_call(self, call_id: str) -> CallRunner | None:
        return None

    def answer(self, call: IncomingCall, *, draining: bool) -> Answer:
        if draining:
            return Refuse("busy")
        if call.call_sid not in self.answers:
            self.answers[call.call_sid] = Connect(self.tokens.issue(call.call_sid), "Sorry.", "en")
        return self.answers[call.call_sid]

    def admit(self, opening: StreamOpening, leg: MediaStream) -> Any:
        if not self.tokens.redeem(opening.parameters.get("token", ""), opening.call_sid):
            return None
        self.legs[opening.call_sid] = leg

        def receive(event: Event) -> None:
            self.events.append(event)
            match event:
                case CallerAudio(audio):
                    leg.send(PlayAudio(audio))
                case DigitPressed("*"):
                    leg.send(ClearPlayout())
                case DigitPressed("#"):
                    leg.close()
                case DigitPressed(digit):
                    leg.send(SendMark(digit))
                case StreamEnded():
                    del self.legs[opening.call_sid]
                    self.ended.set()

        return receive

    def after_stream(self, params: Any) -> Document:
        return self.asked("stream-ended", params)

    def next(self, params: Any) -> Document:
        return self.asked("next", params)

    def transfer_ended(self, params: Any) -> Document:
        return self.asked("transfer-ended", params)

    def person_asks(self, question: str, params: Any) -> Document:
        return self.asked(question, params)

    def asked(self, question: str, params: Any) -> Document:
        self.questions.append((question, dict(params)))
        return self.document

    def person_news(self, news: str, params: Any) -> None:
        self.news.append((news, dict(params)))

    def status(self, params: Any) -> None:
        self.news.append(("status", dict(params)))

    def machine(self, params: Any) -> None:
        self.news.append(("machine", dict(params)))

    def reasons_not_ready(self) -> list[str]:
        return self.reasons

    def end_calls(self, reason: str) -> None:
        self.told_to_end.append(reason)
        for leg in list(self.legs.values()):
            leg.close()


@dataclass
class Service:
    port: int
    switchboard: Switchboard
    guard: Guard
    http: httpx.AsyncClient
    server: uvicorn.Server
    done: "asyncio.Task[None]" = field(repr=False)
    tickets: Tickets

    async def post(self, path: str, form: dict[str, str], token: str = TOKEN, **headers: str) -> httpx.Response:
        """A signed webhook."""
        signed = {"X-Twilio-Signature": sign(token, PUBLIC_URL + path, form), **headers}
        return await self.http.post(path, data=form, headers=signed)

    def upgrade(self, path: str = "/media-stream", **headers: str) -> Any:
        """A signed upgrade: `async with service.upgrade() as phone`."""
        signature = sign(TOKEN, "wss://phone.example" + path, {})
        return websockets.connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers={"X-Twilio-Signature": signature, **headers},
            user_agent_header="Twilio.TmeWs/1.0",
            compression=None,
            proxy=None,
        )

    def ticket(self) -> str:
        """One for a page of ours, whose visitor calls from the browser."""
        return self.tickets.issue(Holder(Principal("user", "7", "ada", frozenset({"call"})), CALL_SID))

    def from_browser(self, ticket: str, origin: str = PUBLIC_URL) -> Any:
        """The upgrade of a page, which can't sign."""
        url = f"ws://127.0.0.1:{self.port}/media-stream?ticket={ticket}"
        return websockets.connect(url, origin=Origin(origin), compression=None, proxy=None)

    def token(self, call_sid: str = CALL_SID) -> str:
        return self.switchboard.tokens.issue(call_sid)


@asynccontextmanager
async def serving(
    *,
    picows: bool = True,
    auth_tokens: tuple[str, ...] = (TOKEN,),
    drain_s: float = 60,
    api: APIRouter | None = None,
) -> AsyncIterator[Service]:
    """The service; without picows it is as another ASGI server would run it."""
    # asyncio turns Nagle's algorithm off only for sockets that are said to be TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    switchboard, drain, tickets = Switchboard(), Drain(), Tickets()
    guard = guard_for(PUBLIC_URL, auth_tokens, tickets)
    app = create_app(switchboard, PUBLIC_URL, guard, drain, site=api)
    server: uvicorn.Server
    if picows:
        server = create_server(app, switchboard, guard, drain, host="127.0.0.1", port=port, drain_s=drain_s)
    else:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    done = asyncio.create_task(server.serve(sockets=[listener]))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S, trust_env=False, verify=trusted()
    ) as http:
        yield Service(port, switchboard, guard, http, server, done, tickets)
        server.should_exit = True
        await asyncio.wait_for(done, WITHIN_S)


def board() -> Board:
    """Shows that nobody calls."""
    return Board(Switchboard(), lambda: ServiceView(0, 1, "none", None, True, None, True, [], [], False))


def start(token: str, call_sid: str = CALL_SID, **media_format: Any) -> str:
    return text(
        event="start",
        sequenceNumber="1",
        start={
            "accountSid": FORM["AccountSid"],
            "streamSid": STREAM_SID,
            "callSid": call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1} | media_format,
            "customParameters": {"token": token},
        },
        streamSid=STREAM_SID,
    )


CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'


def media(payload: str = FRAME, stream_sid: str = STREAM_SID, track: str = "inbound") -> str:
    return text(
        event="media",
        sequenceNumber="2",
        media={"track": track, "chunk": "1", "timestamp": "155", "payload": payload},
        streamSid=stream_sid,
    )


def dtmf(digit: str) -> str:
    return text(event="dtmf", streamSid=STREAM_SID, sequenceNumber="5", dtmf={"track": "inbound_track", "digit": digit})


def mark(name: str) -> str:
    return text(event="mark", sequenceNumber="4", streamSid=STREAM_SID, mark={"name": name})


def stop() -> str:
    return text(event="stop", sequenceNumber="5", streamSid=STREAM_SID, stop={"callSid": CALL_SID})


def text(**message: Any) -> str:
    return orjson.dumps(message).decode()
