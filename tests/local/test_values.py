"""Numbers, times and days, as callers say them and as recognisers write them."""

from __future__ import annotations

import datetime as dt

import pytest

from phoneagent.agents.dialogue import Slot
from phoneagent.local.values import argument, read
from phoneagent.local.words import words_of

SATURDAY = dt.date(2026, 11, 21)
EVENING = Slot(type="time", ask="When?", earliest="17:00", latest="22:00")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("eight", "20:00"),
        ("eight thirty", "20:30"),
        ("8:30", "20:30"),
        ("half past seven", "19:30"),
        ("quarter to eight", "19:45"),
        ("twenty past six", "18:20"),
        ("seven p m", "19:00"),
        ("7 p.m.", "19:00"),
        ("seven in the morning", "07:00"),
        ("nineteen thirty", "19:30"),
        ("eight oh five", "20:05"),
        ("noon", "12:00"),
    ],
)
def test_times(text: str, time: str) -> None:
    words = words_of(text)
    reading = read(EVENING, words, 0, SATURDAY)
    assert reading is not None
    assert (argument(reading.value), reading.words) == (time, len(words))


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("today", "2026-11-21"),
        ("tomorrow", "2026-11-22"),
        ("the day after tomorrow", "2026-11-23"),
        ("friday", "2026-11-27"),
        ("next friday", "2026-11-27"),
        ("on the twelfth", "2026-12-12"),
        ("the 3rd of january", "2027-01-03"),
        ("december twenty first", "2026-12-21"),
    ],
)
def test_days(text: str, date: str) -> None:
    reading = read(Slot(type="day", ask="When?"), words_of(text), 0, SATURDAY)
    assert reading is not None
    assert argument(reading.value) == date


def test_a_bare_number_needs_a_context() -> None:
    eight = read(EVENING, ["eight"], 0, SATURDAY)
    clock = read(EVENING, ["eight", "o'clock"], 0, SATURDAY)
    assert eight is not None
    assert clock is not None
    assert (eight.weak, clock.weak) == (True, False)
