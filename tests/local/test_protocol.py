"""The Realtime protocol, event by event, over a real socket."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bench.client import PCMU, SILENCE, Client, words_of
from phoneagent.core.wording import say_exactly


def nested(path: str, value: Any) -> dict[str, Any]:
    *outer, last = path.split(".")
    changes: dict[str, Any] = {last: value}
    for name in reversed(outer):
        changes = {name: changes}
    return {"type": "realtime", **changes}


async def test_an_update_changes_what_it_names_and_nothing_else(client: Client) -> None:
    await client.ask("session.update", "session.updated", session=nested("instructions", "Be kind."))
    updated = await client.ask("session.update", "session.updated", session=nested("audio.input.format", PCMU))
    session = updated["session"]
    assert session["instructions"] == "Be kind."
    assert session["audio"]["input"]["format"] == PCMU
    assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    off = await client.ask("session.update", "session.updated", session=nested("audio.input.turn_detection", None))
    assert off["session"]["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        (nested("temperature", 0.8), "unknown_parameter", "session.temperature"),
        (nested("audio.input.formt", PCMU), "unknown_parameter", "session.audio.input.formt"),
        (nested("audio.input.format", {"type": "g711_ulaw"}), "invalid_value", "session.audio.input.format"),
        (nested("audio.output.speed", 9), "invalid_value", "session.audio.output.speed"),
        (
            nested("audio.input.turn_detection", {"type": "server_vad", "threshold": 2}),
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (nested("output_modalities", ["smell"]), "invalid_value", "session.output_modalities.0"),
        (nested("tools", [{"type": "function"}]), "missing_required_parameter", "session.tools.0.name"),
    ],
)
async def test_a_wrong_update_is_refused_whole(client: Client, session: dict[str, Any], code: str, param: str) -> None:
    error = await client.refused("session.update", session={**session, "max_output_tokens": 7})
    assert (error["code"], error["param"]) == (code, param)
    after = await client.ask("session.update", "session.updated", session={"type": "realtime"})
    assert after["session"]["max_output_tokens"] == "inf"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type_": "response.cancel"}, "response_cancel_not_active"),
        ({"type_": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
        ({"type_": "input_audio_buffer.append", "audio": "?"}, "invalid_value"),
        ({"type_": "output_audio_buffer.clear"}, "invalid_value"),
        ({"type_": "conversation.item.truncate", "item_id": "no", "content_index": 0, "audio_end_ms": 0},
         "item_truncate_invalid_item_id"),
        ({"type_": "conversation.item.delete", "item_id": "no"}, "item_delete_invalid_item_id"),
        ({"type_": "conversation.item.retrieve", "item_id": "no"}, "item_retrieve_invalid_item_id"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_with_its_code(client: Client, event: dict[str, Any], code: str) -> None:
    assert (await client.refused(**event))["code"] == code


async def test_there_is_one_response_at_a_time(client: Client) -> None:
    await client.send("response.create", response={"instructions": say_exactly("One two. " * 3000)})
    await client.until("response.output_audio.delta")
    assert (await client.refused("response.create"))["code"] == "conversation_already_has_active_response"
    done = await client.ask("response.cancel", "response.done")
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert (await client.respond())["status"] == "completed"


async def test_an_answer_out_of_band_is_not_in_the_conversation(client: Client) -> None:
    done = await client.respond(conversation="none", metadata={"topic": "x"}, instructions=say_exactly("Hello."))
    assert (done["conversation_id"], done["metadata"]) == (None, {"topic": "x"})
    assert (await client.refused("conversation.item.retrieve", item_id=done["output"][0]["id"]))["code"]


async def test_a_truncated_item_keeps_no_words_that_were_not_heard(client: Client) -> None:
    done = await client.respond(instructions=say_exactly("One two three four. Five six seven eight."))
    item = done["output"][0]
    length = len(client.audio_of(item["id"])) // 48
    where = {"item_id": item["id"], "content_index": 0}
    error = await client.refused("conversation.item.truncate", **where, audio_end_ms=length + 500)
    assert error["message"] == f"Audio content of {length}ms is already shorter than {length + 500}ms"
    await client.ask("conversation.item.truncate", "conversation.item.truncated", **where, audio_end_ms=300)
    kept = await client.ask("conversation.item.retrieve", "conversation.item.retrieved", item_id=item["id"])
    assert "transcript" not in kept["item"]["content"][0]
    error = await client.refused("conversation.item.truncate", **where, audio_end_ms=301)
    assert "already shorter" in error["message"]


async def test_the_voice_is_fixed_once_it_was_heard(client: Client) -> None:
    await client.respond()
    error = await client.refused("session.update", session=nested("audio.output.voice", "cedar"))
    assert error["code"] == "cannot_update_voice"


async def test_items_have_one_id_each(client: Client) -> None:
    content = [{"type": "input_text", "text": "hello"}]
    item = {"id": "item_mine", "type": "message", "role": "user", "content": content}
    await client.ask("conversation.item.create", "conversation.item.added", item=item)
    assert (await client.refused("conversation.item.create", item=item))["code"] == "item_create_duplicate_item_id"


async def test_pushing_to_talk(client: Client) -> None:
    await client.configure_phone(None)
    await client.ask("session.update", "session.updated", session=nested("audio.input.turn_detection", None))
    await client.speak(SILENCE[:2400])
    await client.ask("input_audio_buffer.clear", "input_audio_buffer.cleared")
    assert (await client.refused("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"
    await client.speak(SILENCE[:2400])
    await client.ask("input_audio_buffer.commit", "input_audio_buffer.committed")
    await client.until("conversation.item.input_audio_transcription.completed")


async def test_a_typed_question_is_answered_in_text_when_text_is_asked_for(client: Client) -> None:
    await client.write("Who are you?")
    done = await client.respond(output_modalities=["text"])
    assert "demonstration" in done["output"][0]["content"][0]["text"]


async def test_what_was_there_before_is_cached_input(client: Client) -> None:
    first = (await client.respond())["usage"]
    assert first["input_token_details"]["cached_tokens"] == 0
    second = (await client.respond())["usage"]["input_token_details"]
    output = first["output_token_details"]
    assert (second["audio_tokens"], second["text_tokens"]) == (output["audio_tokens"], output["text_tokens"])
    assert second["cached_tokens"] == second["audio_tokens"] + second["text_tokens"]


async def test_an_event_that_is_no_json_does_not_end_the_session(client: Client) -> None:
    await client.socket.send("{")
    assert (await client.until("error"))["error"]["code"] == "invalid_json"
    await client.send("input_audio_buffer.append", audio=base64.b64encode(b"\0" * 960).decode())
    assert words_of(await client.respond())
