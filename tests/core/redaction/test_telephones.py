"""A telephone number in what people say and programs write."""

from __future__ import annotations

import json

import pytest

from phoneagent.core.redaction import Redactor
from phoneagent.core.redaction.telephones import TelephoneNumber

NUMBER = TelephoneNumber("ada", "1", "2125550123")
ADA = Redactor(kinds=(), patterns=(NUMBER,))
BERLIN = Redactor(kinds=(), patterns=(TelephoneNumber("ada", "49", "3023125001"),))


@pytest.mark.parametrize(
    "said",
    [
        "2125550123",
        "12125550123",
        "212-555-0123",
        "1 212 555 0123",
        "212.555.0123",
        "212+555+0123",
        "212 555 01 23",
        "0012125550123",
        "011 1 212 555 0123",
        "two one two, five five five, oh one two three",
        "two one two, triple five, uh, zero one twenty-three",
    ],
)
def test_it_is_found_however_it_is_written_or_said(said):
    assert ADA.text(f"Call {said}, please.") == "Call [ada], please."
    assert NUMBER.may_stand_in(said)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("+12125550123", "+[ada]"),
        ("(212) 555-0123", "([ada]"),
        ("tel:+1-212-555-0123;ext=7", "tel:+[ada];ext=7"),
        ("Caller=%2B12125550123&To=x", "Caller=%2B[ada]&To=x"),
        ("212 555 0123, 212 555 0124", "[ada], 212 555 0124"),
        ("sip:12125550123@example.com", "sip:[ada]@example.com"),
    ],
)
def test_what_is_around_it_stays(text, kept):
    assert ADA.text(text) == kept


@pytest.mark.parametrize("text", ["2125550124", "92125550123", "21255501234", "5550123", "order 12125550123456"])
def test_another_number_stays(text):
    assert ADA.text(text) == text


@pytest.mark.parametrize("said", ["030 23125001", "+49 30 23125001", "+49 (0)30 23 12 50 01", "0049 30/23125001"])
def test_the_zero_in_front_belongs_to_it(said):
    assert "23" not in BERLIN.text(said)


def test_json_stays_json():
    given = {"number": 12125550123, "12125550123": ["212", "555", "0123"], "at": 8}
    kept = json.loads(ADA.json_text(json.dumps(given)))
    assert kept == {"number": "[ada]", "[ada]": ["[ada]", "", ""], "at": 8}


def test_what_holds_few_figures_need_not_be_looked_through():
    assert not NUMBER.may_stand_in("I would like to book a table for four on Friday at 8.")
