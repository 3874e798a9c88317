"""Texts, JSON and log fields without what must not be kept."""

from __future__ import annotations

import gc
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.core import redaction
from phoneagent.core.redaction import KINDS, Kind, Redactor
from tests.core.redaction.corpus import negatives, positives

redactor = Redactor()

SECRETS = {
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "email": "ada@example.com",
    "ssn": "123-45-6789",
    "cvv": "cvv 123",
}


def test_several_secrets_are_named_each():
    text = ", and ".join(SECRETS.values())
    assert redactor.text(text) == "[card], and [iban], and [email], and [ssn], and cvv [cvv]"


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_wanted_goes(kind: Kind):
    text = " then it is ".join(SECRETS.values())
    kept = Redactor(kinds={kind}).text(text)
    assert f"[{kind}]" in kept
    assert all(secret in kept for other, secret in SECRETS.items() if other != kind)


def test_what_is_not_looked_at_closely_holds_nothing(monkeypatch):
    texts = [example.text for example in (*positives(), *negatives())]
    pieces = [text[begin:end] for text in texts for begin in range(0, len(text), 9) for end in (begin + 20, begin + 60)]
    at_first_sight = [redactor.text(piece) for piece in pieces]
    monkeypatch.setattr(redaction, "_LEAST_IN_A_ROW", 0)
    monkeypatch.setattr(redaction, "may_hold_email", lambda text: True)
    assert [redactor.text(piece) for piece in pieces] == at_first_sight


def test_nothing_goes_from_a_text_when_nothing_is_wanted():
    assert Redactor(kinds=()).text("4111 1111 1111 1111") == "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("card 4111 1111 1111 1111, cvv 123, room 400", "card [card], cvv [cvv], room 400"),
        ("4111 1111 1111 1111 for order 1234567890123", "[card] for order 1234567890123"),
    ],
)
def test_a_redacted_text_stays_as_it_is(text: str, kept: str):
    assert redactor.text(text) == redactor.text(kept) == kept


def test_parts_of_one_text_keep_what_is_theirs():
    assert redactor.parts("It is four one one one one one one one", "one one one one one one one one, right?") == (
        "It is [card]",
        ", right?",
    )
    assert redactor.parts("4111", "1111", "11111111", "") == ("[card]", "", "", "")
    assert redactor.parts("a", "b") == ("a", "b")
    assert redactor.parts() == ()


def test_json_stays_json():
    arguments = {
        "card_number": "4111 1111 1111 1111",
        "amount": 12.5,
        "count": 4,
        "again": 4111111111111111,
        "paid": True,
        "note": None,
        "to": ["ada@example.com", "+15551234567"],
        "each": [{"iban": "DE89370400440532013000"}],
        "ada@example.com": "x",
    }
    assert json.loads(redactor.json_text(json.dumps(arguments))) == {
        "card_number": "[card]",
        "amount": 12.5,
        "count": 4,
        "again": "[card]",
        "paid": True,
        "note": None,
        "to": ["[email]", "+15551234567"],
        "each": [{"iban": "[iban]"}],
        "[email]": "x",
    }


@pytest.mark.parametrize("text", ['{"a" : 1}', "[]", '"x"', "12", "null", '{"amount":1.50}'])
def test_json_that_holds_no_secret_is_not_written_anew(text: str):
    assert redactor.json_text(text) == text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"cvv": "123"}, {"cvv": "[cvv]"}),
        ({"cvc": 123}, {"cvc": "[cvv]"}),
        ({"securityCode": "123"}, {"securityCode": "[cvv]"}),
        ({"security_code": "1234"}, {"security_code": "[cvv]"}),
        ({"ssn": "123456789"}, {"ssn": "[ssn]"}),
        ({"cardNumber": "4111111111111112"}, {"cardNumber": "[card]"}),
        ({"four": "242424242424242"}, {"four": "242424242424242"}),
        ({"line_one": "4111111111111111"}, {"line_one": "[card]"}),
        ({"number2": "1111111111111111"}, {"number2": "1111111111111111"}),
        ({"digits": [4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}, {"digits": ["[card]", *[""] * 15]}),
        ({"digits": [4111, 1111, None, 1111, 1111, [True]]}, {"digits": ["[card]", "", None, "", "", [True]]}),
        ({"sizes": [1, 2, 3]}, {"sizes": [1, 2, 3]}),
    ],
)
def test_the_name_of_a_field_tells_what_it_holds(given: object, kept: object):
    assert redactor.value(given) == kept


@pytest.mark.parametrize(
    "text",
    [
        '{"card": "4111 1111 1111 1111',
        "4111111111111111",
        "[" * 100_000 + "4111111111111111",
        '{"card": "4111 1111 1111 1111", "card": null}',
        '[{"a": {"card": 4111111111111111, "card": 1}}]',
    ],
)
def test_what_is_no_json_too_deep_or_said_twice_is_taken_for_text(text: str):
    assert "4111" not in redactor.json_text(text)


def test_a_value_that_is_no_json_is_left_alone():
    thing = object()
    assert redactor.value({"a": thing, "b": (1, "ada@example.com"), "c": b"x"}) == {
        "a": thing,
        "b": [1, "[email]"],
        "c": b"x",
    }


@given(st.text() | st.text("4 1oneDE@.ah-+cvv29:T"))
def test_no_text_makes_it_fail(text: str):
    assert isinstance(redactor.text(text), str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_is_spoilt(value: object):
    json.loads(redactor.json_text(json.dumps(value)))


def operations(text: str) -> int:
    """How many functions are called, of ours and of Python's: what the time grows with, counted instead of measured."""
    count = 0

    def called(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()  # what other tests have left behind would call functions, too
    sys.setprofile(called)
    try:
        redactor.text(text)
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


@pytest.mark.parametrize(
    "piece",
    ["the quick brown fox at noon, ", "4", "4 1 ", "a", "@", "a@", "at a ", "at a dot b ", "forty one ", "one hundred ",
     "hundred ", "double ", "DE89 ", "d e 8 ", "card 4111 ", "cvv 123 ", "4111 1111 1111 1111, ", "email is a ",
     "ssn 123-45-6789 ", " ", "um ", "4%20", r"4\n"],
)  # fmt: skip
def test_twice_the_text_is_at_most_twice_the_work(piece: str):
    once, twice = operations(piece * 300), operations(piece * 600)
    assert twice <= 2.1 * once + 50
    assert once <= 60 * len(piece * 300) + 500
