"""The Realtime protocol (GA): messages of the server to events, commands to messages of the client. No I/O.

A turn is an item of the conversation: `turn_id` is its `item_id`. The rare further content parts of an item
are turns of their own, whose id holds the `content_index` too: audio is counted and truncated by part.

Servers differ in what they leave out, so nothing is relied on that is not needed: unknown events, further
fields and missing indexes are all right.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import orjson

from phoneagent.core.commands import (
    AddMessage,
    AppendAudio,
    CancelResponse,
    Command,
    DeleteTurn,
    RequestResponse,
    SendToolOutput,
    TruncateTurn,
)
from phoneagent.core.errors import Problem
from phoneagent.core.events import (
    AgentAudio,
    AgentText,
    AgentTurnEnded,
    CallerStartedSpeaking,
    CallerStoppedSpeaking,
    CallerTranscript,
    CallerTurnEnded,
    Event,
    ResponseEnded,
    ResponseRefused,
    ResponseStarted,
    ResponseStatus,
    SessionErrored,
    Speaker,
    ToolCalled,
    TruncationRefused,
    TurnAdded,
)
from phoneagent.engines.realtime.fields import (
    Message,
    WireError,
    count,
    optional_text,
    problem_from,
    required_object,
    required_text,
    response_usage,
    transcription_usage,
)
from phoneagent.engines.realtime.targets import AudioFormat


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The server is there, with a session as it makes them by default. `expires_at` is in Unix seconds."""

    session_id: str | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The configuration in force."""

    config: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """The words of one of the caller's turns could not be written down."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a type that this wire doesn't know."""

    type: str


Notice = SessionCreated | SessionUpdated | TranscriptionFailed | UnknownMessage
"""What is for the session itself, not for the call."""

_Parsed = tuple[Event | Notice, ...]

_BYTES_PER_MS: dict[AudioFormat, int] = {"pcmu": 8, "pcm": 48}
_STATUSES = frozenset({"completed", "cancelled", "incomplete", "failed"})
_ALREADY_SHORTER = re.compile(r"Audio content of (\d+)(?:\.\d+)?\s*ms is already shorter than")
_HARMLESS = frozenset(
    {
        "response_cancel_not_active",  # it had ended by itself
        "item_truncate_invalid_item_id",  # it was deleted, or never came to be
        "item_delete_invalid_item_id",
    }
)
# Acknowledgements, and what another message says better.
_IGNORED = frozenset(
    {
        "conversation.item.deleted",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "ping",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",  # also sent for half of the arguments
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.output_item.added",
        "response.output_text.done",
    }
)


class Wire:
    """One session's messages, read in order. `audio_format` is the one of the agent's audio."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._bytes_per_ms = _BYTES_PER_MS[audio_format]
        self._chained: dict[str, str | None] = {}  # items reported, and behind which one
        self._further_parts: dict[str, list[str]] = {}  # open items with more than one part: turn ids of these
        self._timed_out_item: str | None = None
        self._truncated_turn: str | None = None

    def parse(self, message: bytes) -> _Parsed:
        """The events of one message, often none. Raises WireError, and nothing else."""
        try:
            content = orjson.loads(message)
        except orjson.JSONDecodeError:
            raise WireError(f"a message of {len(message)} bytes is not JSON") from None
        if not isinstance(content, dict):
            raise WireError("a message is not a JSON object")
        type_ = required_text(content, "type")
        if (read := self._READERS.get(type_)) is not None:
            return read(self, content)
        return () if type_ in _IGNORED else (UnknownMessage(type_),)

    # The session

    def _session_created(self, message: Message) -> _Parsed:
        session = message.get("session")  # absent from conversation.created, with which some servers begin
        if not isinstance(session, dict):
            return (SessionCreated(),)
        return (SessionCreated(optional_text(session, "id"), count(session, "expires_at") or None),)

    def _session_updated(self, message: Message) -> _Parsed:
        return (SessionUpdated(required_object(message, "session")),)

    def _error(self, message: Message) -> _Parsed:
        error = required_object(message, "error")
        problem = problem_from(error)
        cause = optional_text(error, "event_id") or ""
        if problem.code in _HARMLESS or cause.startswith("delete:"):
            return ()
        if problem.code == "conversation_already_has_active_response":
            return (ResponseRefused(),)
        if found := _ALREADY_SHORTER.search(problem.message):
            # Servers don't always say which event was at fault; the last truncation then is the likeliest.
            turn_id = cause.removeprefix("truncate:") if cause.startswith("truncate:") else self._truncated_turn
            if turn_id is not None:
                return (TruncationRefused(turn_id, int(found[1])),)
        return (SessionErrored(problem),)

    # The caller

    def _speech_started(self, message: Message) -> _Parsed:
        return (CallerStartedSpeaking(turn_id_of(required_text(message, "item_id"))),)

    def _speech_stopped(self, message: Message) -> _Parsed:
        return (CallerStoppedSpeaking(turn_id_of(required_text(message, "item_id"))),)

    def _timeout_triggered(self, message: Message) -> _Parsed:
        self._timed_out_item = required_text(message, "item_id")
        return ()

    def _committed(self, message: Message) -> _Parsed:
        item_id = required_text(message, "item_id")
        return (CallerTurnEnded(turn_id_of(item_id), silent=item_id == self._timed_out_item),)

    def _transcript_delta(self, message: Message) -> _Parsed:
        text = optional_text(message, "delta")
        return (CallerTranscript(_turn_id(message), text, final=False),) if text else ()

    def _transcript_completed(self, message: Message) -> _Parsed:
        usage = transcription_usage(message.get("usage"))
        return (CallerTranscript(_turn_id(message), required_text(message, "transcript"), final=True, usage=usage),)

    def _transcript_failed(self, message: Message) -> _Parsed:
        error = message.get("error")
        problem = problem_from(error if isinstance(error, dict) else {})
        return CallerTranscript(_turn_id(message), "", final=True), TranscriptionFailed(problem)

    # The conversation

    def _item(self, message: Message) -> _Parsed:
        item = required_object(message, "item")
        item_id = required_text(item, "id")
        after = optional_text(message, "previous_item_id")
        after = None if after == "root" else after
        # An item is announced two or three times; once more is of use only if it now has its place.
        if item_id in self._chained and (after is None or self._chained[item_id] is not None):
            return ()
        self._chained[item_id] = after
        return (TurnAdded(turn_id_of(item_id), _speaker(item), turn_id_of(after) if after else None),)

    # The agent

    def _response_created(self, message: Message) -> _Parsed:
        return (ResponseStarted(required_text(required_object(message, "response"), "id")),)

    def _response_done(self, message: Message) -> _Parsed:
        response = required_object(message, "response")
        details = response.get("status_details")
        details = details if isinstance(details, dict) else {}
        error = details.get("error")
        status = optional_text(response, "status")
        if status not in _STATUSES:
            status = "failed" if isinstance(error, dict) else "completed"
        problem = None
        if status == "failed":
            problem = problem_from(error if isinstance(error, dict) else {})
        elif status == "incomplete":
            problem = Problem(optional_text(details, "reason") or "incomplete")
        usage = response_usage(response.get("usage") or message.get("usage"))
        return (ResponseEnded(required_text(response, "id"), cast(ResponseStatus, status), problem, usage),)

    def _audio(self, message: Message) -> _Parsed:
        audio = required_text(message, "delta")
        try:  # a leg may put it between quotes as it is
            size = len(a2b_base64(audio, strict_mode=True))
        except ValueError:
            raise WireError("response.output_audio.delta: delta is not base64") from None
        turn_id = _turn_id(message)
        event = AgentAudio(required_text(message, "response_id"), turn_id, audio, size / self._bytes_per_ms)
        return (event,) if turn_id == message["item_id"] else (*self._further_part(message, turn_id), event)

    def _agent_text(self, message: Message) -> _Parsed:
        turn_id = _turn_id(message)
        event = AgentText(turn_id, required_text(message, "delta"))
        return (event,) if turn_id == message["item_id"] else (*self._further_part(message, turn_id), event)

    def _further_part(self, message: Message, turn_id: str) -> tuple[TurnAdded, ...]:
        """A part that the server doesn't announce as an item joins the conversation behind the one before."""
        item_id = message["item_id"]
        first = turn_id_of(item_id)
        parts = self._further_parts.setdefault(item_id, [])
        if turn_id == first or turn_id in parts:
            return ()
        parts.append(turn_id)
        return (TurnAdded(turn_id, "agent", after=parts[-2] if len(parts) > 1 else first),)

    def _output_item_done(self, message: Message) -> _Parsed:
        item = required_object(message, "item")
        type_ = item.get("type")
        if type_ == "message":
            item_id = required_text(item, "id")
            parts = self._further_parts.pop(item_id, [])
            return tuple(AgentTurnEnded(turn_id) for turn_id in (turn_id_of(item_id), *parts))
        if type_ == "function_call" and item.get("status", "completed") == "completed":
            return (
                ToolCalled(
                    optional_text(message, "response_id") or "",
                    required_text(item, "call_id"),
                    required_text(item, "name"),
                    optional_text(item, "arguments") or "{}",
                ),
            )
        return ()

    _READERS: ClassVar[dict[str, Callable[[Wire, Message], _Parsed]]] = {
        "session.created": _session_created,
        "conversation.created": _session_created,
        "session.updated": _session_updated,
        "error": _error,
        "input_audio_buffer.speech_started": _speech_started,
        "input_audio_buffer.speech_stopped": _speech_stopped,
        "input_audio_buffer.timeout_triggered": _timeout_triggered,
        "input_audio_buffer.committed": _committed,
        "conversation.item.input_audio_transcription.delta": _transcript_delta,
        "conversation.item.input_audio_transcription.completed": _transcript_completed,
        "conversation.item.input_audio_transcription.failed": _transcript_failed,
        "conversation.item.added": _item,
        "conversation.item.created": _item,
        "conversation.item.done": _item,
        "response.created": _response_created,
        "response.done": _response_done,
        "response.output_audio.delta": _audio,
        "response.output_audio_transcript.delta": _agent_text,
        "response.output_text.delta": _agent_text,
        "response.output_item.done": _output_item_done,
    }

    # To the server

    def encode(self, command: Command) -> bytes:
        """The message for a command "to the engine's session"; empty for any other.

        Raises WireError for audio that would break out of its message.
        """
        if type(command) is AppendAudio:  # before the others: nearly all of them are
            if '"' in command.audio:
                raise WireError("the caller's audio is not base64")
            return f'{{"type":"input_audio_buffer.append","audio":"{command.audio}"}}'.encode()
        match command:
            case TruncateTurn(turn_id, heard_ms):
                self._truncated_turn = turn_id
                item_id, content_index = item_of(turn_id)
                return _client_event(
                    "conversation.item.truncate",
                    event_id=f"truncate:{turn_id}",
                    item_id=item_id,
                    content_index=content_index,
                    audio_end_ms=heard_ms,
                )
            case DeleteTurn(turn_id):
                item_id, content_index = item_of(turn_id)
                if content_index:  # only an item can be deleted, and something of this one was heard
                    return self.encode(TruncateTurn(turn_id, heard_ms=0))
                return _client_event("conversation.item.delete", event_id=f"delete:{item_id}", item_id=item_id)
            case AddMessage(role, text):
                content = [{"type": "input_text", "text": _unicode(text)}]
                return _client_event(
                    "conversation.item.create", item={"type": "message", "role": role, "content": content}
                )
            case SendToolOutput(tool_call_id, output):
                return _client_event(
                    "conversation.item.create",
                    item={"type": "function_call_output", "call_id": tool_call_id, "output": _unicode(output)},
                )
            case RequestResponse(None):
                return _client_event("response.create")
            case RequestResponse(str(instructions)):
                response = {"instructions": _unicode(instructions), "tool_choice": "none"}
                return _client_event("response.create", response=response)
            case CancelResponse(response_id):
                return _client_event("response.cancel", response_id=response_id)
            case _:
                return b""


def configuration(session: Mapping[str, Any]) -> bytes:
    """The message that asks for a configuration."""
    return _client_event("session.update", event_id="configure", session=session)


def turn_id_of(item_id: str, content_index: int = 0) -> str:
    """The turn that one content part of an item is."""
    return f"{item_id}#{content_index}" if content_index or "#" in item_id else item_id


def item_of(turn_id: str) -> tuple[str, int]:
    """The item and the content part that a turn is: the reverse of `turn_id_of`."""
    item_id, found, content_index = turn_id.rpartition("#")
    return (item_id, int(content_index)) if found else (turn_id, 0)


def _client_event(type_: str, **fields: object) -> bytes:
    # Agents bring Mappings of any kind, and a dialogue in YAML may have numbers as keys.
    return orjson.dumps({"type": type_, **fields}, default=dict, option=orjson.OPT_NON_STR_KEYS)


def _unicode(text: str) -> str:
    """The text without halves of surrogate pairs, such as a tool may hand on: no JSON can hold them."""
    return text.encode("utf-8", "replace").decode()


def _turn_id(message: Message) -> str:
    return turn_id_of(required_text(message, "item_id"), count(message, "content_index"))


def _speaker(item: Message) -> Speaker | None:
    if item.get("type") != "message":
        return None
    if item.get("role") == "assistant":
        return "agent"
    # What we typed into the conversation, nobody said.
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    typed = parts and all(isinstance(part, dict) and part.get("type") == "input_text" for part in parts)
    return "caller" if item.get("role") == "user" and not typed else None
