"""The voices of OpenAI's Realtime API, as far as espeak-ng can stand in for them."""

from __future__ import annotations

_VARIANTS = {
    "alloy": "f2",
    "ash": "m3",
    "ballad": "m2",
    "coral": "f4",
    "echo": "m1",
    "sage": "f5",
    "shimmer": "f1",
    "verse": "m7",
    "marin": "f3",
    "cedar": "m4",
}
_LANGUAGES = {"en": "en-us", "pt": "pt-br", "zh": "cmn"}


def espeak_voice(voice: str, language: str) -> str:
    """The espeak-ng voice for a Realtime voice and a language such as "en" or "de-AT"."""
    code = language.lower()
    base = _LANGUAGES.get(code.split("-")[0], code.split("-")[0]) if code not in _ACCENTS else code
    return f"{base}+{_VARIANTS.get(voice, 'f3')}"


_ACCENTS = {"en-gb", "en-us", "pt-pt", "pt-br", "es-419", "fr-be", "fr-ch"}
