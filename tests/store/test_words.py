"""What counts as a word, and which texts hold one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.store.words import LONGEST, MOST, document, holds, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Schöne Grüße!", ["schone", "grusse"]),
        ("GRÜSSE", ["grusse"]),
        ("it's 9:30, snake_case", ["it", "s", "9", "30", "snake", "case"]),
        ("100% in C:\\temp", ["100", "in", "c", "temp"]),
        ("Ελλάδα İstanbul ﬁn ½", ["ελλαδα", "istanbul", "fin", "1", "2"]),
        ("Привет, ёлка", ["привет", "елка"]),
        ("你好 world", ["你", "好", "world"]),
        ("a你b", ["a", "你", "b"]),
        ("' \" * - ( ) : % _ \0 \ud800 🙏", []),
        ("x" * 99, ["x" * LONGEST]),
    ],
)
def test_words_are_found_however_they_are_written(text: str, found: list[str]):
    assert words(text) == found


@pytest.mark.parametrize(
    ("asked", "held"), [("grüße", True), ("SCHÖNE GRÜ", True), ("Grus schön", True), ("öne", False), ("schöne2", False)]
)
def test_a_document_holds_words_and_what_words_begin_with_in_any_order(asked: str, held: bool):
    assert holds(document(["Schöne", "Grüße, schöne Grüße"]), words(asked)) is held


def test_a_document_has_each_word_once_and_not_too_many():
    assert document(["Yes, yes", "no. YES"]) == "yes no"
    assert len(document(chr(0x10400 + n % 40) * 40 + f"{n} " for n in range(MOST + 5)).encode()) < 2**20


@given(st.text(), st.text())
def test_every_text_holds_its_own_words(text: str, other: str):
    assert holds(document([other, text]), words(text))
    assert not set(document([text])) & set("'\"\\\0*&|!():<>-")
