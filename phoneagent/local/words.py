"""Text as it is spoken: lower-case words, numbers and times written out."""

from __future__ import annotations

import re

UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip

_WORD = re.compile(
    r"(?P<clock>\d{1,2}:\d{2})|(?P<ordinal>\d{1,2})(?:st|nd|rd|th)\b|(?P<number>\+?\d+)|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)"
)


def number_words(number: int) -> str:
    """A whole number from 0 to 999, spelled out."""
    if number >= 100:
        rest = f" {number_words(number % 100)}" if number % 100 else ""
        return f"{UNITS[number // 100]} hundred{rest}"
    if number >= 20:
        return _TENS[number // 10 - 2] + (f" {UNITS[number % 10]}" if number % 10 else "")
    return [*UNITS, *_TEENS][number]


def ordinal_words(number: int) -> str:
    """The ordinal of a number from 1 to 99: "twenty first"."""
    *first, last = number_words(number).split()
    last = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return " ".join([*first, last])


def clock_words(hour: int, minute: int) -> str:
    """A time of day as digits are read: "seven thirty", "nineteen oh five", "eight o'clock"."""
    if minute == 0:
        return f"{number_words(hour)} o'clock"
    return f"{number_words(hour)} {'oh ' if minute < 10 else ''}{number_words(minute)}"


def words_of(text: str) -> list[str]:
    """The words of a text, as a recogniser would write them."""
    words: list[str] = []
    cleaned = re.sub(r"\b([ap])\.?\s?m\b\.?", r"\1 m", text.lower().replace("’", "'"))
    cleaned = re.sub(r"(?<=\d)([ap] m\b)", r" \1", cleaned)
    for found in _WORD.finditer(cleaned):
        if found["clock"]:
            hour, minute = map(int, found["clock"].split(":"))
            words += clock_words(hour % 24, minute % 60).split()
        elif found["ordinal"] and int(found["ordinal"]):
            words += ordinal_words(int(found["ordinal"])).split()
        elif found["word"]:
            words.append(found["word"])
        else:
            digits = found[0].strip("+stndrh")
            whole = len(digits) <= 3 and (digits == "0" or not digits.startswith("0"))
            words += number_words(int(digits)).split() if whole else [UNITS[int(digit)] for digit in digits]
    return words
