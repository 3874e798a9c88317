"""Questions to a language model that are answered in JSON: any server with OpenAI's `/chat/completions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from tenacity.wait import wait_base

from phoneagent.core.costs import Usage

Message = Mapping[str, str]

TIMEOUT_S = 60.0
TRIES = 4

_BUSY = {408, 409, 425, 429}  # and 500 to 599: what may be different the next time
_REFUSED = {400, 404, 415, 422, 501}  # what a server says to a form of answer that it does not know, among others
_HINTS = {
    401: "check PHONEAGENT_AFTER_CALL_API_KEY",
    403: "check PHONEAGENT_AFTER_CALL_API_KEY",
    404: "check PHONEAGENT_AFTER_CALL_URL and PHONEAGENT_AFTER_CALL_MODEL",
}


class ChatError(Exception):
    """There is no answer. The text says why, and nothing of what was asked."""


class _TryAgainError(ChatError):
    """There may be one the next time."""


class _RefusedError(ChatError):
    """The server does not take the request as it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model has written, and what that used."""

    text: str = field(repr=False)
    usage: Usage


class Chat:
    """A language model of a server."""

    def __init__(self, url: str, model: str, api_key: str | None = None, *, wait: wait_base | None = None) -> None:
        """`wait`: how long, before a request is sent again that may succeed then."""
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.model = model
        self._client = httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S)
        self._tries = AsyncRetrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(TRIES),
            wait=wait or wait_random_exponential(multiplier=2, max=30),
            reraise=True,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def ask(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Answer:
        """The answer to messages that ask for JSON of this schema. It is yet to be checked. Raises ChatError.

        Not every server can be held to a schema, or to JSON, and OpenAI's not to every schema: the form of the answer
        is asked for as exactly as it is taken.
        """
        held_to_schema = {"type": "json_schema", "json_schema": {"name": "call", "strict": True, "schema": schema}}
        body: dict[str, Any] = {"model": self.model, "messages": list(messages)}
        for form in (held_to_schema, {"type": "json_object"}):
            try:
                return await self._answer(body | {"response_format": form})
            except _RefusedError:
                continue
        return await self._answer(body)

    async def _answer(self, body: Mapping[str, Any]) -> Answer:
        return await self._tries.copy()(self._post, body)  # a copy, as it counts

    async def _post(self, body: Mapping[str, Any]) -> Answer:
        host = self._client.base_url.host
        try:
            response = await self._client.post("chat/completions", json=body)
        except httpx.HTTPError as error:
            raise _TryAgainError(f"{host} can't be reached: {type(error).__name__}") from error
        if not response.is_success:  # what the server says of it may repeat what was asked
            status = response.status_code
            kind = (
                _TryAgainError
                if status in _BUSY or status >= 500
                else _RefusedError
                if status in _REFUSED
                else ChatError
            )
            hint = f": {_HINTS[status]}" if status in _HINTS else ""
            raise kind(f"{host} answers with status {status}{hint}")
        try:
            completion = _Completion.model_validate_json(response.content)
        except ValidationError as error:
            raise ChatError(f"{host} answers with something that is no chat completion") from error
        text = completion.choices[0].message.content if completion.choices else None
        if not text:
            raise ChatError(f"{host} has no answer, or refuses to give one")
        return Answer(text, completion.usage.counted() if completion.usage else Usage())


class _Cached(BaseModel):
    cached_tokens: int | None = None


class _Tokens(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None

    def counted(self) -> Usage:
        cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None
        return Usage(text_in=self.prompt_tokens, text_cached=cached or 0, text_out=self.completion_tokens)


class _Written(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Written


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Tokens | None = None
