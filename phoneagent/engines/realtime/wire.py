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

from phoneagent.core.commands import Command, TruncateTurn
from phoneagent.core.errors import Problem
from phoneagent.core.events import (
    AgentAudio,
    AgentText,
    AgentTurnEnded,
    ApprovalRequested,
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
from phoneagent.engines.realtime.encode import UPDATE, encode
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
    turn_id_of,
)
from phoneagent.engines.realtime.remote_tools import RemoteTools
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
class ToolsNotListed:
    """The service that runs them could not ask an MCP server for its tools; None if it doesn't say which."""

    server: str | None


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a type that this wire doesn't know."""

    type: str


Notice = SessionCreated | SessionUpdated | TranscriptionFailed | ToolsNotListed | UnknownMessage
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
        "mcp_list_tools.completed",
        "mcp_list_tools.in_progress",
        "ping",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",  # also sent for half of the arguments
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.output_text.done",
    }
)


class Wire:
    """One session's messages, read in order. `audio_format` is the one of the agent's audio."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._bytes_per_ms = _BYTES_PER_MS[audio_format]
        self._chained: dict[str, TurnAdded] = {}  # by the ids of their items
        self._further_parts: dict[str, list[str]] = {}  # open items with more than one part: turn ids of these
        self._timed_out_item: str | None = None
        self._truncated_turn: str | None = None
        self._response_id = ""  # of the response that began last
        self._remote_tools = RemoteTools()
        self._tool_lists: dict[str, str | None] = {}  # item ids, and of which server

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
        if cause == UPDATE:  # whatever its code: the session goes on as it was
            return (SessionErrored(Problem("update_refused", f"{problem.code}: {problem.message}", problem.param)),)
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
        if item.get("type") == "mcp_list_tools":
            self._tool_lists[item_id] = optional_text(item, "server_label")
        # An item is announced two or three times; once more is of use only if it now has its place.
        known = self._chained.get(item_id)
        if known is not None and (after is None or known.after is not None):
            return ()
        speaker = known.speaker if known is not None else _speaker(item)
        added = TurnAdded(turn_id_of(item_id), speaker, turn_id_of(after) if after else None)
        self._chained[item_id] = added
        return (added,)

    def _tools_not_listed(self, message: Message) -> _Parsed:
        return (ToolsNotListed(self._tool_lists.get(required_text(message, "item_id"))),)

    # The agent

    def _response_created(self, message: Message) -> _Parsed:
        self._response_id = required_text(required_object(message, "response"), "id")
        return (ResponseStarted(self._response_id),)

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

    def _output_item_added(self, message: Message) -> _Parsed:
        item = required_object(message, "item")
        if item.get("type") != "mcp_call":
            return ()
        return self._remote_tools.started(required_text(item, "id"), self._response_of(message))

    def _remote_tool_started(self, message: Message) -> _Parsed:
        return self._remote_tools.started(required_text(message, "item_id"), self._response_of(message))

    def _remote_tool_ended(self, message: Message) -> _Parsed:
        return self._remote_tools.ended(required_text(message, "item_id"), self._response_of(message))

    def _response_of(self, message: Message) -> str:
        """To which response a message belongs; of tools the protocol doesn't always say, and it is the last."""
        return optional_text(message, "response_id") or self._response_id

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
                    self._response_of(message),
                    required_text(item, "call_id"),
                    required_text(item, "name"),
                    optional_text(item, "arguments") or "{}",
                ),
            )
        if type_ == "mcp_call":
            return self._remote_tools.ended(required_text(item, "id"), self._response_of(message))
        if type_ == "mcp_approval_request":
            name = f"{required_text(item, 'server_label')}_{required_text(item, 'name')}"
            return (ApprovalRequested(required_text(item, "id"), name, optional_text(item, "arguments") or "{}"),)
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
        "response.output_item.added": _output_item_added,
        "response.output_item.done": _output_item_done,
        "response.mcp_call.in_progress": _remote_tool_started,
        "response.mcp_call.completed": _remote_tool_ended,
        "response.mcp_call.failed": _remote_tool_ended,
        "mcp_list_tools.failed": _tools_not_listed,
    }

    # To the server

    def encode(self, command: Command) -> bytes:
        """The message for a command "to the engine's session"; empty for any other. Raises WireError."""
        if isinstance(command, TruncateTurn):
            self._truncated_turn = command.turn_id
        return encode(command)


def _turn_id(message: Message) -> str:
    return turn_id_of(required_text(message, "item_id"), count(message, "content_index"))


def _speaker(item: Message) -> Speaker | None:
    if item.get("type") != "message":
        return None
    # What we typed into the conversation, nobody said. What the agent says is still empty when it is announced.
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    typed = parts and all(
        isinstance(part, dict) and part.get("type") in ("input_text", "output_text") for part in parts
    )
    role = None if typed else item.get("role")
    return "agent" if role == "assistant" else "caller" if role == "user" else None
