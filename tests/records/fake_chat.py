"""A server with OpenAI's `/chat/completions` that answers what a test wants, and is as strict as OpenAI's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from tests.tools.web import Received, answer, serving

Body = dict[str, Any]
Answers = Callable[[Body], bytes]


def says(content: str | Body | None, *, prompt: int = 1000, cached: int = 0, written: int = 100) -> bytes:
    """A completion."""
    text = json.dumps(content) if isinstance(content, dict) else content
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, "refusal": None}}
    return answer({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage})


def refuses(reason: str, status: int = 400) -> bytes:
    return answer({"error": {"message": reason, "type": "invalid_request_error"}}, status)


def faults_of_request(body: Body) -> Iterator[str]:
    """What OpenAI would refuse of it (structured outputs, strict mode; JSON mode)."""
    form = body.get("response_format", {"type": "text"})
    if form["type"] == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        yield "'messages' must contain the word 'json' in some form"
    if form["type"] == "json_schema" and form["json_schema"]["strict"]:
        yield from _faults_of_schema(form["json_schema"]["schema"])


def _faults_of_schema(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _faults_of_schema(item)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            if schema.get("additionalProperties") is not False:
                yield "'additionalProperties' is required to be supplied and to be false"
            if set(schema.get("required", ())) != set(properties):
                yield "'required' is required to be supplied and to be an array including every key in properties"
        for item in schema.values():
            yield from _faults_of_schema(item)


class FakeChat:
    """Where it is, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Body] = []
        self.keys: list[str | None] = []

    @property
    def forms(self) -> list[str]:
        """The forms of answer that were asked for."""
        return [body.get("response_format", {"type": "text"})["type"] for body in self.asked]


@asynccontextmanager
async def chatting(*answers: bytes | Answers) -> AsyncIterator[FakeChat]:
    """The server; what it says to each request that OpenAI would take, the last of it again and again."""
    left = list(answers)

    def respond(request: Received) -> bytes:
        assert (request.method, request.path) == ("POST", "/v1/chat/completions")
        chat.asked.append(request.json)
        chat.keys.append(request.headers.get("authorization"))
        for fault in faults_of_request(request.json):
            return refuses(f"Invalid schema for response_format: {fault}")
        given = left.pop(0) if len(left) > 1 else left[0]
        return given(request.json) if callable(given) else given

    async with serving(respond) as server:
        chat = FakeChat(f"http://127.0.0.1:{server.port}/v1")
        yield chat
