"""Calls of the fake phone to a tiny service over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from phoneagent.simulate.audio import ClipError
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.record import CallRecord
from phoneagent.simulate.script import (
    DropConnection,
    HangUp,
    Press,
    Say,
    Silence,
    Step,
    WaitForAgent,
)
from phoneagent.twilio.signature import sign
from tests.calls.virtual_time import VirtualTimeLoop
from tests.simulate.tiny_service import TinyService

TOKEN = "12345"
STREAM = (
    '<Response><Connect action="/after"><Stream url="{origin}/media-stream">'
    '<Parameter name="token" value="one-use"/></Stream></Connect></Response>'
)
GOODBYE = "<Response><Say>Goodbye.</Say><Hangup/></Response>"


def speech(seconds: float) -> bytes:
    """Something audible, as µ-law."""
    return b"\x10\x90" * round(seconds * 4000)


def phone(service: TinyService, **options: Any) -> FakePhone:
    return FakePhone(service.url, rng=random.Random(1), speak=lambda text: speech(0.2), **options)


async def messages(socket: WebSocket) -> AsyncIterator[dict[str, Any]]:
    try:
        while True:
            yield json.loads(await socket.receive_text())
    except WebSocketDisconnect:
        return


class Agent:
    """Speaks for a while when the stream begins, then listens to the end."""

    def __init__(self, greeting_s: float = 0.1, hang_up_after: int | None = None) -> None:
        self.greeting_s = greeting_s
        self.hang_up_after = hang_up_after
        self.heard: list[dict[str, Any]] = []

    async def __call__(self, socket: WebSocket) -> None:
        frames = 0
        async for message in messages(socket):
            self.heard.append(message)
            if message["event"] == "start":
                sid = message["streamSid"]
                audio = base64.b64encode(speech(self.greeting_s)).decode()
                await socket.send_json({"event": "media", "streamSid": sid, "media": {"payload": audio}})
                await socket.send_json({"event": "mark", "streamSid": sid, "mark": {"name": "greeting"}})
            frames += message["event"] == "media"
            if self.hang_up_after is not None and frames >= self.hang_up_after:
                await socket.close()
                return

    def events(self) -> list[str]:
        return [message["event"] for message in self.heard]


async def call(service: TinyService, script: list[Step], **options: Any) -> Any:
    async with service.running(), phone(service) as handset:
        return await handset.dial("+15550100", script, **options).ended()


async def test_a_call_from_the_webhook_to_the_callers_hang_up():
    agent = Agent()
    service = TinyService(STREAM, conversation=agent)
    async with service.running(), phone(service, auth_token=TOKEN) as handset:
        script = [WaitForAgent(quiet_ms=100), Say("Hello"), HangUp()]
        record = await handset.dial("+15550100", script).ended()

    path, headers, form = service.requests[0]
    assert path == "/incoming"
    assert form["From"] == "+15550199"
    assert form["To"] == "+15550100"
    assert form["CallSid"] == record.call_sid
    assert form["CallStatus"] == "ringing"
    assert headers["x-twilio-signature"] == sign(TOKEN, service.url + "/incoming", form)

    path, headers, _ = service.requests[1]
    assert headers["user-agent"] == "Twilio.TmeWs/1.0"
    assert headers["x-twilio-signature"] == sign(TOKEN, "ws" + service.url[4:] + "/media-stream", {})
    assert "sec-websocket-extensions" not in headers

    assert agent.heard[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    start = agent.heard[1]["start"]
    assert start["customParameters"] == {"token": "one-use"}
    assert start["callSid"] == record.call_sid
    assert agent.events()[-1] == "stop"
    assert [m["sequenceNumber"] for m in agent.heard[1:]] == [str(n) for n in range(1, len(agent.heard))]

    assert record.outcome == "caller hung up"
    assert record.problems == []
    assert [mark.name for mark in record.line.marks if mark.played] == ["greeting"]
    turn = record.agent_turns[0]
    assert turn.ended_at - turn.began_at == pytest.approx(0.1)
    assert len(service.requests) == 2  # nobody is asked what to do after a hang-up


def test_frames_come_every_20_ms_of_the_clock_and_do_not_drift():
    agent = Agent()
    service = TinyService(STREAM, conversation=agent)

    async def in_virtual_time() -> CallRecord:
        async with service.running(), phone(service, clock=asyncio.get_running_loop().time) as handset:
            return await handset.dial("+15550100", [Silence(1.0), HangUp()]).ended()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        record = runner.run(in_virtual_time())
    media = [message["media"] for message in agent.heard if message["event"] == "media"]
    assert len(media) == record.line.frames_sent == 51
    assert [m["chunk"] for m in media] == [str(n) for n in range(1, 52)]
    steps = np.diff([int(m["timestamp"]) for m in media])
    assert set(steps) == {20}
    assert record.duration_s == pytest.approx(1.02, abs=0.15)


async def test_the_agent_hangs_up_and_the_phone_goes_on_with_the_action():
    service = TinyService(STREAM, after=GOODBYE, conversation=Agent(hang_up_after=5))
    record = await call(service, [])
    assert record.outcome == "agent hung up"
    assert record.said == ["Goodbye."]
    assert [url.rsplit("/", 1)[1] for url, _ in record.requests] == ["incoming", "after"]
    assert service.requests[-1][2]["CallStatus"] == "in-progress"


async def test_without_an_action_the_document_goes_on_after_connect():
    document = STREAM.replace(' action="/after"', "").replace("</Response>", "<Say>Sorry.</Say></Response>")
    record = await call(TinyService(document, conversation=Agent(hang_up_after=5)), [])
    assert record.said == ["Sorry."]
    assert record.outcome == "agent hung up"


async def test_a_dropped_connection_has_no_stop():
    agent = Agent()
    record = await call(TinyService(STREAM, conversation=agent), [Silence(0.1), DropConnection()])
    assert record.outcome == "dropped"
    assert "stop" not in agent.events()


async def test_keys_are_pressed_one_by_one():
    agent = Agent()
    await call(TinyService(STREAM, conversation=agent), [Press("12#", every_ms=40), HangUp()])
    keys = [message["dtmf"] for message in agent.heard if message["event"] == "dtmf"]
    assert keys == [{"track": "inbound_track", "digit": digit} for digit in "12#"]


async def test_the_caller_hangs_up_from_outside_of_the_script():
    service = TinyService(STREAM, conversation=Agent())
    async with service.running(), phone(service) as handset:
        running = handset.dial("+15550100", [])
        await running.until(lambda record: record.streams and record.line.marks)
        running.hang_up()
        assert (await running.ended()).outcome == "caller hung up"


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        ('<Response><Reject reason="busy"/></Response>', "rejected"),
        ("<Response><Dial><Number>+15550111</Number></Dial></Response>", "transferred"),
        (GOODBYE, "agent hung up"),
    ],
)
async def test_calls_without_a_stream(document: str, outcome: str):
    assert (await call(TinyService(document), [])).outcome == outcome


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("oops", "12100"),
        ("<Html/>", "12102"),
        ('<Response><Connect><Stream url="https://a/b"/></Connect></Response>', "31922"),
        ('<Response><Connect><Stream url="wss://a/b?c=1"/></Connect></Response>', "31923"),
        (STREAM, "31920"),
        ("<Response><Redirect>/incoming</Redirect></Response>", "documents"),
    ],
)
async def test_what_the_service_does_wrong_is_said(document: str, problem: str):
    record = await call(TinyService(document, after=document), [])
    assert any(problem in one for one in record.problems)


async def test_a_service_that_is_not_there():
    async with FakePhone("http://127.0.0.1:9", rng=random.Random(1)) as handset:
        record = await handset.dial("+15550100", []).ended()
    assert record.outcome == "failed"
    assert record.problems[0].startswith("11200: no answer from http://127.0.0.1:9/incoming")


async def test_a_public_url_is_signed_and_the_real_one_is_dialled():
    document = STREAM.replace("{origin}", "wss://voice.example.com")
    agent = Agent()
    service = TinyService(document, conversation=agent)
    options = {"auth_token": TOKEN, "public_url": "https://voice.example.com"}
    async with service.running(), phone(service, **options) as handset:
        await handset.dial("+15550100", [Silence(0.1), HangUp()]).ended()
    expected = [
        sign(TOKEN, "https://voice.example.com/incoming", service.requests[0][2]),
        sign(TOKEN, "wss://voice.example.com/media-stream", {}),
    ]
    assert [headers["x-twilio-signature"] for _, headers, _ in service.requests] == expected


async def test_the_recording_has_both_sides_aligned(tmp_path: Path):
    script = [Silence(0.3), Say("Hello"), HangUp()]
    record = await call(TinyService(STREAM, conversation=Agent(greeting_s=0.2)), script)
    record.save_recording(tmp_path / "call.wav")
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    said, heard = (np.flatnonzero(np.abs(side) > 1000) / 8000 for side in both.T)
    assert said[0] == pytest.approx(0.3, abs=0.001)
    assert said[-1] - said[0] == pytest.approx(0.2, abs=0.001)
    greeting = record.agent_turns[0].began_at - record.line.began_at
    assert heard[0] == pytest.approx(greeting, abs=0.001)
    assert heard[-1] - heard[0] == pytest.approx(0.2, abs=0.001)


async def test_an_action_asked_for_with_get_is_signed_with_its_query():
    document = STREAM.replace('action="/after"', 'action="/after?a=1" method="GET"')
    service = TinyService(document, after=GOODBYE, conversation=Agent(hang_up_after=2))
    async with service.running(), phone(service, auth_token=TOKEN) as handset:
        record = await handset.dial("+15550100", []).ended()
    assert record.said == ["Goodbye."]
    _, headers, form = service.requests[-1]
    assert form == {}
    assert service.queries[-1].startswith("a=1&CallSid=CA")
    url = f"{service.url}/after?{service.queries[-1]}"
    assert headers["x-twilio-signature"] == sign(TOKEN, url, {})


async def test_a_caller_does_not_stay_on_the_line_for_ever():
    record = await call(TinyService(STREAM, conversation=Agent()), [], max_s=0.2)
    assert record.outcome == "caller hung up"
    assert record.problems == ["the call was still running after 0.2 s"]


async def test_calls_end_with_their_phone():
    agent = Agent()
    service = TinyService(STREAM, conversation=agent)
    async with service.running():
        async with phone(service) as handset:
            running = handset.dial("+15550100", [])
            await running.until(lambda record: record.streams and record.line.marks)
        assert running.record.outcome == "dropped"
    assert "stop" not in agent.events()


async def test_words_without_a_voice_are_refused_before_anything_is_dialled():
    async with FakePhone("http://127.0.0.1:9", rng=random.Random(1)) as handset:
        with pytest.raises(ClipError, match="no voice to say 'Hello'"):
            handset.dial("+15550100", [Say("Hello")])
        with pytest.raises(ClipError, match=r"missing\.wav"):
            handset.dial("+15550100", [Say(Path("missing.wav"))])
