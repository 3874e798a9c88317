"""The conversation of a session: its items in order, what of them was heard, and the tokens they are worth.

Tokens by OpenAI's account (Managing Realtime costs): a token is 100 ms of the user's audio or 50 ms of the assistant's,
or about four characters of text; everything before a response is its input, cached if it was there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from phoneagent.local.brain import Entry, Said, ToolCall, ToolOutput
from phoneagent.local.protocol import RealtimeError, new_id

_USER_MS_PER_TOKEN = 100
_ASSISTANT_MS_PER_TOKEN = 50
_CHARACTERS_PER_TOKEN = 4


def text_tokens(text: str) -> int:
    """About how many tokens a text is."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


@dataclass(slots=True)
class Item:
    """An item; `body` is the item as the protocol shows it. `spoken` are the agent's sentences and their length."""

    body: dict[str, Any]
    audio_ms: float = 0.0
    spoken: list[tuple[str, float]] = field(default_factory=list)
    heard_ms: float | None = None  # where it was truncated
    cached: bool = False  # was already there for an earlier response

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def role(self) -> str | None:
        return self.body.get("role")

    @property
    def text(self) -> str:
        """The words of a message; of the agent's, those that were heard."""
        if self.heard_ms is not None:
            return _heard(self.spoken, self.heard_ms)
        return " ".join(
            text for part in self.body.get("content", ()) if (text := part.get("transcript") or part.get("text"))
        )

    @property
    def audio_tokens(self) -> int:
        ms = self.audio_ms if self.heard_ms is None else self.heard_ms
        return round(ms / (_ASSISTANT_MS_PER_TOKEN if self.role == "assistant" else _USER_MS_PER_TOKEN))

    @property
    def text_tokens(self) -> int:
        if self.body["type"] == "function_call":
            return text_tokens(self.body["name"] + self.body["arguments"])
        if self.body["type"] == "function_call_output":
            return text_tokens(self.body["output"])
        return 0 if self.role == "user" and self.audio_ms else text_tokens(self.text)

    def entry(self) -> Entry | None:
        """The item as a brain is told of it."""
        body = self.body
        if body["type"] == "function_call":
            return ToolCall(self.id, body["call_id"], body["name"], body["arguments"])
        if body["type"] == "function_call_output":
            return ToolOutput(self.id, body["call_id"], body["output"])
        return Said(self.id, body["role"], self.text)


class Conversation:
    """The items of one session."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def find(self, item_id: Any) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Add an item at the end, behind another one, or in front ("root"); the id of the one before it.

        Raises RealtimeError for an id that is taken, or for an unknown `after`.
        """
        if self.find(item.id) is not None:
            raise RealtimeError(
                "item_create_duplicate_item_id",
                f"Error adding item: an item with the id '{item.id}' already exists.",
                "item.id",
            )
        at = len(self._items)
        if after == "root":
            at = 0
        elif after is not None:
            previous = self.find(after)
            if previous is None:
                raise RealtimeError("invalid_value", f"Previous item with id '{after}' not found.", "previous_item_id")
            at = self._items.index(previous) + 1
        self._items.insert(at, item)
        self._forget_cache(at)
        return self._items[at - 1].id if at else None

    def delete(self, item_id: Any) -> None:
        """Remove an item. Raises RealtimeError."""
        item = self.find(item_id)
        if item is None:
            raise RealtimeError(
                "item_delete_invalid_item_id",
                f"Error deleting item: the item with id '{item_id}' does not exist.",
                "item_id",
            )
        at = self._items.index(item)
        del self._items[at]
        self._forget_cache(at)

    def truncate(self, item_id: Any, content_index: Any, audio_end_ms: Any) -> None:
        """Keep what was heard of an agent's message. Raises RealtimeError."""
        item = self.find(item_id)
        if item is None:
            raise RealtimeError(
                "item_truncate_invalid_item_id",
                f"Error truncating item: Item with item_id '{item_id}' not found.",
                "item_id",
            )
        if item.role != "assistant":
            raise RealtimeError(None, "Only model output audio messages can be truncated")
        if not isinstance(audio_end_ms, int) or audio_end_ms < 0:
            raise RealtimeError(
                "integer_below_min_value",
                "Invalid 'audio_end_ms': integer below minimum value. Expected a value >= 0, but got "
                f"{audio_end_ms} instead.",
                "audio_end_ms",
            )
        # a thousandth for what a sum of floats lacks
        length_ms = int((item.audio_ms if item.heard_ms is None else item.heard_ms) + 0.001)
        if content_index != 0:
            raise RealtimeError("invalid_value", f"Invalid content_index: {content_index}.", "content_index")
        if audio_end_ms > length_ms:
            raise RealtimeError(
                "invalid_value", f"Audio content of {length_ms}ms is already shorter than {audio_end_ms}ms"
            )
        item.heard_ms = audio_end_ms
        for part in item.body["content"]:
            part.pop("transcript", None)
        self._forget_cache(self._items.index(item))

    def history(self) -> list[Entry]:
        """The conversation as a brain is told of it."""
        return [entry for item in self._items if (entry := item.entry()) is not None]

    def answered(self) -> list[Entry]:
        """The conversation up to the agent's last turn or tool call."""
        history = self.history()
        while history and not isinstance(history[-1], ToolCall) and getattr(history[-1], "role", None) != "assistant":
            history.pop()
        return history

    def usage(self, fixed: int, output: list[Item], *, cached_fixed: bool) -> dict[str, Any]:
        """The usage of a response that made `output`, with `fixed` tokens of instructions and tools before it."""
        before = [item for item in self._items if item not in output]
        text = fixed + sum(item.text_tokens for item in before)
        audio = sum(item.audio_tokens for item in before)
        text_cached = (fixed if cached_fixed else 0) + sum(i.text_tokens for i in before if i.cached)
        audio_cached = sum(item.audio_tokens for item in before if item.cached)
        text_out, audio_out = sum(i.text_tokens for i in output), sum(i.audio_tokens for i in output)
        for item in self._items:
            item.cached = True
        return {
            "total_tokens": text + audio + text_out + audio_out,
            "input_tokens": text + audio,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "text_tokens": text,
                "audio_tokens": audio,
                "image_tokens": 0,
                "cached_tokens": text_cached + audio_cached,
                "cached_tokens_details": {
                    "text_tokens": text_cached,
                    "audio_tokens": audio_cached,
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
        }

    def _forget_cache(self, at: int) -> None:
        for item in self._items[at:]:
            item.cached = False


def _heard(spoken: list[tuple[str, float]], heard_ms: float) -> str:
    """The words of sentences that were heard up to a time, to the nearest word."""
    heard: list[str] = []
    for sentence, ms in spoken:
        if heard_ms <= 0:
            break
        words = sentence.split()
        heard += words[: round(len(words) * min(1.0, heard_ms / ms))] if ms else words
        heard_ms -= ms
    return " ".join(heard)
