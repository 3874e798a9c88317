"""The ears, seen from the session: who listens to one caller, and what is heard."""

from __future__ import annotations

import asyncio
import base64
import io
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from phoneagent.local.audio import Format
from phoneagent.local.session_object import ServerVad
from phoneagent.local.worker import Message, Worker


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak; `at_ms` of the audio, the padding before it included."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller's turn is over; `at_ms` of the audio, the window of silence included."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnHeard:
    """The words of a turn that stopped or was committed. One comes for each, in order."""

    text: str = field(repr=False)
    audio_ms: float
    error: str | None = None


Heard = SpeechStarted | SpeechStopped | TurnHeard


class Ears(Protocol):
    """Listens to one caller at a time. Nothing waits; `on_heard` is called with what was heard."""

    on_heard: Callable[[Heard], None]

    def configure(self, format: Format, vad: ServerVad | None) -> None:
        """Take audio in this format, and find turns in it unless `vad` is None."""

    def expect(self, grammar: str | None) -> None:
        """What can be said from the next turn on (JSGF), or None for anything."""

    async def unknown(self, words: list[str]) -> list[str]:
        """Those of the words that need a pronunciation."""

    def learn(self, pronunciations: Mapping[str, str]) -> None:
        """Take words with their pronunciation in CMUdict's phonemes."""

    async def hear(self, audio: str) -> None:
        """Take some audio, base64; waits while the ears are behind."""

    def commit(self) -> None:
        """End the turn now."""

    def clear(self) -> None:
        """Forget what is not yet a turn."""

    async def reset(self) -> None:
        """Be ready for another caller, with nothing left of this one."""


class LocalEars:
    """Silero and pocketsphinx, in a process of their own."""

    keep_audio = False

    def __init__(self, worker: Worker) -> None:
        self.on_heard: Callable[[Heard], None] = lambda heard: None
        self._worker = worker
        self._answer: asyncio.Future[Message] | None = None
        worker.on_message = self._take

    def configure(self, format: Format, vad: ServerVad | None) -> None:
        fields = {"threshold", "prefix_padding_ms", "silence_duration_ms"}
        hearing = None if vad is None else vad.model_dump(include=fields)
        self._worker.send({"do": "configure", "format": format, "vad": hearing, "keep_audio": self.keep_audio})

    def expect(self, grammar: str | None) -> None:
        self._worker.send({"do": "expect", "grammar": grammar})

    async def unknown(self, words: list[str]) -> list[str]:
        answer = await self._ask({"do": "unknown", "words": words})
        return list(answer["unknown"])

    def learn(self, pronunciations: Mapping[str, str]) -> None:
        self._worker.send({"do": "learn", "words": dict(pronunciations)})

    async def hear(self, audio: str) -> None:
        self._worker.send({"do": "hear", "audio": audio})
        await self._worker.drain()

    def commit(self) -> None:
        self._worker.send({"do": "commit"})

    def clear(self) -> None:
        self._worker.send({"do": "clear"})

    async def reset(self) -> None:
        self.on_heard = lambda heard: None
        await self._ask({"do": "reset"})

    async def _ask(self, message: Message) -> Message:
        self._answer = asyncio.get_running_loop().create_future()
        self._worker.send(message)
        return await self._answer

    def _take(self, message: Message) -> None:
        match message.get("heard"):
            case "started":
                self.on_heard(SpeechStarted(message["at_ms"]))
            case "stopped":
                self.on_heard(SpeechStopped(message["at_ms"]))
            case "turn":
                self._take_turn(message)
            case _ if self._answer is not None and not self._answer.done():
                self._answer.set_result(message)

    def _take_turn(self, message: Message) -> None:
        self.on_heard(TurnHeard(message["text"], message["ms"]))


class ServerEars(LocalEars):
    """Silero in a process of its own, and a server with `/v1/audio/transcriptions` for the words."""

    keep_audio = True

    def __init__(self, worker: Worker, client: httpx.AsyncClient, model: str) -> None:
        super().__init__(worker)
        self._client = client
        self._model = model
        self._turns: asyncio.Queue[Message] = asyncio.Queue()
        self._transcribing: asyncio.Task[None] | None = None

    def expect(self, grammar: str | None) -> None:
        """A server hears whatever is said."""

    async def unknown(self, words: list[str]) -> list[str]:
        return []

    async def reset(self) -> None:
        if self._transcribing is not None:
            self._transcribing.cancel()
            self._transcribing = None
        self._turns = asyncio.Queue()
        await super().reset()

    def _take_turn(self, message: Message) -> None:
        self._turns.put_nowait(message)
        if self._transcribing is None:
            self._transcribing = asyncio.get_running_loop().create_task(self._transcribe_turns())

    async def _transcribe_turns(self) -> None:
        while True:
            turn = await self._turns.get()
            self.on_heard(await self._transcribe(base64.b64decode(turn["audio"]), turn["ms"]))

    async def _transcribe(self, pcm: bytes, ms: float) -> TurnHeard:
        if not pcm:
            return TurnHeard("", ms)
        try:
            response = await self._client.post(
                "audio/transcriptions",
                data={"model": self._model, "response_format": "json"},
                files={"file": ("turn.wav", _wav(pcm), "audio/wav")},
            )
            response.raise_for_status()
            return TurnHeard(str(response.json()["text"]).strip(), ms)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return TurnHeard("", ms, error=f"The transcription server at {self._client.base_url} failed: {error!r}")


def _wav(pcm: bytes) -> bytes:
    """16-bit mono PCM at 16 kHz as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(pcm)
    return file.getvalue()
