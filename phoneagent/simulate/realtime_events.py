"""The server events of the GA Realtime protocol, as values to put into a scripted model's mouth. Pure.

Shapes and order: OpenAI Realtime API, server events. The session that sends them adds `event_id`, and
`previous_item_id` where it is missing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

from phoneagent.simulate.audio import samples

Event = dict[str, Any]
AudioFormat = Literal["audio/pcmu", "audio/pcm"]

_PCM_24K = {"type": "audio/pcm", "rate": 24000}
DEFAULT_SESSION: Event = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "audio": {
        "input": {
            "format": _PCM_24K,
            "noise_reduction": None,
            "transcription": None,
            "turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True},
        },
        "output": {"format": _PCM_24K, "voice": "marin", "speed": 1.0},
    },
}

CLIENT_EVENTS = frozenset(
    {
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.truncate",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "response.create",
        "response.cancel",
    }
)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before what follows."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket with a code; None breaks the connection off without one."""

    code: int | None = 1000
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken message, an item of a response.

    Its audio is `ms` of the µ-law byte `fill`, so that a piece of it can be told from other turns' wherever it
    turns up; or `audio`, µ-law at 8 kHz. It is sent in deltas of `delta_ms`.
    """

    text: str = "Hello, how can I help you?"
    ms: int = 1000
    item_id: str = "item_agent_1"
    fill: int = 0x55
    audio: bytes | None = field(default=None, repr=False)
    delta_ms: int = 200

    @property
    def ulaw(self) -> bytes:
        """All of its audio."""
        return bytes([self.fill]) * (8 * self.ms) if self.audio is None else self.audio


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A request to run a tool, an item of a response. `arguments` is JSON text."""

    name: str
    arguments: str = "{}"
    call_id: str = "call_1"
    item_id: str = "item_call_1"


Step = Event | Pause | Close


def response(
    *outputs: Speech | ToolCall,
    response_id: str = "resp_1",
    audio_format: AudioFormat = "audio/pcmu",
    speed: float | None = None,
    usage: Event | None = None,
) -> list[Step]:
    """A whole response, from `response.created` to `response.done`.

    All at once, or with audio at `speed` times real time.
    """
    steps: list[Step] = [_created(response_id)]
    items: list[Event] = []
    for index, output in enumerate(outputs):
        keys = {"response_id": response_id, "output_index": index}
        if isinstance(output, Speech):
            steps += _spoken(output, keys, audio_format, speed)
        else:
            steps += _called(output, keys)
        items.append(_item(output, "completed"))
    return [*steps, response_done(response_id, output=items, usage=usage or usage_of(outputs))]


def response_done(
    response_id: str = "resp_1",
    status: str = "completed",
    *,
    details: Event | None = None,
    output: Iterable[Event] = (),
    usage: Event | None = None,
) -> Event:
    """The end of a response. `details` are its `status_details`."""
    body = {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": details,
        "output": list(output),
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "usage": usage,
    }
    return {"type": "response.done", "response": body}


def response_cancelled(response_id: str = "resp_1", reason: str = "turn_detected") -> Event:
    """The end of a response that was interrupted: `turn_detected` or `client_cancelled`."""
    return response_done(response_id, "cancelled", details={"type": "cancelled", "reason": reason})


def response_failed(code: str, message: str = "", response_id: str = "resp_1") -> list[Step]:
    """A response that begins and fails, such as with `rate_limit_exceeded` and `Please try again in 1.5s.`"""
    problem = {"type": code, "code": code, "message": message}
    return [
        _created(response_id),
        response_done(response_id, "failed", details={"type": "failed", "error": problem}),
    ]


def error(code: str | None, message: str = "", *, param: str | None = None, event_id: str | None = None) -> Event:
    """An `error` event, of the type `invalid_request_error`."""
    problem = {"type": "invalid_request_error", "code": code, "message": message}
    return {"type": "error", "error": {**problem, "param": param, "event_id": event_id}}


def speech_started(item_id: str = "item_caller_1", at_ms: int = 0) -> Event:
    """The caller begins to speak."""
    return {"type": "input_audio_buffer.speech_started", "item_id": item_id, "audio_start_ms": at_ms}


def caller_turn_ended(item_id: str = "item_caller_1", at_ms: int = 0) -> list[Step]:
    """The caller has spoken: the end of the speech, and the item that it becomes."""
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    return [
        {"type": "input_audio_buffer.speech_stopped", "item_id": item_id, "audio_end_ms": at_ms},
        {"type": "input_audio_buffer.committed", "item_id": item_id},
        {"type": "conversation.item.added", "item": item},
        {"type": "conversation.item.done", "item": item},
    ]


def transcribed(text: str, item_id: str = "item_caller_1", *, seconds: float = 1.0) -> Event:
    """What the caller said, as the separate recognition wrote it down."""
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": text,
        "usage": {"type": "duration", "seconds": seconds},
    }


def merged(config: Mapping[str, Any], changes: Mapping[str, Any]) -> Event:
    """A session's configuration after an update, which names only what it changes."""
    result = dict(config)
    for key, value in changes.items():
        # a format or a list of tools is replaced as a whole, the sections around them are not
        nested = key in ("audio", "input", "output") and isinstance(value, Mapping)
        result[key] = merged(result.get(key) or {}, value) if nested else value
    return result


def session_created(config: Mapping[str, Any]) -> Event:
    """The first event of every session."""
    return {"type": "session.created", "session": dict(config)}


def usage_of(outputs: Iterable[Speech | ToolCall], text_in: int = 100, audio_in: int = 0) -> Event:
    """A plausible `usage`: a token for every 50 ms spoken and for every four letters."""
    audio_out = text_out = 0
    for output in outputs:
        if isinstance(output, Speech):
            audio_out += len(output.ulaw) // 400
            text_out += len(output.text) // 4
        else:
            text_out += len(output.arguments) // 4
    cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": cached,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def _created(response_id: str) -> Event:
    body = {"object": "realtime.response", "id": response_id, "status": "in_progress", "output": []}
    return {"type": "response.created", "response": {**body, "conversation_id": "conv_1"}}


def _item(output: Speech | ToolCall, status: str) -> Event:
    item: Event = {"id": output.item_id, "object": "realtime.item", "status": status}
    if isinstance(output, ToolCall):
        arguments = output.arguments if status == "completed" else ""
        return {
            **item,
            "type": "function_call",
            "name": output.name,
            "call_id": output.call_id,
            "arguments": arguments,
        }
    content = [{"type": "output_audio", "transcript": output.text}] if status == "completed" else []
    return {**item, "type": "message", "role": "assistant", "content": content}


def _begun(output: Speech | ToolCall, keys: Event) -> list[Step]:
    item = _item(output, "in_progress")
    return [
        {"type": "response.output_item.added", **keys, "item": item},
        {"type": "conversation.item.added", "item": item},
    ]


def _finished(output: Speech | ToolCall, keys: Event) -> list[Step]:
    item = _item(output, "completed")
    return [
        {"type": "response.output_item.done", **keys, "item": item},
        {"type": "conversation.item.done", "item": item},
    ]


def _spoken(speech: Speech, keys: Event, audio_format: AudioFormat, speed: float | None) -> Iterator[Step]:
    part = {**keys, "item_id": speech.item_id, "content_index": 0}
    yield from _begun(speech, keys)
    yield {"type": "response.content_part.added", **part, "part": {"type": "audio", "transcript": ""}}
    words = [word + " " for word in speech.text.split(" ")]
    words[-1] = words[-1].rstrip()
    pieces = list(_pieces(speech))
    for word, piece in zip_longest(words, pieces):
        if word is not None:
            yield {"type": "response.output_audio_transcript.delta", **part, "delta": word}
        if piece is not None:
            delta = base64.b64encode(encode(piece, audio_format)).decode()
            yield {"type": "response.output_audio.delta", **part, "delta": delta}
            if speed is not None:
                yield Pause(len(piece) / 8000 / speed)
    yield {"type": "response.output_audio.done", **part}
    yield {"type": "response.output_audio_transcript.done", **part, "transcript": speech.text}
    done = {"type": "audio", "transcript": speech.text}
    yield {"type": "response.content_part.done", **part, "part": done}
    yield from _finished(speech, keys)


def _pieces(speech: Speech) -> Iterator[bytes]:
    audio, size = speech.ulaw, 8 * speech.delta_ms
    for start in range(0, len(audio), size):
        yield audio[start : start + size]


def encode(audio: bytes, audio_format: AudioFormat) -> bytes:
    """µ-law as the bytes of a format: as it stands, or as 16-bit samples at 24 kHz, each three times."""
    return audio if audio_format == "audio/pcmu" else samples(audio).repeat(3).astype("<i2").tobytes()


def _called(call: ToolCall, keys: Event) -> Iterator[Step]:
    part = {**keys, "item_id": call.item_id, "call_id": call.call_id}
    yield from _begun(call, keys)
    yield {"type": "response.function_call_arguments.delta", **part, "delta": call.arguments}
    done = {**part, "name": call.name, "arguments": call.arguments}
    yield {"type": "response.function_call_arguments.done", **done}
    yield from _finished(call, keys)
