"""Patterns of an operator's own: what they redact, and which are refused."""

from __future__ import annotations

import pytest

from phoneagent.core.redaction import KINDS, Pattern, PatternError, Redactor


@pytest.mark.parametrize(
    ("regex", "text", "kept"),
    [
        (r"LL-\d{6}", "policy ll-123456 it is", "policy [own] it is"),
        (r"\bP[A-Z]{1,2}\d{4,8}\b", "PX1234 and PXYZ1234", "[own] and PXYZ1234"),
        (r"(?:case|file) ?\d{2}/\d{2}", "case 12/34, file56/78", "[own], [own]"),
        (r"(a|b)c?", "ac b d", "[own] [own] d"),
        (r"[^\]\s]{3}\]", "abc]", "[own]"),
        (r"\+\d{8,15}", "call +15551234567", "call [own]"),
        (r"a\.b", "a.b axb", "[own] axb"),
    ],
)
def test_what_matches_goes(regex: str, text: str, kept: str):
    assert Redactor(patterns=(Pattern("own", regex),)).text(text) == kept


def test_where_patterns_and_kinds_overlap_all_of_it_goes():
    redactor = Redactor(patterns=(Pattern("customer", r"customer \d{4}"),))
    assert redactor.text("customer 4111 1111 1111 1111 called") == "[customer] called"


@pytest.mark.parametrize(
    ("regex", "problem"),
    [
        (r"a+", r"repeats without end by \+: write how often, such as \{1,20\}"),
        (r"\d*x", r"repeats without end by \*"),
        (r"(a+)+$", r"repeats without end"),
        (r"a{2,}", r"repeats without end by \{2,\}"),
        (r"(?:a|a){1,20}b", r"can match in 2097150 ways"),
        (r"(?:a?){30}a{30}", r"ways at one place"),
        (r"\d{1,64}\d{1,64}\d{1,64}x", r"can match in 262144 ways"),
        (r"(a)\1", r"has \\1…"),
        (r"(?=a)b", r"only characters, classes, groups"),
        (r"(?P<x>a)", r"only characters, classes, groups"),
        (r"(?i)a", r"only characters, classes, groups"),
        (r"[a", r"is no regular expression: unterminated character set"),
        (r"a)", r"is no regular expression"),
        (r"a?", r"matches nothing at all"),
        (r"", r"matches nothing at all"),
        ("a" * 501, r"501 characters long: make it 500"),
    ],
)
def test_a_pattern_that_can_not_be_told_to_end_in_time_is_refused(regex: str, problem: str):
    with pytest.raises(PatternError, match=problem) as raised:
        Pattern("own", regex)
    assert "'own'" in str(raised.value)


@pytest.mark.parametrize("name", ["", "Own", "own name", "[own]", "1", "x" * 32, *KINDS])
def test_a_name_must_be_readable_as_a_placeholder(name: str):
    with pytest.raises(PatternError, match="can't name a pattern"):
        Pattern(name, "a")


def test_patterns_compare_by_what_they_say():
    assert Pattern("own", "a") == Pattern("own", "a") != Pattern("own", "b")
    assert repr(Pattern("own", "a")) == "Pattern(name='own', regex='a')"
