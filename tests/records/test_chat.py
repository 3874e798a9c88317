"""Questions to a language model, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tenacity import wait_none

from phoneagent.core.costs import Usage
from phoneagent.records.chat import TRIES, Answer, Chat, ChatError
from tests.records.fake_chat import Answers, Body, FakeChat, chatting, refuses, says
from tests.tools.web import answer

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
MESSAGES = [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "Hm?"}]


@asynccontextmanager
async def model(*answers: bytes | Answers, api_key: str | None = None) -> AsyncIterator[tuple[Chat, FakeChat]]:
    """A model that answers so, and the server that has it."""
    async with chatting(*answers) as server:
        chat = Chat(server.url, "some-model", api_key, wait=wait_none())
        yield chat, server
        await chat.close()


async def test_an_answer_is_held_to_its_schema_and_what_it_used_is_counted():
    async with model(says({"a": "b"}, prompt=1200, cached=1000, written=30), api_key="sk-test") as (chat, server):
        usage = Usage(text_in=1200, text_cached=1000, text_out=30)
        assert await chat.ask(MESSAGES, SCHEMA) == Answer('{"a": "b"}', usage)
    form = {"type": "json_schema", "json_schema": {"name": "call", "strict": True, "schema": SCHEMA}}
    assert server.asked == [{"model": "some-model", "messages": MESSAGES, "response_format": form}]
    assert server.keys == ["Bearer sk-test"]


async def test_a_schema_that_openai_does_not_take_becomes_json_of_any_form():
    async with model(says({})) as (chat, server):
        await chat.ask(MESSAGES, SCHEMA | {"required": []})
    assert server.forms == ["json_schema", "json_object"]


@pytest.mark.parametrize("known", ["json_schema", "json_object", "text"])
async def test_a_server_is_asked_for_the_strictest_form_that_it_knows(known: str):
    def respond(body: Body) -> bytes:
        return says({}) if body.get("response_format", {"type": "text"})["type"] == known else refuses("what?", 422)

    async with model(respond) as (chat, server):
        await chat.ask(MESSAGES, SCHEMA)
    assert server.forms[-1] == known
    assert server.keys[0] is None


async def test_a_server_that_is_busy_is_asked_again():
    async with model(refuses("busy", 503), refuses("slowly", 429), says({"a": "b"})) as (chat, server):
        await chat.ask(MESSAGES, SCHEMA)
    assert server.forms == ["json_schema"] * 3


@pytest.mark.parametrize(
    ("reply", "reason", "requests"),
    [
        (refuses("the secret words", 500), "127.0.0.1 answers with status 500", TRIES),
        (refuses("the secret words", 401), "status 401: check PHONEAGENT_AFTER_CALL_API_KEY", 1),
        (refuses("the secret words", 404), "status 404: check PHONEAGENT_AFTER_CALL_URL and", 3),
        (answer("the secret words"), "something that is no chat completion", 1),
        (answer({"choices": []}), "127.0.0.1 has no answer", 1),
        (says(None), "refuses to give one", 1),
    ],
)
async def test_why_there_is_no_answer_is_said_without_what_was_asked(reply: bytes, reason: str, requests: int):
    async with model(reply) as (chat, server):
        with pytest.raises(ChatError, match=reason) as caught:
            await chat.ask(MESSAGES, SCHEMA)
    assert "secret" not in str(caught.value)
    assert len(server.asked) == requests


async def test_a_server_that_is_not_there_is_named():
    chat = Chat("http://127.0.0.1:9/v1", "some-model", wait=wait_none())
    with pytest.raises(ChatError, match=r"127\.0\.0\.1 can't be reached: ConnectError"):
        await chat.ask(MESSAGES, SCHEMA)
    await chat.close()


async def test_a_server_that_tells_nothing_of_what_was_used_costs_nothing():
    async with model(answer({"choices": [{"message": {"content": "{}"}}]})) as (chat, _):
        assert (await chat.ask(MESSAGES, SCHEMA)).usage == Usage()
