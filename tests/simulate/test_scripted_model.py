"""The scripted model, spoken to by the client of the `openai` package, which nobody here wrote."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
import websockets
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from phoneagent.simulate.realtime_events import (
    Close,
    Pause,
    Speech,
    ToolCall,
    caller_turn_ended,
    error,
    response,
    response_failed,
    session_created,
    speech_started,
    transcribed,
)
from phoneagent.simulate.scripted_model import ScriptedModel, expect, session_updated

PCMU = {"format": {"type": "audio/pcmu"}}
SESSION: dict[str, Any] = {
    "type": "realtime",
    "instructions": "Be Ada.",
    "audio": {"input": PCMU, "output": PCMU},
}
FRAME = base64.b64encode(b"\xff" * 160).decode()


def client(model: ScriptedModel) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=model.url, api_key="sk-test")


async def types_until(connection: Any, last: str) -> list[str]:
    """The types of the server's events up to and including `last`."""
    types: list[str] = []
    async with asyncio.timeout(30):
        while not types or types[-1] != last:
            types.append((await connection.recv()).type)
    return types


async def test_a_voice_turn_as_the_openai_client_sees_it():
    script = [expect("response.create").then(*response(Speech("Hello there", ms=450, item_id="item_1")))]
    audio, words = b"", ""
    async with ScriptedModel(script) as model, client(model).realtime.connect(model="gpt-realtime-2.1") as c:
        assert (await c.recv()).type == "session.created"
        await c.session.update(session=SESSION)
        assert (await c.recv()).type == "conversation.created"
        updated = await c.recv()
        assert updated.type == "session.updated"
        assert updated.session.audio.output.format.type == "audio/pcmu"
        await c.response.create()
        types = []
        async with asyncio.timeout(30):
            async for event in c:
                types.append(event.type)
                if event.type == "response.output_audio.delta":
                    audio += base64.b64decode(event.delta)
                elif event.type == "response.output_audio_transcript.delta":
                    words += event.delta
                elif event.type == "response.done":
                    break
        assert event.response.status == "completed"
        assert event.response.usage.output_token_details.audio_tokens == 9
        assert event.response.output[0].content[0].transcript == "Hello there"
    assert audio == b"\x55" * 3600
    assert words == "Hello there"
    delta = ["response.output_audio_transcript.delta", "response.output_audio.delta"]
    assert types == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        *delta,
        *delta,
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    session = model.sessions[0]
    assert session.model == "gpt-realtime-2.1"
    assert session.headers["Authorization"] == "Bearer sk-test"
    assert session.script_done


def test_every_event_is_one_that_the_openai_package_knows():
    known: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    steps = [
        session_created({"type": "realtime"}),
        speech_started(),
        *caller_turn_ended(),
        transcribed("a table for four"),
        *response(Speech("One moment."), ToolCall("book_table", '{"people": 4}'), Speech("Done", item_id="i2")),
        *response_failed("rate_limit_exceeded", "Please try again in 1.5s."),
        error("invalid_value", "no", param="session.audio.output.voice"),
    ]
    for step in steps:
        assert isinstance(step, dict)
        event = known.validate_python({**step, "event_id": "event_1"})
        assert type(event).model_fields["type"].annotation.__args__ == (step["type"],)


async def test_audio_is_counted_and_kept_apart_from_the_other_events():
    async with ScriptedModel() as model, client(model).realtime.connect(model="m") as c:
        session = await model.session()
        for _ in range(3):
            await c.input_audio_buffer.append(audio=FRAME)
        await c.conversation.item.delete(item_id="item_9")
        await session.received("conversation.item.delete", item_id="item_9")
        assert session.frames == 3
        assert session.audio == b"\xff" * 480
        assert [one.event["type"] for one in session.events] == ["conversation.item.delete"]


async def test_ordinary_answers_need_no_script():
    async with ScriptedModel() as model, client(model).realtime.connect(model="m") as c:
        await c.conversation.item.create(item={"type": "function_call_output", "call_id": "c", "output": "{}"})
        await c.conversation.item.truncate(item_id="item_1", content_index=0, audio_end_ms=700)
        await c.conversation.item.delete(item_id="item_1")
        await c.response.cancel()
        assert await types_until(c, "error") == [
            "session.created",
            "conversation.created",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.truncated",
            "conversation.item.deleted",
            "error",
        ]


async def test_an_interruption_stops_the_response_that_is_being_spoken():
    slow = response(Speech(ms=60_000, delta_ms=20), speed=1.0)
    script = [expect("response.create").then(*slow)]
    async with ScriptedModel(script) as model, client(model).realtime.connect(model="m") as c:
        await c.response.create()
        await types_until(c, "response.output_audio.delta")
        session = await model.session()
        await c.response.create()
        assert (await types_until(c, "error"))[-1] == "error"  # one is active
        session.interrupt("item_2", at_ms=1200)
        assert (await types_until(c, "response.done"))[-2:] == [
            "input_audio_buffer.speech_started",
            "response.done",
        ]
        assert session.active_response is None
        session.emit(Pause(0.1), error("later"))
        assert await types_until(c, "error") == ["error"]  # and nothing more of what was being said


async def test_the_script_goes_on_event_by_event_and_waits_for_the_right_fields():
    script = [
        expect("conversation.item.create", item={"type": "function_call_output"}).then(error("first")),
        expect("response.create").then(Pause(0.01), error("second"), Close(1001)),
    ]
    async with ScriptedModel(script) as model, client(model).realtime.connect(model="m") as c:
        text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        await c.conversation.item.create(item=text)
        assert "error" not in await types_until(c, "conversation.item.done")
        await c.conversation.item.create(item={"type": "function_call_output", "call_id": "c", "output": ""})
        assert (await c.recv()).error.code == "first"
        await c.response.create()
        assert (await c.recv()).error.code == "second"
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await c.recv()
        assert closed.value.rcvd.code == 1001


async def test_formats_that_nobody_asked_for():
    pcm = {"format": {"type": "audio/pcm", "rate": 24000}}
    script = [expect("session.update").then(session_updated(audio={"output": pcm}))]
    async with ScriptedModel(script) as model, client(model).realtime.connect(model="m") as c:
        await c.session.update(session=SESSION)
        await types_until(c, "conversation.created")
        updated = await c.recv()
        assert updated.session.audio.input.format.type == "audio/pcmu"
        assert updated.session.audio.output.format.type == "audio/pcm"


async def test_a_refused_configuration_changes_nothing():
    script = [expect("session.update").then(error("invalid_value", param="session.audio.output.voice"))]
    async with ScriptedModel(script) as model, client(model).realtime.connect(model="m") as c:
        await c.session.update(session=SESSION)
        await types_until(c, "error")
        assert model.sessions[0].config["audio"]["output"]["format"]["type"] == "audio/pcm"
        await c.session.update(session=SESSION)
        await types_until(c, "session.updated")
        assert model.sessions[0].config["audio"]["output"]["format"]["type"] == "audio/pcmu"
        assert model.sessions[0].config["audio"]["output"]["voice"] == "marin"


async def test_what_is_no_event_is_an_error_and_the_session_lives_on():
    async with ScriptedModel() as model:
        async with websockets.connect("ws" + model.url[4:] + "/realtime?model=m") as socket:
            await socket.recv()
            await socket.recv()
            for wrong, code in [("{", "invalid_json"), ("[]", "invalid_value"), ('{"type":"x"}', "invalid_value")]:
                await socket.send(wrong)
                assert json.loads(await socket.recv())["error"]["code"] == code
        assert model.sessions[0].events == []


async def test_an_error_names_the_event_that_caused_it():
    async with ScriptedModel() as model, client(model).realtime.connect(model="m") as c:
        await c.send({"type": "response.cancel", "event_id": "mine"})
        await types_until(c, "conversation.created")
        assert (await c.recv()).error.event_id == "mine"


async def test_a_commit_makes_an_item_of_the_audio():
    async with ScriptedModel() as model, client(model).realtime.connect(model="m") as c:
        await c.input_audio_buffer.commit()
        assert (await types_until(c, "conversation.item.done"))[2:] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]


async def test_pcm_audio_is_as_long_as_the_mulaw():
    [delta] = [
        step
        for step in response(Speech(ms=100, delta_ms=100), audio_format="audio/pcm")
        if isinstance(step, dict) and step["type"] == "response.output_audio.delta"
    ]
    assert len(base64.b64decode(delta["delta"])) == 4800


@pytest.mark.parametrize("status", [401, 404])
async def test_a_refused_upgrade(status: int):
    async with ScriptedModel(refuse=status) as model:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with client(model).realtime.connect(model="m"):
                pass
    assert refused.value.response.status_code == status


async def test_nothing_else_is_served():
    async with ScriptedModel() as model:
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect("ws" + model.url[4:] + "/live/sessions"):
                pass


async def test_the_beta_is_gone():
    async with ScriptedModel() as model:
        url = "ws" + model.url[4:] + "/realtime?model=m"
        async with websockets.connect(url, additional_headers={"OpenAI-Beta": "realtime=v1"}) as socket:
            assert "beta_api_shape_disabled" in str(await socket.recv())
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
    assert closed.value.rcvd.code == 4000


async def test_sessions_follow_their_own_scripts():
    def script(number: int) -> list[Any]:
        return [expect("response.create").then(error(f"session {number}"))]

    async with ScriptedModel(script) as model:
        for number in range(2):
            async with client(model).realtime.connect(model="m") as c:
                await c.response.create()
                await types_until(c, "conversation.created")
                assert (await c.recv()).error.code == f"session {number}"
            async with asyncio.timeout(30):
                await (await model.session(number)).closed
        assert model.open_sessions == 0
