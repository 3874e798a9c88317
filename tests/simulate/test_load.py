"""Phones and a talking model with a bridge of a dozen lines between them: does the meter see what is wrong?"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random

import pytest
import websockets
from starlette.websockets import WebSocket, WebSocketDisconnect

from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.load import LoadFigures, ProbeCaller, compare, percentile
from phoneagent.simulate.probe import Probe, read_base64_probe, read_probe, silence_after_probe
from phoneagent.simulate.talking_model import Talk, TalkingModel
from tests.calls.virtual_time import VirtualTimeLoop
from tests.simulate.tiny_service import TinyService

STREAM = '<Response><Connect><Stream url="{origin}/media-stream"/></Connect></Response>'
CALLS = 3
TAKES_MS = 5.0  # the bridge, from one side to the other


class BareBridge:
    """Passes audio on and clears when the caller speaks; its faults can be switched on."""

    def __init__(self, model: TalkingModel, *, stragglers: bool = False, loses: int = 0, deaf: bool = False) -> None:
        self.url = "ws" + model.url[4:] + "/realtime?model=m"
        self.stragglers = stragglers
        self.loses = loses
        self.deaf = deaf

    async def __call__(self, phone: WebSocket) -> None:
        async with websockets.connect(self.url, compression=None) as model:
            await model.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
            await model.send(json.dumps({"type": "response.create"}))
            await phone.receive_text()
            sid = json.loads(await phone.receive_text())["streamSid"]
            down = asyncio.create_task(self.down(model, phone, sid))
            with contextlib.suppress(WebSocketDisconnect):
                await self.up(model, phone)
            down.cancel()

    async def up(self, model: websockets.ClientConnection, phone: WebSocket) -> None:
        while True:
            message = json.loads(await phone.receive_text())
            if message["event"] == "media" and int(message["media"]["chunk"]) > self.loses:
                await asyncio.sleep(TAKES_MS / 1000)
                append = {"type": "input_audio_buffer.append", "audio": message["media"]["payload"]}
                await model.send(json.dumps(append))

    async def down(self, model: websockets.ClientConnection, phone: WebSocket, sid: str) -> None:
        dead = False
        async for text in model:
            event = json.loads(text)
            if event["type"] == "response.created":
                dead = False
            elif event["type"] == "input_audio_buffer.speech_started" and not self.deaf:
                dead = not self.stragglers
                await asyncio.sleep(TAKES_MS / 1000)
                await phone.send_json({"event": "clear", "streamSid": sid})
            elif event["type"] == "response.output_audio.delta" and not dead:
                media = {"event": "media", "streamSid": sid, "media": {"payload": event["delta"]}}
                await asyncio.sleep(TAKES_MS / 1000)
                await phone.send_json(media)


def figures_of(**faults: bool | int) -> LoadFigures:
    """What the meter says; in virtual time, so that nothing takes longer than it is told to."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(measured(**faults))


async def measured(**faults: bool | int) -> LoadFigures:
    clock = asyncio.get_running_loop().time
    # twice real time: the interruption, after 0.4 s of a 1.2 s turn, comes while the response is being made
    talk = Talk(greeting_s=0.6, speak_s=1.2, every_s=0.5, delta_ms=40, speed=2.0)
    async with TalkingModel(talk, clock=clock) as model:
        service = TinyService(STREAM, conversation=BareBridge(model, **faults))  # type: ignore[arg-type]
        async with service.running(), FakePhone(service.url, rng=random.Random(1), clock=clock) as phone:
            calls = [phone.connect("+1", ProbeCaller(n, 2.5, clock), record=False) for n in range(CALLS)]
            records = await asyncio.gather(*(call.ended() for call in calls))
        async with asyncio.timeout(2):
            await asyncio.gather(*(session.closed for session in model.sessions))
        assert all(record.outcome == "caller hung up" for record in records)
        return compare(((n, record.line) for n, record in enumerate(records)), model.sessions)


def test_a_good_bridge_loses_nothing_and_plays_nothing_stale():
    figures = figures_of()
    assert figures.frames_sent == 125 * CALLS
    assert figures.frames_lost == 0
    assert len(figures.to_model_ms) == figures.frames_received
    assert len(figures.barge_in_ms) >= 2 * CALLS
    assert (figures.stale, figures.missed) == (0, 0)
    assert percentile(figures.to_model_ms, 50) == pytest.approx(TAKES_MS, abs=0.1)
    assert percentile(figures.to_phone_ms, 50) == pytest.approx(TAKES_MS, abs=0.1)
    assert percentile(figures.barge_in_ms, 50) == pytest.approx(TAKES_MS, abs=0.1)


def test_a_bridge_that_plays_stragglers_is_found_out():
    figures = figures_of(stragglers=True)
    assert figures.stale >= 2 * CALLS


def test_a_bridge_that_loses_frames_is_found_out():
    figures = figures_of(loses=7)
    assert figures.frames_lost == 7 * CALLS


def test_a_bridge_that_does_not_clear_is_found_out():
    figures = figures_of(deaf=True)
    assert figures.missed >= 2 * CALLS
    assert figures.barge_in_ms == []


def test_a_probe_is_found_in_bytes_and_in_base64():
    probe = Probe(3, 17, 1234.5678)
    audio = probe.base64() + silence_after_probe(160)
    assert len(audio) == 216
    assert read_base64_probe(audio) == probe
    assert read_probe(b"\xff" * 160) is None
    assert read_base64_probe("////") is None
    assert read_base64_probe("a") is None


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 51), (99, 100), (100, 100)])
def test_percentiles(percent: float, value: float):
    assert percentile(range(1, 101), percent) == value
