"""The Realtime protocol (GA), client's side: commands to messages. No I/O, no state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from phoneagent.core.commands import (
    AddMessage,
    AnswerApproval,
    AppendAudio,
    CancelResponse,
    Command,
    DeleteTurn,
    RequestResponse,
    SendToolOutput,
    TruncateTurn,
)
from phoneagent.engines.realtime.fields import WireError, item_of

UPDATE = "update"  # the event_id of a further session.update, by which its refusal is known


def encode(command: Command) -> bytes:
    """The message for a command "to the engine's session"; empty for any other.

    Raises WireError for audio that would break out of its message.
    """
    if type(command) is AppendAudio:  # before the others: nearly all of them are
        if '"' in command.audio:
            raise WireError("the caller's audio is not base64")
        return f'{{"type":"input_audio_buffer.append","audio":"{command.audio}"}}'.encode()
    match command:
        case TruncateTurn(turn_id, heard_ms):
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
                return encode(TruncateTurn(turn_id, heard_ms=0))
            return _client_event("conversation.item.delete", event_id=f"delete:{item_id}", item_id=item_id)
        case AddMessage(role, text):
            part = {"type": "output_text" if role == "assistant" else "input_text", "text": _unicode(text)}
            return _new_item(type="message", role=role, content=[part])
        case SendToolOutput(tool_call_id, output):
            return _new_item(type="function_call_output", call_id=tool_call_id, output=_unicode(output))
        case AnswerApproval(request_id, approve, reason):
            answer = {"approval_request_id": request_id, "approve": approve}
            if reason is not None:
                answer["reason"] = _unicode(reason)
            return _new_item(type="mcp_approval_response", id=_answer_id(request_id), **answer)
        case RequestResponse(None):
            return _client_event("response.create")
        case RequestResponse(str(instructions)):
            response = {"instructions": _unicode(instructions), "tool_choice": "none"}
            return _client_event("response.create", response=response)
        case CancelResponse(response_id):
            return _client_event("response.cancel", response_id=response_id)
        case _:
            return b""


def configuration(session: Mapping[str, Any], event_id: str = "configure") -> bytes:
    """The message that asks for a configuration, or for a change of it."""
    return _client_event("session.update", event_id=event_id, session=session)


def _new_item(**item: object) -> bytes:
    return _client_event("conversation.item.create", item=item)


def _answer_id(request_id: str) -> str:
    """The id that an answer must bring along: its own, and no longer than the 32 characters that ids may have."""
    return "mcpa_" + hashlib.blake2s(request_id.encode("utf-8", "replace"), digest_size=13).hexdigest()


def _client_event(type_: str, **fields: object) -> bytes:
    # Agents bring Mappings of any kind, and a dialogue in YAML may have numbers as keys.
    return orjson.dumps({"type": type_, **fields}, default=dict, option=orjson.OPT_NON_STR_KEYS)


def _unicode(text: str) -> str:
    """The text without halves of surrogate pairs, such as a tool may hand on: no JSON can hold them."""
    return text.encode("utf-8", "replace").decode()
