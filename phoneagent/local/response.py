"""One response: the brain's steps and the mouth's audio, as the events of the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from phoneagent.local.brain import BrainError, CallTool, Speak, Step
from phoneagent.local.conversation import Item
from phoneagent.local.mouth import Manner, Mouth, MouthError
from phoneagent.local.protocol import Event, new_id

Cause = Literal["turn_detected", "client_cancelled"]


@dataclass(eq=False, slots=True)
class Response:
    """A response being made. `items` are its output; with `store` they join the conversation."""

    manner: Manner
    spoken: bool
    conversation_id: str | None
    metadata: dict[str, str] | None
    max_output_tokens: int | str
    send: Callable[[Event], None]
    sent: Callable[[], Awaitable[None]]
    store: Callable[[Item], str | None]
    id: str = field(default_factory=lambda: new_id("resp"))
    items: list[Item] = field(default_factory=list)
    cause: Cause | None = None  # of its cancellation

    async def run(self, steps: AsyncIterator[Step], mouth: Mouth) -> dict[str, Any] | None:
        """Send everything that the steps make, to the end. An error, if there was one, fails the response."""
        message: Item | None = None
        try:
            async with aclosing(steps):  # type: ignore[type-var]
                async for step in steps:
                    if isinstance(step, Speak):
                        message = message or self._open_message()
                        await self._speak(step.text, message, mouth)
                    else:
                        if message is not None:
                            self._close_message(message, "completed")
                            message = None
                        self._call_tool(step)
        except (BrainError, MouthError) as error:
            return {"type": "server_error", "code": "server_error", "message": str(error), "param": None}
        finally:
            if message is not None:
                self._close_message(message, "incomplete" if self.cause else "completed")
        return None

    def body(self, status: str, details: dict[str, Any] | None, usage: dict[str, Any] | None) -> dict[str, Any]:
        """The response as the protocol shows it."""
        output = {"format": {"type": self.manner.format}, "voice": self.manner.voice}
        if self.manner.format == "audio/pcm":
            output["format"] = {"type": "audio/pcm", "rate": 24000}
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [item.body for item in self.items],
            "conversation_id": self.conversation_id,
            "output_modalities": ["audio" if self.spoken else "text"],
            "audio": {"output": output},
            "max_output_tokens": self.max_output_tokens,
            "metadata": self.metadata,
            "usage": usage,
        }

    async def _speak(self, text: str, message: Item, mouth: Mouth) -> None:
        part = message.body["content"][0]
        key = "transcript" if self.spoken else "text"
        delta = f" {text}" if part[key] else text
        part[key] += delta
        at = self._place(message)
        if not self.spoken:
            self.send({"type": "response.output_text.delta", **at, "delta": delta})
            return
        message.spoken.append((text, 0.0))
        self.send({"type": "response.output_audio_transcript.delta", **at, "delta": delta})
        async with aclosing(mouth.speak(text, self.manner)) as pieces:  # type: ignore[type-var]
            async for audio, ms in pieces:
                message.audio_ms += ms
                message.spoken[-1] = (text, message.spoken[-1][1] + ms)
                self.send({"type": "response.output_audio.delta", **at, "delta": audio})
                await self.sent()

    def _open_message(self) -> Item:
        part_type, key = ("output_audio", "transcript") if self.spoken else ("output_text", "text")
        message = self._add({"type": "message", "role": "assistant", "content": []})
        message.body["content"].append({"type": part_type, key: ""})
        part = {"type": "audio" if self.spoken else "text", key: ""}
        self.send({"type": "response.content_part.added", **self._place(message), "part": part})
        return message

    def _close_message(self, message: Item, status: str) -> None:
        at, content = self._place(message), message.body["content"][0]
        if self.spoken:
            text = content.get("transcript", "")
            self.send({"type": "response.output_audio.done", **at})
            self.send({"type": "response.output_audio_transcript.done", **at, "transcript": text})
            part = {"type": "audio", "transcript": text}
        else:
            part = {"type": "text", "text": content["text"]}
            self.send({"type": "response.output_text.done", **at, "text": content["text"]})
        self.send({"type": "response.content_part.done", **at, "part": part})
        self._finish(message, status)

    def _call_tool(self, call: CallTool) -> None:
        item = self._add({"type": "function_call", "name": call.name, "call_id": call.call_id, "arguments": ""})
        at = {"response_id": self.id, "item_id": item.id, "output_index": self.items.index(item)}
        at["call_id"] = call.call_id
        item.body["arguments"] = call.arguments
        self.send({"type": "response.function_call_arguments.delta", **at, "delta": call.arguments})
        done = {"name": call.name, "arguments": call.arguments}
        self.send({"type": "response.function_call_arguments.done", **at, **done})
        self._finish(item, "completed")

    def _add(self, body: dict[str, Any]) -> Item:
        item = Item({"id": new_id("item"), "object": "realtime.item", "status": "in_progress", **body})
        self.items.append(item)
        self.send({"type": "response.output_item.added", **self._index(item), "item": item.body})
        previous = self.store(item)
        if self.conversation_id is not None:
            self.send({"type": "conversation.item.added", "previous_item_id": previous, "item": item.body})
        return item

    def _finish(self, item: Item, status: str) -> None:
        item.body["status"] = status
        self.send({"type": "response.output_item.done", **self._index(item), "item": item.body})
        if self.conversation_id is not None:
            self.send({"type": "conversation.item.done", "item": item.body})

    def _index(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.id, "output_index": self.items.index(item)}

    def _place(self, item: Item) -> dict[str, Any]:
        return {**self._index(item), "item_id": item.id, "content_index": 0}
