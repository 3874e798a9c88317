"""Ears, brain and mouth of servers: what they are asked, and what is made of their answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import httpx
import orjson
import pytest

from phoneagent.local.brain import BrainError, CallTool, Request, Said, Speak, ToolCall, ToolOutput
from phoneagent.local.chat_brain import ChatBrain
from phoneagent.local.config import EngineConfig, Server
from phoneagent.local.mouth import Manner, MouthError, ServerMouth

Handler = Callable[[httpx.Request], httpx.Response]


def server(handler: Handler) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://server/v1/")


def streamed(*deltas: dict[str, object]) -> httpx.Response:
    lines = [f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n" for delta in deltas]
    return httpx.Response(200, text="".join(lines) + "data: [DONE]\n\n")


async def test_a_server_that_is_not_there_is_named() -> None:
    async with Server("http://127.0.0.1:9/v1", "any").client() as client:
        with pytest.raises(BrainError, match=r"server at http://127\.0\.0\.1:9/v1/ failed"):
            _ = [step async for step in ChatBrain(client, "any").respond(Request((), ""))]


async def test_a_language_model_is_told_the_conversation_and_speaks_sentence_by_sentence() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, json.loads(request.content)))
        return streamed({"content": "One table for two. It"}, {"content": " is booked, isn't it?"})

    tool = {"type": "function", "name": "book_table", "parameters": {"type": "object"}}
    history = [
        Said("1", "user", "A table for two."),
        ToolCall("2", "call_1", "book_table", "{}"),
        ToolOutput("3", "call_1", "done"),
    ]
    steps = [
        step async for step in ChatBrain(server(answer), "llama").respond(Request(history, "Be Ada.", tools=[tool]))
    ]
    assert steps == [Speak("One table for two."), Speak("It is booked, isn't it?")]
    [(path, body)] = asked
    assert path == "/v1/chat/completions"
    assert (body["model"], body["stream"]) == ("llama", True)
    assert body["tools"][0]["function"]["name"] == "book_table"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][0]["content"].startswith("Be Ada.")


async def test_a_language_model_calls_a_tool_in_pieces() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        first = {"index": 0, "id": "call_7", "function": {"name": "end_call", "arguments": "{"}}
        rest = {"index": 0, "function": {"arguments": "}"}}
        return streamed({"content": "Bye."}, {"tool_calls": [first]}, {"tool_calls": [rest]})

    steps = [step async for step in ChatBrain(server(answer), "llama").respond(Request([], ""))]
    assert steps == [Speak("Bye."), CallTool("end_call", "{}", "call_7")]


async def test_a_language_model_that_is_not_there_fails_the_response() -> None:
    brain = ChatBrain(server(lambda request: httpx.Response(404, text="no such model")), "llama")
    with pytest.raises(BrainError, match="404 no such model"):
        [step async for step in brain.respond(Request([], ""))]


async def test_a_speech_server_is_resampled_to_the_session() -> None:
    second = bytes(2 * 24000)
    mouth = ServerMouth(server(lambda request: httpx.Response(200, content=second)), "kokoro")
    pieces = [piece async for piece in mouth.speak("Hello", Manner("marin", "en", 1.0, "audio/pcmu"))]
    assert sum(ms for _, ms in pieces) == pytest.approx(1000, abs=1)
    assert sum(len(base64.b64decode(audio)) for audio, _ in pieces) == pytest.approx(8000, abs=8)


async def test_a_speech_server_that_fails_fails_the_response() -> None:
    mouth = ServerMouth(server(lambda request: httpx.Response(500)), "kokoro")
    with pytest.raises(MouthError, match="500"):
        [piece async for piece in mouth.speak("Hello", Manner("marin", "en", 1.0, "audio/pcmu"))]


def test_a_configuration_survives_the_way_to_the_engine_and_keeps_its_keys_to_itself() -> None:
    config = EngineConfig(brain=Server("http://127.0.0.1:11434/v1", "llama", "sk-secret"), voice="af_heart")
    assert EngineConfig.from_json(config.to_json()) == config
    assert "sk-secret" not in repr(config)


async def test_a_server_is_asked_with_its_own_key() -> None:
    async with Server("http://127.0.0.1:11434/v1", "llama", "sk-secret").client() as client:
        request = client.build_request("POST", "chat/completions")
    assert str(request.url) == "http://127.0.0.1:11434/v1/chat/completions"
    assert request.headers["Authorization"] == "Bearer sk-secret"


async def test_a_voice_that_was_set_speaks_for_every_agent() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(orjson.loads(request.content)["voice"])
        return httpx.Response(200, content=bytes(4800))

    for voice in (None, "af_heart"):
        mouth = ServerMouth(server(answer), "kokoro", voice)
        async for _ in mouth.speak("Hello.", Manner("marin", "en", 1.0, "audio/pcmu")):
            pass
    assert asked == ["marin", "af_heart"]
