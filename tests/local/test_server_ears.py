"""Ears that are a server: the real process finds the turns in real speech, the server finds the words."""

from __future__ import annotations

import asyncio
import audioop
import base64
import io
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from phoneagent.local.ears import Heard, ServerEars, SpeechStarted, SpeechStopped, TurnHeard
from phoneagent.local.session_object import ServerVad
from phoneagent.local.worker import Worker

CLIP = Path(__file__).parents[2] / "phoneagent" / "simulate" / "clips" / "1-book.wav"
SILENCE = b"\xff" * 8000  # a second


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = await Worker.start("phoneagent.local.ears_process")
    yield worker
    await worker.stop()


async def listen(worker: Worker, answer: Callable[[httpx.Request], httpx.Response]) -> list[Heard]:
    """What is heard of the clip, up to its words."""
    heard: asyncio.Queue[Heard] = asyncio.Queue()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://server/v1/") as client:
        ears = ServerEars(worker, client, "whisper-large")
        ears.on_heard = heard.put_nowait
        ears.configure("audio/pcmu", ServerVad(type="server_vad"))
        with wave.open(str(CLIP)) as clip:
            speech = audioop.lin2ulaw(clip.readframes(clip.getnframes()), 2) + SILENCE
        for at in range(0, len(speech), 160):
            await ears.hear(base64.b64encode(speech[at : at + 160]).decode())
        events: list[Heard] = []
        async with asyncio.timeout(60):
            while not (events and isinstance(events[-1], TurnHeard)):
                events.append(await heard.get())
        await ears.reset()
    return events


async def test_a_turn_is_sent_to_the_server_as_a_wav_file_and_its_words_come_back(worker: Worker) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"text": " A table for four. "})

    started, stopped, turn = await listen(worker, answer)
    assert isinstance(started, SpeechStarted)
    assert isinstance(stopped, SpeechStopped)
    assert isinstance(turn, TurnHeard)
    assert turn.text == "A table for four."
    assert turn.error is None
    [request] = asked
    assert request.url.path == "/v1/audio/transcriptions"
    assert b"whisper-large" in request.content
    sent = request.content[request.content.index(b"RIFF") :]
    with wave.open(io.BytesIO(sent)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert file.getnframes() / 16 == pytest.approx(turn.audio_ms, abs=40)
        assert audioop.rms(file.readframes(file.getnframes()), 2) > 500  # speech, not silence


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(200, text="no JSON")])
async def test_a_server_that_fails_leaves_a_turn_without_words_and_says_which(
    worker: Worker, answer: httpx.Response
) -> None:
    *_, turn = await listen(worker, lambda request: answer)
    assert isinstance(turn, TurnHeard)
    assert turn.text == ""
    assert turn.error is not None
    assert "http://server/v1/" in turn.error
