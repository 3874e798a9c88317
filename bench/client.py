"""A client of the Realtime protocol that waits for events by their type, and speaks clips: for bench and tests."""

from __future__ import annotations

import asyncio
import audioop
import base64
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "phoneagent" / "simulate" / "clips"
BOOK, CORRECT, CONFIRM, GOODBYE = "1-book", "2-correct", "3-confirm", "4-goodbye"
SILENCE = b"\xff" * 8000  # a second of it, in µ-law
PCMU = {"type": "audio/pcmu"}
TOOLS = [{"type": "function", "name": name, "parameters": {}} for name in ("book_table", "end_call")]

Event = dict[str, Any]


def clip(name: str) -> bytes:
    """A caller's line in µ-law, with the silence that ends a turn."""
    with wave.open(str(CLIPS / f"{name}.wav")) as file:
        return SILENCE[:2400] + audioop.lin2ulaw(file.readframes(file.getnframes()), 2) + SILENCE


def dialogue_of(agent: str) -> dict[str, Any]:
    text = (ROOT / "agents" / f"{agent}.md").read_text().split("---")[1]
    dialogue: dict[str, Any] = YAML(typ="safe").load(text)["dialogue"]
    return dialogue


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []  # all that came

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str) -> AsyncIterator[Client]:
        address = url.replace("http", "ws") + "/realtime?model=gpt-realtime-2.1"
        async with connect(address, compression=None, max_size=None) as socket:
            client = cls(socket)
            await client.until("conversation.created")
            yield client

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def until(self, type_: str, timeout_s: float = 60) -> Event:
        """The next event of this type."""
        async with asyncio.timeout(timeout_s):
            while True:
                event: Event = json.loads(await self.socket.recv())
                self.events.append(event)
                if event["type"] == type_:
                    return event

    async def ask(self, type_: str, answer: str, **fields: Any) -> Event:
        await self.send(type_, **fields)
        return await self.until(answer)

    async def refused(self, type_: str, **fields: Any) -> Event:
        """The error that an event causes."""
        error: Event = (await self.ask(type_, "error", event_id="mine", **fields))["error"]
        assert error["event_id"] == "mine"
        return error

    async def configure_phone(self, dialogue: dict[str, Any] | None = None, **more: Any) -> Event:
        session = {
            "type": "realtime",
            "audio": {
                "input": {"format": PCMU, "transcription": {"model": "gpt-live-transcribe"}},
                "output": {"format": PCMU},
            },
            "tools": TOOLS,
            "dialogue": dialogue,
            **more,
        }
        return await self.ask("session.update", "session.updated", session=session)

    async def speak(self, audio: bytes) -> None:
        """Send audio in frames of 20 ms, as fast as they are taken."""
        for at in range(0, len(audio), 160):
            frame = base64.b64encode(audio[at : at + 160]).decode()
            await self.send("input_audio_buffer.append", audio=frame)

    async def say(self, name: str) -> tuple[str, Event]:
        """Speak a clip; what was understood, and the response to it."""
        await self.speak(clip(name))
        heard = await self.until("conversation.item.input_audio_transcription.completed")
        return heard["transcript"], (await self.until("response.done"))["response"]

    async def write(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.ask("conversation.item.create", "conversation.item.done", item=item)

    async def respond(self, **response: Any) -> Event:
        done: Event = (await self.ask("response.create", "response.done", response=response))["response"]
        return done

    def audio_of(self, item_id: str) -> bytes:
        deltas = (e for e in self.events if e["type"] == "response.output_audio.delta" and e["item_id"] == item_id)
        return b"".join(base64.b64decode(delta["delta"]) for delta in deltas)


def words_of(response: Event) -> str:
    """What the agent says in a response."""
    return " ".join(part["transcript"] for item in response["output"] for part in item.get("content", ()))


def calls_of(response: Event) -> list[Event]:
    return [item for item in response["output"] if item["type"] == "function_call"]
