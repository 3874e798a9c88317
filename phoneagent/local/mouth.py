"""The mouth, seen from the session: who speaks for the agent."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx
import numpy as np
import soxr  # type: ignore[import-untyped]

from phoneagent.local.audio import BYTES_PER_MS, RATES, Format, encode
from phoneagent.local.voices import espeak_voice
from phoneagent.local.worker import Message, Worker

_TTS_RATE = 24000  # of the `pcm` that /v1/audio/speech sends
_DELTA_MS = 100


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is to be said."""

    voice: str
    language: str
    speed: float
    format: Format


class MouthError(Exception):
    """Nothing could be said; the response fails with this message."""


class Mouth(Protocol):
    """Speaks for one agent at a time."""

    def speak(self, text: str, manner: Manner) -> AsyncIterator[tuple[str, float]]:
        """Audio, base64 in the format asked for, and its length in ms. Closing the iterator silences the mouth.

        Raises MouthError.
        """

    async def pronounce(self, words: list[str]) -> Mapping[str, str]:
        """How words are pronounced, in CMUdict's phonemes."""


class LocalMouth:
    """espeak-ng, in a process of its own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._ids = itertools.count(1)
        self._pieces: asyncio.Queue[Message] = asyncio.Queue()
        self._pronunciations: asyncio.Future[Message] | None = None
        worker.on_message = self._take

    async def speak(self, text: str, manner: Manner) -> AsyncIterator[tuple[str, float]]:
        id_ = next(self._ids)
        self._pieces = pieces = asyncio.Queue[Message]()
        voice = espeak_voice(manner.voice, manner.language)
        self._worker.send(
            {"do": "speak", "id": id_, "text": text, "voice": voice, "speed": manner.speed, "format": manner.format}
        )
        try:
            while True:
                piece = await pieces.get()
                if piece["id"] != id_:
                    continue  # of an utterance that was stopped
                if "error" in piece:
                    raise MouthError(piece["error"])
                if "end" in piece:
                    return
                yield piece["audio"], piece["ms"]
        finally:
            self._worker.send({"do": "stop", "id": id_})

    async def pronounce(self, words: list[str]) -> Mapping[str, str]:
        self._pronunciations = asyncio.get_running_loop().create_future()
        self._worker.send({"do": "pronounce", "words": words})
        found: Mapping[str, str] = (await self._pronunciations)["pronunciations"]
        return found

    def _take(self, message: Message) -> None:
        if "pronunciations" in message:
            if self._pronunciations is not None and not self._pronunciations.done():
                self._pronunciations.set_result(message)
        else:
            self._pieces.put_nowait(message)


class ServerMouth:
    """A server with `/v1/audio/speech`, streamed."""

    def __init__(self, client: httpx.AsyncClient, model: str, voice: str | None = None) -> None:
        """`voice`: None for the agent's own."""
        self._client = client
        self._model = model
        self._voice = voice

    async def speak(self, text: str, manner: Manner) -> AsyncIterator[tuple[str, float]]:
        wanted = {
            "model": self._model,
            "input": text,
            "voice": self._voice or manner.voice,
            "speed": manner.speed,
            "response_format": "pcm",
        }
        resampler = soxr.ResampleStream(_TTS_RATE, RATES[manner.format], 1, dtype="float32")
        size = _TTS_RATE * 2 * _DELTA_MS // 1000
        try:
            async with self._client.stream("POST", "audio/speech", json=wanted) as response:
                response.raise_for_status()
                async for pcm in response.aiter_bytes(size):  # all of this size but the last
                    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float32)
                    if audio := encode(resampler.resample_chunk(samples), manner.format):
                        yield base64.b64encode(audio).decode(), len(audio) / BYTES_PER_MS[manner.format]
                if audio := encode(resampler.resample_chunk(np.zeros(0, np.float32), last=True), manner.format):
                    yield base64.b64encode(audio).decode(), len(audio) / BYTES_PER_MS[manner.format]
        except httpx.HTTPError as error:
            raise MouthError(f"The speech server at {self._client.base_url} failed: {error!r}") from error

    async def pronounce(self, words: list[str]) -> Mapping[str, str]:
        return {}
