"""`simulate`: one call and many, and what is reported of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from rich.console import Console
from starlette.websockets import WebSocket, WebSocketDisconnect

from phoneagent.simulate.audio import ClipError
from phoneagent.simulate.scenario import CallResult, report, simulate
from phoneagent.simulate.script import HangUp, Say, Silence, WaitForAgent
from tests.simulate.tiny_service import TinyService

STREAM = '<Response><Connect><Stream url="{origin}/media-stream"/></Connect></Response>'
SILENT = "/" * 216
LINES = [Say("Hello?"), WaitForAgent(quiet_ms=200), HangUp()]


def voice(text: str) -> bytes:
    return b"\x10\x90" * 800


async def answering(socket: WebSocket) -> None:
    """Speaks for 300 ms as soon as the caller has said something and stopped."""
    heard = False
    try:
        while True:
            message = json.loads(await socket.receive_text())
            if message["event"] != "media":
                continue
            silent = message["media"]["payload"].startswith("////")
            if heard and silent:
                payload = base64.b64encode(b"\x22" * 2400).decode()
                sid = message["streamSid"]
                await socket.send_json({"event": "media", "streamSid": sid, "media": {"payload": payload}})
            heard = not silent
    except WebSocketDisconnect:
        return


def text_of(results: list[CallResult]) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(report(results))
    return captured.get()


async def test_one_call_line_by_line(tmp_path: Path):
    async with TinyService(STREAM, conversation=answering).running() as service:
        [result] = await simulate(service.url, "+15550100", LINES, speak=voice, recordings=tmp_path)
    assert result.outcome == "caller hung up"
    assert result.succeeded
    assert [(line.speaker, line.text) for line in result.lines] == [("caller", "Hello?"), ("agent", "")]
    [waited] = result.latencies_ms
    assert waited >= 20  # the first silent frame, and what the machine takes
    assert result.lines[1].latency_ms == waited
    assert result.lines[1].seconds == pytest.approx(0.3)
    assert result.recording == tmp_path / f"{result.call_sid}.wav"
    shown = text_of([result])
    assert "Hello?" in shown
    assert f"{waited:.0f} ms" in shown
    assert "caller hung up after" in shown


async def test_many_calls_at_once():
    async with TinyService(STREAM, conversation=answering).running() as service:
        results = await simulate(service.url, "+15550100", LINES, speak=voice, calls=5)
    assert len({result.call_sid for result in results}) == 5
    assert all(result.succeeded and result.recording is None for result in results)
    shown = text_of(results)
    assert "calls                    5" in shown
    assert "caller hung up" in shown
    assert "(median)" in shown


async def test_calls_of_one_command_are_not_those_of_the_one_before():
    async with TinyService(STREAM, conversation=answering).running() as service:
        first, second = [(await simulate(service.url, "+15550100", LINES, speak=voice))[0] for _ in range(2)]
    assert first.call_sid != second.call_sid  # Twilio's webhook sent twice would make one call


async def test_a_call_that_only_the_carrier_answers_has_not_succeeded():
    async with TinyService("<Response><Say>Something went wrong.</Say><Hangup/></Response>").running() as service:
        [result] = await simulate(service.url, "+15550100", LINES, speak=voice)
    assert not result.succeeded


async def test_a_service_that_refuses_signatures_says_what_to_set():
    async with TinyService(STREAM, status=403).running() as service:
        [result] = await simulate(service.url, "+15550100", LINES, speak=voice)
    assert "TWILIO_AUTH_TOKEN" in text_of([result])


async def test_a_line_without_an_answer_is_counted_and_said():
    script = [Say("Hello?"), WaitForAgent(timeout_s=0.2), Silence(0.1), HangUp()]
    document = '<Response><Connect><Stream url="{origin}/media-stream"/></Connect></Response>'

    async def mute(socket: WebSocket) -> None:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    async with TinyService(document, conversation=mute).running() as service:
        results = await simulate(service.url, "+15550100", script, speak=voice)
    assert results[0].unanswered == 1
    assert not results[0].succeeded
    assert "the agent did not speak within 0.2 s" in text_of(results)


async def test_a_line_that_cannot_be_said_is_an_error_before_any_call():
    with pytest.raises(ClipError, match=r"cannot read the sound file nowhere\.wav"):
        await simulate("http://127.0.0.1:9", "+15550100", [Say(Path("nowhere.wav"))])
