"""No card number gets through, however it is spelled."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.core.redaction import Redactor
from tests.core.redaction import spelling

redactor = Redactor()
seeds = st.integers(0, 2**32)


def left_of(kept: str, before: str, after: str) -> bool:
    """Whether of the text nothing is left but a beginning of `before` and an end of `after`."""
    first, _, rest = kept.partition("[card]")
    last = rest.rpartition("[card]")[2]
    return "[card]" in kept and before.startswith(first) and after.endswith(last) and rest.count("[") <= 1


@pytest.mark.parametrize("spell", [spelling.written, spelling.spoken, spelling.paired, spelling.mixed])
@given(seed=seeds)
def test_a_card_in_any_spelling_is_gone_whole(spell, seed: int):
    random = Random(seed)
    said = spell(random, spelling.card(random))
    assert redactor.text(f"It's {said} thanks") == "It's [card] thanks"


NEIGHBOURS = [
    "2 pizzas, ",
    "order 31337 ",
    "my number is 555 123 4567, ",
    "12/27, ",
    "4111, ",
    "at 10 30, ",
    "one ",
    "0 ",
]


@pytest.mark.parametrize("spell", [spelling.written, spelling.spoken, spelling.mixed])
@given(seed=seeds, before=st.sampled_from(NEIGHBOURS), after=st.sampled_from(NEIGHBOURS))
def test_digits_around_a_card_do_not_hide_it(spell, seed: int, before: str, after: str):
    random = Random(seed)
    said = spell(random, spelling.card(random))
    after = f", {after}"
    kept = redactor.text(before + said + after)
    assert left_of(kept, before, after), (before + said + after, kept)


@given(seed=seeds, after=st.sampled_from(["one pizza", "five", "hundred dollars", "eleven", "and two more", "4"]))
def test_a_number_right_behind_a_card_does_not_hide_it(seed: int, after: str):
    random = Random(seed)
    said = spelling.paired(random, spelling.card(random, least=14))
    kept = redactor.text(f"It's {said} {after}")
    assert left_of(kept, "It's ", f" {after}"), (said, kept)


@given(seed=seeds)
def test_two_cards_in_one_breath_are_gone_both(seed: int):
    random = Random(seed)
    first, second = (spelling.written(random, spelling.card(random)) for _ in range(2))
    kept = redactor.text(f"{first}, {second}")
    assert not any(sign.isdigit() for sign in kept), (first, second, kept)


@given(seed=seeds)
def test_a_card_glued_to_expiry_and_code_is_gone_with_them(seed: int):
    random = Random(seed)
    assert redactor.text(f"{spelling.card(random, least=14)}1227123.") == "[card]."


@given(seed=seeds)
def test_a_card_that_was_interrupted_is_gone_from_both_parts(seed: int):
    random = Random(seed)
    number = spelling.written(random, spelling.card(random))
    cut = random.randint(1, len(number) - 1)
    heard, unheard = redactor.parts(f"I have {number[:cut]}", f"{number[cut:]} right")
    assert (heard.rstrip(" -./_,?;:·–\n\u00a0"), unheard) == ("I have [card]", " right")


def test_a_card_said_with_other_words_in_between_is_gone_after_the_word_card():
    said = "My card is 4242 4242, have you got that, then comes 4242, let me see, and the last four are 4242."
    assert redactor.text(said) == (
        "My card is [card], have you got that, then comes [card], let me see, and the last four are [card]."
    )


def test_a_telephone_number_is_no_further_piece_of_a_card():
    said = "My card is 4242 4242, hold on, 4242 4242, and I am at +49 170 1234567, call me, 4242 4242 4242 4242"
    assert redactor.text(said) == ("My card is [card], hold on, [card], and I am at +49 170 1234567, call me, [card]")


def test_a_number_behind_a_plus_is_a_telephone_number():
    # 13 digits that begin with Visa's 4 and pass Luhn's check
    number = "4917" + "01234567"
    number += spelling.check_digit(number)
    assert redactor.text(f"call +{number}") == f"call +{number}"
    assert redactor.text(f"it's {number}") == "it's [card]"
    assert redactor.text("it's +4111 1111 1111 1111") == "it's +[card]"


def test_a_plus_between_digits_is_the_space_of_a_form():
    assert redactor.text("card=4111+1111+1111+1111&name=Ada") == "card=[card]&name=Ada"
    assert redactor.text("4111 1111 + 1111 1111") == "4111 1111 + 1111 1111"


@pytest.mark.parametrize("space", ["%20", "&nbsp;", "&#160;", r"\n", r"\r\n", r"\t", r"\u00a0", r"\u00A0"])
def test_what_stands_for_a_space_does_not_hide_a_card(space: str):
    number = space.join(["4111", "1111", "1111", "1111"])
    assert redactor.text(f"q=card{space}{number}{space}and more") == f"q=card{space}[card]{space}and more"
    iban = space.join(["DE89", "3704", "0044", "0532", "0130", "00"])
    assert redactor.text(f"to {iban}.") == "to [iban]."


def test_a_date_ends_a_number_only_where_no_card_can_begin():
    assert redactor.text("2026-11-21 14:52:57.123456") == "2026-11-21 14:52:57.123456"
    random = Random(1)
    for _ in range(2000):
        digits = "4" + "".join(str(random.randrange(10)) for _ in range(3)) + "20261121" + "123"
        number = digits + spelling.check_digit(digits)
        for separator in "- ":
            said = f"{number[:4]}{separator}{number[4:8]}-{number[8:10]}-{number[10:12]}{separator}{number[12:]}"
            assert redactor.text(said) == "[card]"
