"""Requests to a model that are written once and read in two places: by the model and by the embedded engine."""

from __future__ import annotations

_SAY_EXACTLY = "Say the following to the caller now, word for word, and nothing before or after it:\n\n"


def say_exactly(text: str) -> str:
    """Instructions for one response that speaks `text` and nothing else, as far as a model obeys."""
    return _SAY_EXACTLY + text


def words_to_say(instructions: str) -> str | None:
    """The text of `say_exactly`, or None: an engine that speaks text itself needs no model to obey."""
    return instructions.removeprefix(_SAY_EXACTLY) if instructions.startswith(_SAY_EXACTLY) else None


NOT_WRITTEN_DOWN = "[The caller said something that was not written down]"

_KEYPAD = "[The caller typed on the keypad] "


def keypad(digits: str) -> str:
    """The caller's message that tells a model which keys were pressed."""
    return _KEYPAD + digits


_WHISPER = (
    "A note from a colleague who follows this call. The caller does not hear it: act on it from your next answer on, "
    "and mention neither the note nor the colleague.\n\n"
)


def whispered(text: str) -> str:
    """The service's message that passes an operator's note on to a model."""
    return _WHISPER + text
