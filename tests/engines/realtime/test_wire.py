"""The Realtime wire on messages as servers send them, and held against OpenAI's own types."""

from __future__ import annotations

import base64
import contextlib
import json
import random
from types import MappingProxyType
from typing import Any

import pytest

from phoneagent.core.commands import (
    AddMessage,
    AnswerApproval,
    AppendAudio,
    CancelResponse,
    ClearPlayout,
    Command,
    DeleteTurn,
    RequestResponse,
    SendToolOutput,
    TruncateTurn,
)
from phoneagent.core.costs import Usage
from phoneagent.core.errors import Problem, Reaction, reaction_to
from phoneagent.core.events import (
    AgentAudio,
    AgentText,
    AgentTurnEnded,
    ApprovalRequested,
    CallerStartedSpeaking,
    CallerStoppedSpeaking,
    CallerTranscript,
    CallerTurnEnded,
    RemoteToolEnded,
    RemoteToolStarted,
    ResponseEnded,
    ResponseRefused,
    ResponseStarted,
    SessionErrored,
    ToolCalled,
    TruncationRefused,
    TurnAdded,
)
from phoneagent.engines.realtime.encode import configuration
from phoneagent.engines.realtime.fields import WireError, item_of, turn_id_of
from phoneagent.engines.realtime.wire import (
    SessionCreated,
    SessionUpdated,
    ToolsNotListed,
    TranscriptionFailed,
    UnknownMessage,
    Wire,
)
from tests.engines.realtime import messages as m
from tests.engines.realtime.messages import error, response, server
from tests.engines.realtime.openai_types import CLIENT_EVENT, SERVER_EVENT, further_fields


def parse(*texts: bytes, audio_format: Any = "pcmu") -> tuple[Any, ...]:
    """The events of messages that one session sends one after another."""
    wire = Wire(audio_format)
    return tuple(event for text in texts for event in wire.parse(text))


def encode(command: Command) -> Any:
    return json.loads(Wire("pcmu").encode(command))


# The caller


def test_the_caller_speaks_and_is_written_down():
    assert parse(m.SPEECH_STARTED, m.SPEECH_STOPPED, m.COMMITTED, m.USER_ADDED, m.HEARD_DELTA, m.HEARD) == (
        CallerStartedSpeaking("item_user"),
        CallerStoppedSpeaking("item_user"),
        CallerTurnEnded("item_user"),
        TurnAdded("item_user", "caller", after="item_0"),
        CallerTranscript("item_user", "A ta", final=False),
        CallerTranscript("item_user", "A table for four.", final=True, usage=Usage(seconds=1.5)),
    )


def test_a_turn_committed_by_the_idle_timeout_is_silent_and_the_next_one_is_not():
    after = server("input_audio_buffer.committed", item_id="item_next")
    assert parse(m.TIMEOUT, m.COMMITTED, after) == (
        CallerTurnEnded("item_user", silent=True),
        CallerTurnEnded("item_next"),
    )


def test_a_turn_that_could_not_be_written_down_has_no_words_and_the_session_learns_why():
    assert parse(m.NOT_HEARD) == (
        CallerTranscript("item_user", "", final=True),
        TranscriptionFailed(Problem("DeploymentNotFound", "No such deployment.")),
    )
    bare = server("conversation.item.input_audio_transcription.failed", item_id="i", error="gone")
    assert parse(bare)[1] == TranscriptionFailed(Problem("unknown"))


def test_an_empty_piece_of_transcript_says_nothing():
    assert parse(server("conversation.item.input_audio_transcription.delta", item_id="i")) == ()


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ({"type": "duration", "seconds": -3}, Usage(seconds=0)),
        (
            {
                "type": "tokens",
                "input_tokens": 20,
                "output_tokens": 7,
                "input_token_details": {"audio_tokens": 15, "text_tokens": 5},
            },
            Usage(audio_in=15, text_in=5, text_out=7),
        ),
        ({"type": "tokens", "output_tokens": "many", "input_token_details": None}, Usage()),
    ],
)
def test_the_usage_of_a_transcription(usage: object, expected: Usage | None):
    done = server("conversation.item.input_audio_transcription.completed", item_id="i", transcript="Hi", usage=usage)
    assert parse(done) == (CallerTranscript("i", "Hi", final=True, usage=expected),)


# The conversation


def test_items_are_chained_once():
    assert parse(m.USER_ADDED, m.USER_DONE, m.AGENT_ADDED, m.TOOL_ADDED, m.OUTPUT_ADDED) == (
        TurnAdded("item_user", "caller", after="item_0"),
        TurnAdded("item_agent", "agent", after="item_user"),
        TurnAdded("item_tool", None, after="item_agent"),
        TurnAdded("item_output", None, after="item_tool"),
    )


def test_an_item_whose_place_is_told_late_is_told_again():
    added = server("conversation.item.created", item=m.USER_ITEM)
    assert parse(added, m.USER_DONE, m.USER_DONE) == (
        TurnAdded("item_user", "caller", after=None),
        TurnAdded("item_user", "caller", after="item_0"),
    )


def test_the_root_is_no_item():
    first = server("conversation.item.added", previous_item_id="root", item=m.USER_ITEM)
    assert parse(first) == (TurnAdded("item_user", "caller", after=None),)


@pytest.mark.parametrize(
    ("role", "content", "speaker"),
    [
        ("user", [{"type": "input_audio"}], "caller"),
        ("user", [], "caller"),
        ("user", None, "caller"),
        ("user", [{"type": "input_text", "text": "The caller pressed 1."}], None),
        ("user", [{"type": "input_text", "text": "Hm"}, {"type": "input_audio"}], "caller"),
        ("user", ["?"], "caller"),
        ("system", [{"type": "input_text", "text": "One minute left."}], None),
        ("assistant", [], "agent"),
        ("assistant", [{"type": "output_audio", "transcript": "Hello."}], "agent"),
        ("assistant", [{"type": "output_text", "text": "What a session before this one said."}], None),
    ],
)
def test_what_was_typed_into_the_conversation_nobody_said(role: str, content: object, speaker: str | None):
    item = {"id": "i", "type": "message", "role": role, "content": content}
    (added,) = parse(server("conversation.item.added", item=item))
    assert added.speaker == speaker


# The agent


def test_the_agent_answers():
    assert parse(m.RESPONSE_CREATED, m.TEXT, m.AUDIO, m.ITEM_DONE, m.RESPONSE_DONE) == (
        ResponseStarted("resp_1"),
        AgentText("item_agent", "For four"),
        AgentAudio("resp_1", "item_agent", m.FRAME, ms=20),
        AgentTurnEnded("item_agent"),
        ResponseEnded(
            "resp_1",
            "completed",
            usage=Usage(
                text_in=150,
                audio_in=240,
                image_in=10,
                text_cached=130,
                audio_cached=64,
                image_cached=6,
                text_out=30,
                audio_out=70,
            ),
        ),
    )


@pytest.mark.parametrize("size", [0, 1, 2, 3, 159, 160, 161, 1600])
@pytest.mark.parametrize(("audio_format", "bytes_per_ms"), [("pcmu", 8), ("pcm", 48)])
def test_the_length_of_audio_is_known_without_decoding_it(size: int, audio_format: str, bytes_per_ms: int):
    delta = base64.b64encode(bytes(size)).decode()
    message = server("response.output_audio.delta", response_id="r", item_id="i", delta=delta)
    (audio,) = parse(message, audio_format=audio_format)
    assert audio == AgentAudio("r", "i", delta, ms=size / bytes_per_ms)


def test_text_without_audio_is_text_too():
    assert parse(server("response.output_text.delta", item_id="i", delta="Hi")) == (AgentText("i", "Hi"),)


def test_further_parts_of_an_item_are_turns_of_their_own():
    def audio(content_index: object) -> bytes:
        return server(
            "response.output_audio.delta",
            response_id="r",
            item_id="i",
            content_index=content_index,
            delta=m.FRAME,
        )

    text = server("response.output_audio_transcript.delta", item_id="i", content_index=1, delta="Hi")
    done = server("response.output_item.done", response_id="r", item={"type": "message", "id": "i"})
    assert parse(audio(0), text, audio(1), audio(2), done, done) == (
        AgentAudio("r", "i", m.FRAME, ms=20),
        TurnAdded("i#1", "agent", after="i"),
        AgentText("i#1", "Hi"),
        AgentAudio("r", "i#1", m.FRAME, ms=20),
        TurnAdded("i#2", "agent", after="i#1"),
        AgentAudio("r", "i#2", m.FRAME, ms=20),
        AgentTurnEnded("i"),
        AgentTurnEnded("i#1"),
        AgentTurnEnded("i#2"),
        AgentTurnEnded("i"),
    )
    assert parse(audio(-1), audio("x"), audio(None)) == (AgentAudio("r", "i", m.FRAME, ms=20),) * 3


def test_an_item_id_with_our_own_separator_is_still_one_turn():
    message = server("response.output_audio.delta", response_id="r", item_id="a#1", delta=m.FRAME)
    assert parse(message, message) == (AgentAudio("r", "a#1#0", m.FRAME, ms=20),) * 2


@pytest.mark.parametrize("item_id", ["item_1", "a#b", "#", "a#1", "", "ü#0"])
@pytest.mark.parametrize("content_index", [0, 1, 12])
def test_a_turn_id_tells_item_and_part(item_id: str, content_index: int):
    assert item_of(turn_id_of(item_id, content_index)) == (item_id, content_index)


def test_a_tool_is_called_by_a_completed_item_only():
    called = ToolCalled("resp_1", "call_1", "book_table", '{"people": 4}')
    assert parse(m.TOOL_DONE) == (called,)
    item = {**m.TOOL_ITEM, "status": "incomplete", "arguments": '{"peo'}
    assert parse(server("response.output_item.done", response_id="resp_1", item=item)) == ()


def test_a_tool_without_arguments_is_called_with_none():
    item = {"type": "function_call", "call_id": "c", "name": "end_call"}
    assert parse(server("response.output_item.done", item=item)) == (ToolCalled("", "c", "end_call", "{}"),)


def test_a_tool_call_that_does_not_say_so_is_of_the_response_that_began_last():
    begun = server("response.created", response={"id": "resp_1"})
    done = server("response.output_item.done", item={"type": "function_call", "call_id": "c", "name": "end_call"})
    assert parse(begun, done)[-1] == ToolCalled("resp_1", "c", "end_call", "{}")


def test_items_of_other_kinds_call_nothing():
    item = {"type": "mcp_list_tools", "id": "i"}
    assert parse(server("response.output_item.added", item=item), server("response.output_item.done", item=item)) == ()


# Tools that the engine's service runs


def test_a_tool_of_an_mcp_server_begins_and_ends_once_however_often_it_is_said():
    told = parse(
        m.RESPONSE_CREATED,
        m.MCP_CALL_ADDED,
        m.MCP_CALL_STARTED,
        m.RESPONSE_DONE,
        m.MCP_CALL_COMPLETED,
        m.MCP_CALL_DONE,
        m.MCP_CALL_STARTED,
    )
    assert [event for event in told if isinstance(event, RemoteToolStarted | RemoteToolEnded)] == [
        RemoteToolStarted("resp_1", "item_mcp"),
        RemoteToolEnded("item_mcp"),
    ]


@pytest.mark.parametrize("end", [m.MCP_CALL_COMPLETED, m.MCP_CALL_FAILED, m.MCP_CALL_DONE])
def test_a_tool_of_which_only_the_end_is_told_has_begun_too(end: bytes):
    assert parse(m.RESPONSE_CREATED, end)[1:] == (
        RemoteToolStarted("resp_1", "item_mcp"),
        RemoteToolEnded("item_mcp"),
    )


def test_a_tool_that_begins_after_its_response_belongs_to_the_last_one():
    assert parse(m.RESPONSE_CREATED, m.RESPONSE_DONE, m.MCP_CALL_STARTED)[2:] == (
        RemoteToolStarted("resp_1", "item_mcp"),
    )


def test_the_service_asks_before_it_runs_a_tool():
    assert parse(m.APPROVAL_REQUESTED) == (ApprovalRequested("mcpr_1", "crm_delete_customer", '{"customer": 7}'),)
    approved = encode(AnswerApproval("mcpr_1", approve=True))["item"]
    refused = encode(AnswerApproval("mcpr_2", approve=False, reason="Ask the caller first."))["item"]
    ids = {approved.pop("id"), refused.pop("id")}
    assert len(ids) == 2
    assert all(len(id_) <= 32 for id_ in ids)
    assert approved == {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    assert refused == {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_2",
        "approve": False,
        "reason": "Ask the caller first.",
    }


def test_a_server_whose_tools_can_not_be_listed_is_named_if_it_is_known():
    assert parse(m.TOOLS_LISTED, m.TOOLS_NOT_LISTED)[1:] == (ToolsNotListed("crm"),)
    assert parse(m.TOOLS_NOT_LISTED) == (ToolsNotListed(None),)


def test_what_an_item_was_at_first_it_stays_when_its_place_is_told():
    announced = server("conversation.item.added", item=m.AGENT_ITEM)
    done = {**m.AGENT_ITEM, "content": [{"type": "output_text", "text": "Without a voice."}]}
    assert parse(announced, server("conversation.item.done", previous_item_id="item_user", item=done)) == (
        TurnAdded("item_agent", "agent", after=None),
        TurnAdded("item_agent", "agent", after="item_user"),
    )


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        ("completed", {}, ("completed", None)),
        ("cancelled", {"reason": "turn_detected"}, ("cancelled", None)),
        ("incomplete", {"reason": "content_filter"}, ("incomplete", Problem("content_filter"))),
        ("incomplete", {}, ("incomplete", Problem("incomplete"))),
        (
            "failed",
            {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Please try again in 6.2s."}},
            ("failed", Problem("rate_limit_exceeded", "Please try again in 6.2s.")),
        ),
        ("failed", {}, ("failed", Problem("unknown"))),
        ("exploded", {"error": {"type": "server_error"}}, ("failed", Problem("server_error"))),
        (None, {}, ("completed", None)),
    ],
)
def test_how_a_response_ends(status: Any, details: dict[str, Any], expected: tuple[Any, Any]):
    (ended,) = parse(server("response.done", response=response(status, **details)))
    assert (ended.response_id, ended.status, ended.problem) == ("resp_1", *expected)


def test_the_usage_of_a_response_may_stand_beside_it_or_be_empty():
    beside = server("response.done", response=response("completed", {}), usage=m.USAGE)
    assert parse(beside)[0].usage.audio_out == 70
    assert parse(server("response.done", response=response("completed", {})))[0].usage is None
    odd = {"total_tokens": 3, "input_token_details": {"text_tokens": -1, "cached_tokens_details": 7}}
    assert parse(server("response.done", response=response("completed", odd)))[0].usage == Usage()
    assert parse(server("response.done", response=response("completed", 3)))[0].usage is None


def test_a_response_outside_of_the_conversation_is_a_response():
    outside = {**response("completed"), "conversation_id": None}
    assert parse(server("response.done", response=outside)) == (ResponseEnded("resp_1", "completed"),)


# The session


def test_the_session_is_created_and_updated():
    assert parse(m.SESSION_CREATED) == (SessionCreated("sess_1", 1_795_000_000),)
    assert parse(server("conversation.created", conversation={"id": "conv_1"})) == (SessionCreated(),)
    assert parse(server("session.updated", session={"voice": "marin"})) == (SessionUpdated({"voice": "marin"}),)


def test_a_response_is_refused_while_one_is_active():
    busy = error("conversation_already_has_active_response", "Conversation already has an active response")
    assert parse(busy) == (ResponseRefused(),)


TOO_LONG = "Audio content of 3120ms is already shorter than 3200ms"


def test_a_truncation_is_refused_with_the_length_that_there_is():
    for code in (None, "invalid_value"):
        assert parse(error(code, TOO_LONG, "truncate:item_a#1")) == (TruncationRefused("item_a#1", 3120),)


def test_a_refused_truncation_without_its_event_id_is_the_last_one():
    wire = Wire("pcmu")
    assert wire.parse(error(None, TOO_LONG)) == (SessionErrored(Problem("invalid_request_error", TOO_LONG)),)
    wire.encode(TruncateTurn("item_a", 3200))
    assert wire.parse(error(None, TOO_LONG)) == (TruncationRefused("item_a", 3120),)


@pytest.mark.parametrize(
    "message",
    [
        error("response_cancel_not_active", "Cancellation failed: no active response found"),
        error("item_truncate_invalid_item_id", "Item with item_id not found", "truncate:item_a"),
        error("item_delete_invalid_item_id", "Item with item_id not found"),
        error("invalid_value", "No such item", "delete:item_a"),
    ],
)
def test_errors_that_mean_nothing_are_dropped(message: bytes):
    assert parse(message) == ()


def test_a_further_configuration_that_is_refused_is_no_end_whatever_its_code():
    refused = error("session_expired", "Unknown parameter: 'x'.", "update", param="session.x")
    assert parse(refused) == (
        SessionErrored(Problem("update_refused", "session_expired: Unknown parameter: 'x'.", "session.x")),
    )
    assert reaction_to(parse(refused)[0].problem) is Reaction.IGNORE


def test_other_errors_are_told():
    assert parse(error("invalid_value", "Invalid value: 'x'.", param="item.id")) == (
        SessionErrored(Problem("invalid_value", "Invalid value: 'x'.", "item.id")),
    )


@pytest.mark.parametrize(
    ("code", "type_", "expected"),
    [
        ("session_expired", "invalid_request_error", "session_expired"),
        ("session_expired", "server_error", "session_expired"),
        ("billing_not_active", "insufficient_quota", "insufficient_quota"),
        (None, "server_error", "server_error"),
        ("something_new", "invalid_request_error", "something_new"),
        (None, None, "unknown"),
    ],
)
def test_a_problem_is_known_by_its_code_or_by_its_type(code: Any, type_: Any, expected: str):
    (errored,) = parse(server("error", error={"code": code, "type": type_, "message": None}))
    assert errored.problem == Problem(expected)


# What there may be besides


def test_acknowledgements_are_not_news():
    assert parse(*m.IGNORED, server("ping", timestamp=1)) == ()


def test_unknown_messages_and_fields_are_tolerated():
    assert parse(server("response.hologram.delta", delta="…")) == (UnknownMessage("response.hologram.delta"),)
    assert parse(server("response.created", response={"id": "r", "mood": "good"}, novelty=[1])) == (
        ResponseStarted("r"),
    )


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"", "not JSON"),
        (b'{"type": "error"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'["type"]', "not a JSON object"),
        (b"{}", "type is missing"),
        (b'{"type": 7}', "type is missing"),
        (server("error"), "error: error is missing"),
        (server("session.updated", session=[]), "session.updated: session is missing"),
        (server("input_audio_buffer.speech_started", item_id=7), "item_id is missing"),
        (server("response.created", response={}), "id is missing"),
        (server("response.output_audio.delta", item_id="i", delta=m.FRAME), "response_id is missing"),
        (server("response.output_audio.delta", response_id="r", item_id="i", delta='"}'), "not base64"),
        (server("response.output_audio.delta", response_id="r", item_id="i", delta="AAA\\"), "not base64"),
        (server("response.output_audio.delta", response_id="r", item_id="i", delta="AA\nAA"), "not base64"),
        (server("response.output_audio.delta", response_id="r", item_id="i", delta="AAAé"), "not base64"),
        (server("response.output_item.done", item={"type": "function_call"}), "call_id is missing"),
    ],
)
def test_garbage_is_a_wire_error_that_says_where(message: bytes, says: str):
    with pytest.raises(WireError, match=says):
        parse(message)


def test_a_wire_error_keeps_what_was_said_to_itself():
    with pytest.raises(WireError) as raised:
        parse(server("response.output_audio_transcript.delta", item_id=None, delta="my PIN is 1234"))
    assert "1234" not in str(raised.value)


def test_a_hundred_thousand_mutations_raise_nothing_but_wire_errors():
    rng = random.Random(7)
    wire = Wire("pcmu")
    odd: list[Any] = [None, 0, -1, 2**63, 1.5, True, "", "x", '"', [], {}, [[]], {"type": "error"}, "error"]

    def mutated(message: bytes) -> bytes:
        if rng.random() < 0.5:  # some bytes
            broken = bytearray(message)
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(broken))
                broken[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
                broken = broken or bytearray(b"{")
            return bytes(broken)
        content = json.loads(message)  # some values
        for _ in range(rng.randint(1, 3)):
            place = content
            while isinstance(inner := place[key := rng.choice(list(place))], dict) and inner and rng.random() < 0.7:
                place = inner
            if rng.random() < 0.3:
                del place[key]
            else:
                place[key] = rng.choice(odd)
            if not content:
                break
        return json.dumps(content).encode()

    refused = 0
    for _ in range(100_000):
        try:
            wire.parse(mutated(rng.choice(m.A_CALL)))
        except WireError:
            refused += 1
    assert 20_000 < refused < 90_000


# To the server


def test_audio_is_spliced_and_cannot_break_out():
    assert Wire("pcmu").encode(AppendAudio(m.FRAME)) == (
        b'{"type":"input_audio_buffer.append","audio":"' + m.FRAME.encode() + b'"}'
    )
    with pytest.raises(WireError, match="not base64"):
        Wire("pcmu").encode(AppendAudio('","type":"response.create'))


def test_the_commands():
    assert encode(TruncateTurn("item_a", 1500)) == {
        "type": "conversation.item.truncate",
        "event_id": "truncate:item_a",
        "item_id": "item_a",
        "content_index": 0,
        "audio_end_ms": 1500,
    }
    assert encode(TruncateTurn("item_a#2", 0))["content_index"] == 2
    assert encode(DeleteTurn("item_a")) == {
        "type": "conversation.item.delete",
        "event_id": "delete:item_a",
        "item_id": "item_a",
    }
    assert encode(AddMessage("system", "Speak up."))["item"] == {
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": "Speak up."}],
    }
    assert encode(AddMessage("assistant", "Hello?"))["item"] == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello?"}],
    }
    assert encode(SendToolOutput("call_1", "{}"))["item"] == {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "{}",
    }
    assert encode(RequestResponse()) == {"type": "response.create"}
    assert encode(RequestResponse("Say: “hello”"))["response"] == {
        "instructions": "Say: “hello”",
        "tool_choice": "none",
    }
    assert encode(CancelResponse("resp_1")) == {"type": "response.cancel", "response_id": "resp_1"}
    assert Wire("pcmu").encode(ClearPlayout()) == b""


def test_any_text_of_a_tool_can_be_sent():
    assert encode(SendToolOutput("call_1", "caf\u00e9 \ud83d"))["item"]["output"] == "caf\u00e9 ?"


def test_any_mapping_of_an_agent_can_be_sent():
    session = {"tools": MappingProxyType({"a": 1}), "dialogue": {1: "one"}}
    assert json.loads(configuration(session))["session"] == {"tools": {"a": 1}, "dialogue": {"1": "one"}}


def test_a_further_part_is_not_deleted_with_its_item():
    deleted = encode(DeleteTurn("item_a#1"))
    assert (deleted["type"], deleted["content_index"], deleted["audio_end_ms"]) == (
        "conversation.item.truncate",
        1,
        0,
    )


# Held against OpenAI's types


@pytest.mark.parametrize("message", m.A_CALL, ids=lambda message: json.loads(message)["type"])
def test_the_messages_of_these_tests_are_openais(message: bytes):
    event = SERVER_EVENT.validate_json(message)
    assert event.type == json.loads(message)["type"]


@pytest.mark.parametrize("message", m.A_CALL, ids=lambda message: json.loads(message)["type"])
def test_a_message_as_openais_types_write_it_is_read_alike(message: bytes):
    assert parse(SERVER_EVENT.validate_json(message).model_dump_json().encode()) == parse(message)


def test_every_message_that_openai_has_for_a_plain_websocket_is_known_or_left_out_on_purpose():
    left_out = {
        "conversation.item.input_audio_transcription.segment",  # diarising models
        "output_audio_buffer.cleared",  # WebRTC and SIP
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
    }
    models = (definition.get("properties", {}) for definition in SERVER_EVENT.json_schema()["$defs"].values())
    types = {fields["type"]["const"] for fields in models if "event_id" in fields and "const" in fields["type"]}
    assert len(types) > 40
    unknown = set()
    for type_ in types:
        with contextlib.suppress(WireError):  # known, and missing all that it needs
            unknown |= {event.type for event in parse(server(type_)) if isinstance(event, UnknownMessage)}
    assert unknown == left_out


def test_our_messages_are_openais():
    schema = MappingProxyType({"type": "object", "properties": MappingProxyType({})})
    tool = {"type": "function", "name": "end_call", "description": "", "parameters": schema}
    commands = (
        AppendAudio(m.FRAME),
        TruncateTurn("item_a", 1500),
        DeleteTurn("item_a"),
        AddMessage("system", "Speak up."),
        AddMessage("user", "The caller pressed 1."),
        AddMessage("assistant", "Hello?"),
        SendToolOutput("call_1", "{}"),
        RequestResponse(),
        RequestResponse("Say hello."),
        CancelResponse("resp_1"),
        AnswerApproval("mcpr_1", approve=True),
        AnswerApproval("mcpr_1", approve=False, reason="Ask the caller first."),
    )
    ours = [Wire("pcmu").encode(command) for command in commands]
    ours.append(configuration({"type": "realtime", "tools": [tool]}))
    for message in ours:
        event = CLIENT_EVENT.validate_json(message)
        assert json.loads(event.model_dump_json(exclude_unset=True)) == json.loads(message)
        assert further_fields(event) == []
