"""Messages of a Realtime server, complete as they come over the wire."""

from __future__ import annotations

import base64
import json
from typing import Any

FRAME = base64.b64encode(b"\x7f" * 160).decode()

USER_ITEM = {
    "id": "item_user",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_audio", "transcript": None}],
}
AGENT_ITEM = {
    "id": "item_agent",
    "object": "realtime.item",
    "type": "message",
    "status": "in_progress",
    "role": "assistant",
    "content": [],
}
TOOL_ITEM = {
    "id": "item_tool",
    "object": "realtime.item",
    "type": "function_call",
    "status": "completed",
    "name": "book_table",
    "call_id": "call_1",
    "arguments": '{"people": 4}',
}
OUTPUT_ITEM = {
    "id": "item_output",
    "object": "realtime.item",
    "type": "function_call_output",
    "call_id": "call_1",
    "output": "{}",
}
MCP_CALL = {
    "id": "item_mcp",
    "object": "realtime.item",
    "type": "mcp_call",
    "server_label": "crm",
    "name": "find_customer",
    "arguments": '{"customer": 7}',
}
USAGE = {
    "total_tokens": 500,
    "input_tokens": 400,
    "output_tokens": 100,
    "input_token_details": {
        "text_tokens": 150,
        "audio_tokens": 240,
        "image_tokens": 10,
        "cached_tokens": 200,
        "cached_tokens_details": {"text_tokens": 130, "audio_tokens": 64, "image_tokens": 6},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 70, "reasoning_tokens": 8},
}


def server(type_: str, **fields: Any) -> bytes:
    return json.dumps({"type": type_, "event_id": "event_1", **fields}).encode()


def error(code: str | None, message: str, event_id: str | None = None, param: str | None = None) -> bytes:
    details = {"type": "invalid_request_error", "code": code, "message": message}
    return server("error", error={**details, "param": param, "event_id": event_id})


def response(status: str = "in_progress", usage: object = None, **details: Any) -> dict[str, Any]:
    return {
        "object": "realtime.response",
        "id": "resp_1",
        "status": status,
        "status_details": {"type": status, **details} if details else None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": "marin"}},
        "usage": usage,
        "metadata": None,
    }


IN_RESPONSE = {"response_id": "resp_1", "item_id": "item_agent", "output_index": 0, "content_index": 0}

SESSION_CREATED = server(
    "session.created",
    session={"type": "realtime", "object": "realtime.session", "id": "sess_1", "expires_at": 1_795_000_000},
)
SPEECH_STARTED = server("input_audio_buffer.speech_started", audio_start_ms=1200, item_id="item_user")
SPEECH_STOPPED = server("input_audio_buffer.speech_stopped", audio_end_ms=2700, item_id="item_user")
COMMITTED = server("input_audio_buffer.committed", previous_item_id="item_0", item_id="item_user")
TIMEOUT = server("input_audio_buffer.timeout_triggered", audio_start_ms=9000, audio_end_ms=15000, item_id="item_user")
USER_ADDED = server("conversation.item.added", previous_item_id="item_0", item=USER_ITEM)
USER_DONE = server("conversation.item.done", previous_item_id="item_0", item=USER_ITEM)
AGENT_ADDED = server("conversation.item.added", previous_item_id="item_user", item=AGENT_ITEM)
TOOL_ADDED = server("conversation.item.added", previous_item_id="item_agent", item=TOOL_ITEM)
OUTPUT_ADDED = server("conversation.item.added", previous_item_id="item_tool", item=OUTPUT_ITEM)
HEARD_DELTA = server(
    "conversation.item.input_audio_transcription.delta", item_id="item_user", content_index=0, delta="A ta"
)
HEARD = server(
    "conversation.item.input_audio_transcription.completed",
    item_id="item_user",
    content_index=0,
    transcript="A table for four.",
    usage={"type": "duration", "seconds": 1.5},
)
NOT_HEARD = server(
    "conversation.item.input_audio_transcription.failed",
    item_id="item_user",
    content_index=0,
    error={"type": "invalid_request_error", "code": "DeploymentNotFound", "message": "No such deployment."},
)
RESPONSE_CREATED = server("response.created", response=response())
AUDIO = server("response.output_audio.delta", **IN_RESPONSE, delta=FRAME)
TEXT = server("response.output_audio_transcript.delta", **IN_RESPONSE, delta="For four")
ITEM_DONE = server(
    "response.output_item.done",
    response_id="resp_1",
    output_index=0,
    item={**AGENT_ITEM, "status": "completed", "content": [{"type": "output_audio", "transcript": "For four?"}]},
)
TOOL_DONE = server("response.output_item.done", response_id="resp_1", output_index=1, item=TOOL_ITEM)
MCP_CALL_ADDED = server("response.output_item.added", response_id="resp_1", output_index=1, item=MCP_CALL)
MCP_CALL_STARTED = server("response.mcp_call.in_progress", item_id="item_mcp", output_index=1)
MCP_CALL_COMPLETED = server("response.mcp_call.completed", item_id="item_mcp", output_index=1)
MCP_CALL_FAILED = server("response.mcp_call.failed", item_id="item_mcp", output_index=1)
MCP_CALL_DONE = server(
    "response.output_item.done", response_id="resp_1", output_index=1, item={**MCP_CALL, "output": "Ada"}
)
APPROVAL_REQUESTED = server(
    "response.output_item.done",
    response_id="resp_1",
    output_index=2,
    item={
        "id": "mcpr_1",
        "type": "mcp_approval_request",
        "server_label": "crm",
        "name": "delete_customer",
        "arguments": '{"customer": 7}',
    },
)
TOOLS_LISTED = server(
    "conversation.item.added",
    previous_item_id=None,
    item={"id": "item_list", "type": "mcp_list_tools", "server_label": "crm", "tools": []},
)
TOOLS_NOT_LISTED = server("mcp_list_tools.failed", item_id="item_list")
RESPONSE_DONE = server("response.done", response=response("completed", USAGE))
IGNORED = (
    server("conversation.item.deleted", item_id="item_agent"),
    server("conversation.item.truncated", item_id="item_agent", content_index=0, audio_end_ms=900),
    server("input_audio_buffer.cleared"),
    server("mcp_list_tools.in_progress", item_id="item_list"),
    server("mcp_list_tools.completed", item_id="item_list"),
    server("response.mcp_call_arguments.delta", response_id="resp_1", item_id="item_mcp", output_index=1, delta="{"),
    server(
        "response.mcp_call_arguments.done", response_id="resp_1", item_id="item_mcp", output_index=1, arguments="{}"
    ),
    server("rate_limits.updated", rate_limits=[{"name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 1}]),
    server("response.content_part.added", **IN_RESPONSE, part={"type": "audio", "transcript": ""}),
    server("response.content_part.done", **IN_RESPONSE, part={"type": "audio", "transcript": "For four?"}),
    server("response.output_audio.done", **IN_RESPONSE),
    server("response.output_audio_transcript.done", **IN_RESPONSE, transcript="For four?"),
    server("response.output_item.added", response_id="resp_1", output_index=0, item=AGENT_ITEM),
    server(
        "response.function_call_arguments.done",
        **{**IN_RESPONSE, "item_id": "item_tool"},
        call_id="call_1",
        name="book_table",
        arguments='{"peo',
    ),
)
A_CALL = (
    SESSION_CREATED,
    SPEECH_STARTED,
    SPEECH_STOPPED,
    COMMITTED,
    USER_ADDED,
    USER_DONE,
    RESPONSE_CREATED,
    AGENT_ADDED,
    TEXT,
    AUDIO,
    HEARD_DELTA,
    HEARD,
    ITEM_DONE,
    TOOL_ADDED,
    TOOL_DONE,
    TOOLS_LISTED,
    MCP_CALL_ADDED,
    MCP_CALL_STARTED,
    APPROVAL_REQUESTED,
    RESPONSE_DONE,
    MCP_CALL_COMPLETED,
    MCP_CALL_DONE,
    MCP_CALL_FAILED,
    TOOLS_NOT_LISTED,
    OUTPUT_ADDED,
    TIMEOUT,
    NOT_HEARD,
    error("invalid_value", "Audio content of 900ms is already shorter than 950ms", "truncate:item_agent"),
    *IGNORED,
)
