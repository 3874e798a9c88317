"""Reading messages with little trust: what is needed, or a WireError; what may be missing, or None; turns and items."""

from __future__ import annotations

from typing import Any

from phoneagent.core.costs import Usage
from phoneagent.core.errors import Problem, Reaction, reaction_to


class WireError(ValueError):
    """A message that is not of the protocol. Says where it is wrong, never what was in it."""


Message = dict[str, Any]


def required_text(message: Message, key: str) -> str:
    if isinstance(value := message.get(key), str):
        return value
    raise WireError(f"{message.get('type', 'a message')!s:.60}: {key} is missing or no text")


def optional_text(message: Message, key: str) -> str | None:
    return value if isinstance(value := message.get(key), str) else None


def required_object(message: Message, key: str) -> Message:
    if isinstance(value := message.get(key), dict):
        return value
    raise WireError(f"{message['type']:.60}: {key} is missing or no object")


def count(message: object, key: str) -> int:
    value = message.get(key) if isinstance(message, dict) else None
    return value if type(value) is int and value > 0 else 0


def problem_from(error: Message) -> Problem:
    code, type_ = optional_text(error, "code"), optional_text(error, "type")
    # OpenAI has changed codes and kept their type (of exhausted accounts): whichever of them is known counts.
    if code and type_ and not _known(code) and _known(type_):
        code = type_
    return Problem(code or type_ or "unknown", optional_text(error, "message") or "", optional_text(error, "param"))


def _known(code: str) -> bool:
    return reaction_to(Problem(code)) is not Reaction.IGNORE


def response_usage(usage: object) -> Usage | None:
    if not usage or not isinstance(usage, dict):
        return None
    tokens_in, tokens_out = usage.get("input_token_details"), usage.get("output_token_details")
    cached = tokens_in.get("cached_tokens_details") if isinstance(tokens_in, dict) else None
    return Usage(
        text_in=count(tokens_in, "text_tokens"),
        audio_in=count(tokens_in, "audio_tokens"),
        image_in=count(tokens_in, "image_tokens"),
        text_cached=count(cached, "text_tokens"),
        audio_cached=count(cached, "audio_tokens"),
        image_cached=count(cached, "image_tokens"),
        text_out=count(tokens_out, "text_tokens"),
        audio_out=count(tokens_out, "audio_tokens"),
    )


def transcription_usage(usage: object) -> Usage | None:
    if not usage or not isinstance(usage, dict):
        return None
    if isinstance(seconds := usage.get("seconds"), int | float):
        return Usage(seconds=max(0.0, float(seconds)))
    tokens_in = usage.get("input_token_details")
    return Usage(
        text_in=count(tokens_in, "text_tokens"),
        audio_in=count(tokens_in, "audio_tokens"),
        text_out=count(usage, "output_tokens"),
    )


def turn_id_of(item_id: str, content_index: int = 0) -> str:
    """The turn that one content part of an item is."""
    return f"{item_id}#{content_index}" if content_index or "#" in item_id else item_id


def item_of(turn_id: str) -> tuple[str, int]:
    """The item and the content part that a turn is: the reverse of `turn_id_of`."""
    item_id, found, content_index = turn_id.rpartition("#")
    return (item_id, int(content_index)) if found else (turn_id, 0)
