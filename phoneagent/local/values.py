"""Values as callers say them: how a recogniser is to expect them, how they are read, and how they are said back.

A reader takes words and a position, and gives the longest reading there. A reading is `weak` when the words alone
could as well mean something else ("eight": people, o'clock, a house number).
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from phoneagent.agents.dialogue import Slot, Word, parse_phrase, readings
from phoneagent.local.words import UNITS, clock_words, number_words, ordinal_words

Value = int | str | dt.date | dt.time

_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_MONTHS = [name.lower() for name in calendar.month_name[1:]]
_NUMBERS = {number_words(n): n for n in range(100)}
_ORDINALS = {ordinal_words(n): n for n in range(1, 32)}
_DIGITS = {word: str(n) for n, word in enumerate(UNITS)} | {"oh": "0"}

_JSGF = {
    "time": """
<hour> = one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve;
<minute> = oh five|ten|fifteen|twenty|twenty five|thirty|thirty five|forty|forty five|fifty|fifty five;
<part> = a m|p m|in the morning|in the afternoon|in the evening|at night;
<time> = <hour> [<minute>|o'clock] [<part>]
       | (half|quarter|five|ten|twenty|twenty five) past <hour> [<part>]
       | (quarter|five|ten|twenty|twenty five) to <hour> [<part>] | noon | midday | midnight;
""",
    "day": f"""
<weekday> = {"|".join(_WEEKDAYS)};
<month> = {"|".join(_MONTHS)};
<nth> = {"|".join(_ORDINALS)};
<day> = today|tonight|tomorrow|tomorrow (night|evening|morning)|the day after tomorrow|[on] [this|next] <weekday>
      | [on] the <nth> [of <month>] | [on] <month> [the] <nth>;
""",
    "digits": f"""
<digit> = {"|".join(_DIGITS)};
<digits> = <digit> <digit> <digit> <digit>*;
""",
    "number": f"""
<number> = {"|".join(_NUMBERS)};
""",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, the number of words that said it, and whether they need a context."""

    value: Value
    words: int
    weak: bool = False


def expectation(name: str, slot: Slot) -> str:
    """The JSGF rule `<slot_NAME>` for a slot; of built-in types it refers to `type_rules`."""
    if slot.type == "choice":
        return f"<slot_{name}> = {'|'.join(sorted(set(_ways(slot))))};\n"
    if slot.type == "number":  # some beyond the bounds, which have to be understood to be refused
        numbers = (number_words(n) for n in range(max(slot.min, 0), min(slot.max + 20, 99) + 1))
        return f"<slot_{name}> = {'|'.join(numbers)};\n"
    return f"<slot_{name}> = <{slot.type}>;\n"


def type_rules(types: set[str]) -> str:
    """The JSGF rules of the built-in types."""
    return "".join(_JSGF[type_] for type_ in sorted(types) if type_ in ("time", "day", "digits"))


def read(slot: Slot, words: list[str], at: int, today: dt.date) -> Reading | None:
    """The longest reading of a slot's value in the words from `at` on."""
    if slot.type == "choice":
        return _longest(words, at, _ways(slot).get)
    if slot.type == "number":
        found = _longest(words, at, _NUMBERS.get)
        return found and Reading(found.value, found.words, weak=True)
    if slot.type == "digits":
        return _read_digits(slot, words, at)
    if slot.type == "day":
        return _read_day(words, at, today)
    return _read_time(slot, words, at)


def possible(slot: Slot, value: Value) -> bool:
    """Whether a value is within the bounds of its slot."""
    if isinstance(value, dt.time):
        return slot.earliest <= value.strftime("%H:%M") <= slot.latest
    if isinstance(value, int):
        return slot.min <= value <= slot.max
    return slot.type != "digits" or slot.length in (None, len(str(value)))


def spoken(value: Value, today: dt.date) -> str:
    """A value, to be said aloud."""
    if isinstance(value, dt.time):
        return clock_words(value.hour % 12 or 12, value.minute)
    if isinstance(value, dt.date):
        if 0 <= (value - today).days <= 1:
            return ("today", "tomorrow")[(value - today).days]
        return f"on {value:%A} the {ordinal_words(value.day)}"
    if isinstance(value, int):
        return number_words(value) if 0 <= value < 1000 else str(value)
    return " ".join(value) if value.isdigit() else value


def argument(value: Value) -> int | str:
    """A value as tools get it: numbers as they are, dates as 2026-11-21, times as 19:30."""
    if isinstance(value, dt.time):
        return value.strftime("%H:%M")
    return value.isoformat() if isinstance(value, dt.date) else value


def _ways(slot: Slot) -> dict[str, Value]:
    """Every way to say each value of a choice."""
    ways: dict[str, Value] = {}
    for value, phrases in slot.values.items():
        for text in (value, *phrases):
            for reading in readings(parse_phrase(text)):
                ways[" ".join(part.text for part in reading if isinstance(part, Word))] = value
    return ways


def _longest(words: list[str], at: int, value_of: Callable[[str], Value | None]) -> Reading | None:
    for length in range(min(6, len(words) - at), 0, -1):
        if (value := value_of(" ".join(words[at : at + length]))) is not None:
            return Reading(value, length)
    return None


def _read_digits(slot: Slot, words: list[str], at: int) -> Reading | None:
    digits, end = "", at
    while end < len(words) and (digit := _DIGITS.get(words[end])) is not None:
        digits, end = digits + digit, end + 1
    if not digits:
        return None
    return Reading(digits, end - at, weak=len(digits) < (slot.length or 5))


def _read_day(words: list[str], at: int, today: dt.date) -> Reading | None:
    text = " ".join(words[at : at + 6]) + " "
    for said, days in (("the day after tomorrow", 2), ("day after tomorrow", 2), ("tomorrow", 1), ("today", 0)):
        if text.startswith(said + " "):
            return Reading(today + dt.timedelta(days), len(said.split()))
    if text.startswith("tonight "):
        return Reading(today, 1)
    rest, skipped = words[at:], 0
    while rest and rest[0] in ("on", "this", "next"):
        rest, skipped = rest[1:], skipped + 1
    if not rest:
        return None
    if rest[0] in _WEEKDAYS:
        ahead = (_WEEKDAYS.index(rest[0]) - today.weekday()) % 7
        if "next" in words[at : at + skipped]:  # of the week that begins on the next Monday
            ahead = 7 - today.weekday() + _WEEKDAYS.index(rest[0])
        return Reading(today + dt.timedelta(ahead), skipped + 1)
    for month, day, length in _dates(rest):
        if (date := _next_date(today, month, day)) is not None:
            return Reading(date, skipped + length)
    return None


def _dates(words: list[str]) -> Iterator[tuple[int | None, int, int]]:
    """The readings of a date as month, day and number of words."""
    month = _MONTHS.index(words[0]) + 1 if words[0] in _MONTHS else None
    start = 1 if month else 0
    if words[start : start + 1] == ["the"]:
        start += 1
    elif not month:
        return
    day = _longest(words, start, _ORDINALS.get)
    if day is None or not isinstance(day.value, int):
        return
    end = start + day.words
    if not month and words[end : end + 1] == ["of"] and words[end + 1 : end + 2] and words[end + 1] in _MONTHS:
        yield _MONTHS.index(words[end + 1]) + 1, day.value, end + 2
    yield month, day.value, end


def _next_date(today: dt.date, month: int | None, day: int) -> dt.date | None:
    for ahead in range(367):
        date = today + dt.timedelta(ahead)
        if date.day == day and month in (None, date.month):
            return date
    return None


_PARTS = {"a m": 0, "in the morning": 0, "p m": 12, "in the afternoon": 12, "in the evening": 12, "at night": 12}
_HOURS = {number_words(n): n for n in range(1, 24)}
_MINUTES = {number_words(n): n for n in range(10, 60)} | {f"oh {number_words(n)}": n for n in range(1, 10)}


def _read_time(slot: Slot, words: list[str], at: int) -> Reading | None:
    if words[at] in ("noon", "midday", "midnight"):
        return Reading(dt.time(0 if words[at] == "midnight" else 12), 1)
    weak, end = False, at
    relative = _longest(words, at, {**_NUMBERS, "half": 30, "quarter": 15}.get)
    after = words[at + relative.words :] if relative else []
    if after[:1] == ["minutes"]:
        after = after[1:]
    if relative and len(after) > 1 and after[0] in ("past", "to") and after[1] in _HOURS:
        assert isinstance(relative.value, int)
        sign = 1 if after[0] == "past" else -1
        minutes = _HOURS[after[1]] * 60 + sign * relative.value
        end = len(words) - len(after) + 2
    else:
        hour = _longest(words, at, _HOURS.get)
        if hour is None or not isinstance(hour.value, int):
            return None
        minutes, end = hour.value * 60, at + hour.words
        minute = _longest(words, end, _MINUTES.get)
        if words[end : end + 1] == ["o'clock"]:
            end += 1
        elif minute and isinstance(minute.value, int):
            minutes, end = minutes + minute.value, end + minute.words
        else:
            weak = True
    for part, offset in _PARTS.items():
        length = len(part.split())
        if words[end : end + length] == part.split() and minutes < 13 * 60:
            return Reading(_clock(minutes % 720 + offset * 60), end + length - at)
    return Reading(_likely(slot, minutes), end - at, weak)


def _clock(minutes: int) -> dt.time:
    return dt.time(minutes // 60 % 24, minutes % 60)


def _likely(slot: Slot, minutes: int) -> dt.time:
    """Morning or evening, whichever the slot allows, else daytime."""
    times = [_clock(minutes)] if minutes >= 13 * 60 else [_clock(minutes % 720), _clock(minutes % 720 + 720)]
    times.sort(key=lambda time: (not possible(slot, time), not 8 <= time.hour < 20))
    return times[0]
