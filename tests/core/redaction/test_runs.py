"""How numbers are read that are said in words."""

from __future__ import annotations

import pytest

from phoneagent.core.redaction.runs import joined, runs_of, tokens_of


def read(text: str) -> list[set[str]]:
    """The readings of each number in a text."""
    return [{joined(reading) for reading in run.readings} for run in runs_of(text, tokens_of(text))]


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("one two three", {"123"}),
        ("oh five", {"05"}),
        ("forty one eleven", {"4111", "40111"}),
        ("forty-one", {"41", "401"}),
        ("sixty eleven", {"6011"}),
        ("forty, one", {"401"}),
        ("twenty oh five", {"2005"}),
        ("four hundred", {"400"}),
        ("four hundred twelve", {"412", "40012"}),
        ("four thousand one hundred eleven", {"4111", "400010011"}),
        ("twenty-one hundred", {"2100", "20100"}),
        ("a thousand", {"1000"}),
        ("double four", {"44"}),
        ("triple oh seven", {"0007"}),
        ("one double two one", {"1221"}),
        ("double 4 2", {"442"}),
        ("41 eleven", {"4111"}),
        ("4 1, 1 1", {"4111"}),
        ("one uh two and, um, three", {"123"}),
        ("einundvierzig elf", {"4111"}),
        ("neunzig null drei", {"9003"}),
        ("dreihundert", set()),
        ("Fünf, zwölf", {"512"}),
        ("cuarenta y uno once", {"4111", "40111"}),
        ("veintidós", {"22"}),
        ("soixante-quinze", {"75", "6015"}),
        ("quatre-vingt-dix-sept", {"97", "420107"}),
        ("quatre vingts", {"80", "420"}),
        ("cent quatre-vingt-un", {"181", "1004201"}),
        ("４１", {"41"}),
    ],
)
def test_words_are_read_as_digits(said: str, digits: set[str]):
    assert read(said) == ([digits] if digits else [])


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("12 apples 34", [{"12"}, {"34"}]),
        ("12 ------ 34", [{"12"}, {"34"}]),
        ("$12 $34", [{"12"}, {"34"}]),
        ("+12 +34", [{"12"}, {"34"}]),
        ("1 um uh er ah 2", [{"1"}, {"2"}]),
        ("2026-11-21T10:20 7", [{"7"}]),
    ],
)
def test_a_number_ends_where_something_else_is_said(said: str, digits: list[set[str]]):
    assert read(said) == digits


@pytest.mark.parametrize("said", ["the last four are", "my last four, please", "four digits", "first four of it"])
def test_a_word_that_counts_digits_is_none(said: str):
    assert read(said) == []


@pytest.mark.parametrize("said", ["the last four one", "one four numbers"])
def test_a_word_among_digits_is_one(said: str):
    assert len(read(said)) == 1
    assert len(read(said)[0].pop()) == 2
