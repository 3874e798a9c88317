"""A brain with a language model: any server with OpenAI's `/v1/chat/completions`, streaming, with tools."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import orjson

from phoneagent.local.brain import BrainError, CallTool, Entry, Request, Said, Speak, Step, ToolCall
from phoneagent.local.protocol import new_id

_SENTENCE = re.compile(r"(.+?[.!?:;…])(?:\s+|$)", re.S)
_SHORTEST = 12  # characters; "1." and "Dr." are not sentences
_SPOKEN = "Everything you write is spoken on the telephone: write plain sentences, without markup or lists."


class ChatBrain:
    """Holds one conversation with a language model."""

    def __init__(self, client: httpx.AsyncClient, model: str) -> None:
        self._client = client
        self._model = model

    def expectation(self) -> None:
        """See Brain: anything may be said."""

    def pass_over(self, history: Sequence[Entry]) -> None:
        """See Brain: the model is told of the whole conversation anyway."""

    async def respond(self, request: Request) -> AsyncIterator[Step]:
        """See Brain. A sentence is spoken as soon as it is whole."""
        calls: dict[int, dict[str, str]] = {}
        text = ""
        async for delta in self._deltas(self._body(request)):
            text += delta.get("content") or ""
            sentences, text = _split(text)
            for sentence in sentences:
                yield Speak(sentence)
            for part in delta.get("tool_calls") or ():
                call = calls.setdefault(part.get("index", 0), {"id": "", "name": "", "arguments": ""})
                function = part.get("function") or {}
                call["id"] = call["id"] or part.get("id") or ""
                call["name"] += function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""
        if text.strip():
            yield Speak(text.strip())
        for call in calls.values():
            yield CallTool(call["name"], call["arguments"] or "{}", call["id"][:32] or new_id("call"))

    def _body(self, request: Request) -> dict[str, Any]:
        prompt = request.session_instructions if request.instructions is None else request.instructions
        messages = [{"role": "system", "content": f"{prompt}\n\n{_SPOKEN}".strip()}]
        messages += [_message(entry) for entry in request.history]
        body: dict[str, Any] = {"model": self._model, "messages": messages, "stream": True}
        if request.tools:
            names = ("name", "description", "parameters")
            body["tools"] = [
                {"type": "function", "function": {name: tool[name] for name in names if name in tool}}
                for tool in request.tools
            ]
            choice = request.tool_choice
            body["tool_choice"] = (
                choice if isinstance(choice, str) else {"type": "function", "function": {"name": choice["name"]}}
            )
        return body

    async def _deltas(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The pieces of the answer, from the server-sent events."""
        try:
            async with self._client.stream("POST", "chat/completions", json=body) as response:
                if response.is_error:
                    reason = (await response.aread()).decode(errors="replace")[:200]
                    raise BrainError(f"The language model's server refused: {response.status_code} {reason}")
                async for line in response.aiter_lines():
                    data = line.removeprefix("data:").strip()
                    if not line.startswith("data:") or data == "[DONE]":
                        continue
                    for choice in orjson.loads(data).get("choices") or ():
                        yield choice.get("delta") or {}
        except (httpx.HTTPError, orjson.JSONDecodeError) as error:
            raise BrainError(f"The language model's server at {self._client.base_url} failed: {error!r}") from error


def _message(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Said):
        return {"role": entry.role, "content": entry.text}
    if isinstance(entry, ToolCall):
        function = {"name": entry.name, "arguments": entry.arguments}
        call = {"id": entry.call_id, "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"role": "tool", "tool_call_id": entry.call_id, "content": entry.output}


def _split(text: str) -> tuple[list[str], str]:
    """The sentences that are whole, and the rest. A sentence is known to be whole by what follows it."""
    sentences: list[str] = []
    start = 0
    for found in _SENTENCE.finditer(text):
        if found.end() == len(text):
            break
        if found.end() - start >= _SHORTEST:
            sentences.append(text[start : found.end()].strip())
            start = found.end()
    return sentences, text[start:]
