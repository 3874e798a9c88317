"""What is known of the models that an agent may name. A name that is not known here is taken as it stands.

Sources: OpenAI's model pages and deprecations page, as of November 2026; see docs/protocols.md.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, get_args

LONGEST = 128
"""Characters of a model's name, which is kept with what the model has cost."""

CURRENT = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")
TRANSCRIBING = ("gpt-live-transcribe", "gpt-transcribe", "gpt-realtime-whisper")

Voice = Literal["alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"]
VOICES: tuple[str, ...] = get_args(Voice)
SPEECH_API_VOICES = ("fable", "nova", "onyx")  # a Realtime session that is given one of these speaks noise

WARN_BEFORE = timedelta(days=90)

_REALTIME_2025 = date(2027, 1, 20)
_PREVIEWS = date(2026, 5, 7)
_TRANSCRIBE_2025 = date(2027, 2, 26)
_SHUT_DOWN: dict[str, tuple[date, str]] = {
    "gpt-realtime": (_REALTIME_2025, "gpt-realtime-2.1"),
    "gpt-realtime-2025-08-28": (_REALTIME_2025, "gpt-realtime-2.1"),
    "gpt-realtime-mini": (_REALTIME_2025, "gpt-realtime-2.1-mini"),
    "gpt-realtime-mini-2025-12-15": (_REALTIME_2025, "gpt-realtime-2.1-mini"),
    "gpt-realtime-mini-2025-10-06": (date(2026, 7, 23), "gpt-realtime-2.1-mini"),
    "gpt-4o-realtime-preview": (_PREVIEWS, "gpt-realtime-2.1"),
    "gpt-4o-mini-realtime-preview": (_PREVIEWS, "gpt-realtime-2.1-mini"),
    "whisper-1": (_TRANSCRIBE_2025, "gpt-transcribe"),
    "gpt-4o-transcribe": (_TRANSCRIBE_2025, "gpt-transcribe"),
    "gpt-4o-transcribe-diarize": (_TRANSCRIBE_2025, "gpt-transcribe"),
    "gpt-4o-mini-transcribe": (_TRANSCRIBE_2025, "gpt-live-transcribe"),
    "gpt-4o-mini-transcribe-2025-12-15": (_TRANSCRIBE_2025, "gpt-live-transcribe"),
}
_NO_KEYWORDS = ("gpt-realtime-whisper", *(model for model in _SHUT_DOWN if "realtime" not in model))
_NOT_REASONING = ("gpt-realtime-1.5", *(model for model in _SHUT_DOWN if "realtime" in model))
_OTHER_PROTOCOL = ("gpt-live", "gpt-realtime-translate", "gpt-realtime-whisper")


def reasons(model: str) -> bool:
    """Whether a session of this model takes `reasoning`; the others refuse the whole update for it."""
    return model not in _NOT_REASONING


def speaks_realtime(model: str) -> bool:
    """Whether the model holds a conversation over the Realtime protocol."""
    return not model.startswith(_OTHER_PROTOCOL)


def transcription_takes(model: str, option: Literal["keywords", "prompt"]) -> bool:
    """Whether a transcription with this model may be given `keywords` or a `prompt`."""
    return model not in _NO_KEYWORDS if option == "keywords" else model != "gpt-realtime-whisper"


def shut_down_notice(model: str, today: date) -> str | None:
    """A sentence on the model's end, from `WARN_BEFORE` its published date, or None."""
    if model not in _SHUT_DOWN:
        return None
    end, successor = _SHUT_DOWN[model]
    if today >= end:
        return f"{model} was shut down on {end}; use {successor}"
    if today >= end - WARN_BEFORE:
        return f"{model} will be shut down on {end}, in {(end - today).days} days; use {successor}"
    return None
