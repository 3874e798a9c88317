"""The words that calls are found by: the same on both databases, in any language, however they are written.

A word is a run of letters and digits, without accents and in small letters, `Grüße` as `grusse`. Where words are
written without spaces between them, as in Chinese or Thai, every character is one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 32  # characters of a word that count
MOST = 8000  # words of a call that are kept; with the former, less than the megabyte that PostgreSQL takes

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+")


def words(text: str) -> list[str]:
    """The words of a text, in their order."""
    return [word[:LONGEST] for word in _WORD.findall(_plain(text))]


def document(texts: Iterable[str]) -> str:
    """Each word of these texts once, with a space between them."""
    found = dict.fromkeys(word for text in texts for word in words(text))
    return " ".join(list(found)[:MOST])


def holds(document: str, asked: Iterable[str]) -> bool:
    """Whether each of the words that are asked for is in a document, or begins a word there."""
    return all(f" {word}" in f" {document}" for word in asked)


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if unicodedata.category(letter)[0] != "M")
    return "".join(letters).casefold()
