"""Calls for the console to look at, and what a simulated phone heard of them."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import soxr
from playwright.async_api import Locator, Page, expect

from phoneagent import simulate
from phoneagent.simulate.audio import read_wav, samples
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.realtime_events import (
    Speech,
    caller_turn_ended,
    response,
    speech_started,
    transcribed,
)
from phoneagent.simulate.scripted_model import ScriptedSession

SPEECH = Path(simulate.__file__).parent / "clips" / "1-book.wav"
TELEPHONE_HZ = 8000
_PIECE = 75  # frames

Envelope = np.ndarray[Any, np.dtype[np.float64]]


class Conversation:
    """Has the model say what it would say, turn by turn."""

    def __init__(self, session: ScriptedSession) -> None:
        self.session = session
        self._turns = 0

    def caller(self, text: str) -> None:
        """The caller has said something."""
        item_id = f"item_caller_{self._next()}"
        self.session.emit(speech_started(item_id), *caller_turn_ended(item_id), transcribed(text, item_id))

    def agent(self, text: str, ms: int = 400) -> None:
        """The agent answers."""
        turn = self._next()
        self.session.emit(*response(Speech(text, ms=ms, item_id=f"item_agent_{turn}"), response_id=f"resp_{turn}"))

    def interrupted(self, text: str) -> None:
        """The caller speaks while the agent does."""
        item_id = f"item_caller_{self._next()}"
        self.session.interrupt(item_id)
        self.session.emit(*caller_turn_ended(item_id), transcribed(text, item_id))

    def _next(self) -> int:
        self._turns += 1
        return self._turns


def transcript(page: Page) -> Locator:
    """What is shown of what was said."""
    return page.get_by_role("list", name="Transcript")


async def open_call(page: Page, call: FakeCall) -> None:
    """Follow a call that is in progress, from the page Now."""
    await page.goto("/")
    await page.get_by_role("link", name=call.from_).click()
    await expect(transcript(page)).to_be_visible()


def speech_wav(folder: Path, at_hz: int = 48_000) -> Path:
    """A WAV file in which somebody speaks, for a microphone, and then is silent for a second."""
    speech = samples(read_wav(SPEECH)).astype(np.float32) / 32768
    pcm = np.concatenate([soxr.resample(speech, TELEPHONE_HZ, at_hz), np.zeros(at_hz, np.float32)])
    path = folder / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(at_hz)
        file.writeframes((pcm * 32767).astype("<i2").tobytes())
    return path


def envelope(audio: bytes) -> Envelope:
    """How loud µ-law audio at 8 kHz is, for each 20 ms of it."""
    frames = samples(audio[: len(audio) // 160 * 160]).astype(np.float64).reshape(-1, 160)
    return np.sqrt((frames**2).mean(axis=1))


def likeness(speech: Envelope, heard: Envelope) -> float:
    """How surely somebody heard this speech: 1 is the same, 0 has nothing to do with it.

    Each 1.5 s of it is looked for by itself, as a microphone's frames may be late, or lost, where a machine is busy.
    """
    pieces = [speech[at : at + _PIECE] for at in range(0, len(speech) - _PIECE + 1, _PIECE)]
    return min(_best_match(piece, heard) for piece in pieces)


def _best_match(piece: Envelope, heard: Envelope) -> float:
    stretches = [heard[at : at + len(piece)] for at in range(len(heard) - len(piece) + 1)]
    return max((float(np.corrcoef(piece, each)[0, 1]) for each in stretches if each.std() > 0), default=0.0)


async def until(true: Callable[[], Any], within_s: float = 30.0) -> None:
    """Wait until something holds, here or (an awaitable) in the page."""
    async with asyncio.timeout(within_s):
        while True:
            held = true()
            if await held if isawaitable(held) else held:
                return
            await asyncio.sleep(0.02)


class Cable:
    """A port of this machine that leads to the service, and can be pulled out."""

    def __init__(self, origin: str) -> None:
        self._to = urlsplit(origin)
        self._open: set[asyncio.StreamWriter] = set()
        self._out = False
        self.origin = ""

    def pull(self) -> None:
        """Cut what goes through it, and let nothing through."""
        self._out = True
        for writer in tuple(self._open):
            writer.transport.abort()

    def plug(self) -> None:
        """Let everything through again."""
        self._out = False

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._out:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._open |= {writer, back}
        if self._out:  # pulled meanwhile
            self.pull()
        try:
            await asyncio.gather(_carry(reader, back), _carry(there, writer))
        finally:
            self._open -= {writer, back}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


@asynccontextmanager
async def cable(origin: str) -> AsyncIterator[Cable]:
    """A way to the service at `origin`, through a port of its own."""
    cable = Cable(origin)
    async with await asyncio.start_server(cable.connect, "127.0.0.1", 0) as server:
        cable.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield cable
        cable.pull()
