"""How the pages say what is kept: as `static/lib/format.js` does for what scripts show."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from phoneagent.records.export import parsed

OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {  # in words, and the class of the badge
    "caller_hung_up": ("Caller hung up", "good"),
    "agent_hung_up": ("Agent hung up", "good"),
    "transferred": ("Transferred", "good"),
    "caller_silent": ("Caller silent", ""),
    "time_limit": ("Time limit", "warn"),
    "cost_limit": ("Cost limit", "warn"),
    "machine": ("Machine", ""),
    "left_message": ("Left a message", "good"),
    "hung_up": ("Hung up by us", ""),
    "failed": ("Failed", "bad"),
    "lost": ("Lost", "bad"),
}

ENGINES: Final[Mapping[str, str]] = {"openai": "OpenAI", "azure": "Azure", "local": "Embedded"}

PARTS: Final[Mapping[str, str]] = {  # the fields of core.costs.Cost
    "model": "Conversation",
    "transcription": "Transcription",
    "telephone": "Telephone line",
    "streams": "Media streams",
    "recording": "Recording",
    "machine_detection": "Machine detection",
    "after_call": "Summary",
}

USED: Final[Mapping[str, str]] = {  # the fields of core.costs.Usage
    "text_in": "text in",
    "audio_in": "audio in",
    "image_in": "images in",
    "text_cached": "text cached",
    "audio_cached": "audio cached",
    "image_cached": "images cached",
    "text_out": "text out",
    "audio_out": "audio out",
}


def outcome(word: str | None) -> tuple[str, str]:
    """An outcome in words, and the class of its badge; None is a call that goes on."""
    if word is None:
        return "Live", "accent"
    return OUTCOMES.get(word, (sentence(word), ""))


def engine(word: str) -> str:
    """The name of an engine; that of one we don't know any more as it is."""
    return ENGINES.get(word, word)


def sentence(word: str) -> str:
    """A word of ours as people write it: barge_ins, Barge ins."""
    return word.replace("_", " ").capitalize()


def party(address: str) -> str:
    """Somebody's number, or their name if they called from a browser."""
    name = address.removeprefix("client:")
    return (address if name == address else f"{name} (browser)") or "Unknown"


def duration(seconds: float | None) -> str:
    """75.2 as 1:15, 3700 as 1:01:40."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def latency(ms: float | None) -> str:
    """840 as 840 ms, 1240 as 1.2 s."""
    if ms is None:
        return ""
    return f"{round(ms)} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def money(usd: Decimal | None) -> str:
    """Dollars; of less than a dollar also the hundredths of cents that calls cost."""
    if usd is None:
        return "no price"
    if abs(usd) >= 1:
        return f"${usd:,.2f}"
    whole, _, part = f"{usd:.4f}".partition(".")
    return f"${whole}.{part[:2]}{part[2:].rstrip('0')}"


def moment(at: datetime) -> str:
    """A moment for whom no script puts it into their own time zone."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def pretty(text: str) -> str:
    """JSON text, laid out for reading; any other as it is."""
    return laid_out(parsed(text))


def in_short(value: Any) -> str:
    """What JSON says, for a line: a list of plain things with commas."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case list() if not any(isinstance(item, dict | list) for item in value):
            return ", ".join(map(in_short, value)) or "–"
        case _:
            return laid_out(value)


def laid_out(value: Any) -> str:
    """What JSON says, laid out for reading; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    say.__name__: say
    for say in (outcome, engine, sentence, party, duration, latency, money, moment, pretty, in_short, laid_out)
}
"""What templates may say of a value."""
