"""Which numbers may be dialled. What may not is in `forbidden_numbers`, in all its spellings."""

from __future__ import annotations

from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from phoneagent.agents.numbers import allowed_countries, country_of, dialable, toll_free
from phoneagent.core.agents import Agent
from tests.agents.forbidden_numbers import ABROAD, NOT_ANYBODYS, PREMIUM

EVERYWHERE = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 212 736 5000", "+12127365000"),
        ("(212) 736-5000", "+12127365000"),
        ("tel:+1-212-736-5000", "+12127365000"),
        ("1 212 736 5000", "+12127365000"),
        ("011 1 416 967 1111", "+14169671111"),
        ("+1 800 275 2273", "+18002752273"),  # toll-free
        ("+1 555 0100", "+15550100"),
        ("+15550199", "+15550199"),
        ("+1 212 555 0100", "+12125550100"),
        ("+1 555 555 0100", "+15555550100"),
    ],
)
def test_usual_numbers_of_the_countries_allowed_and_those_of_films_may_be_dialled(text: str, number: str):
    assert dialable(text, region="US", countries=("US", "CA")) == number


@pytest.mark.parametrize("region", [None, "US", "DE"])
@pytest.mark.parametrize("text", [*PREMIUM, *NOT_ANYBODYS])
def test_what_is_dear_or_nobodys_may_not_be_wherever_it_is(text: str, region: str | None):
    with pytest.raises(ValueError, match=r"."):
        dialable(text, region=region, countries=EVERYWHERE)


@pytest.mark.parametrize("text", ABROAD)
def test_the_countries_of_plus_one_are_told_apart(text: str):
    with pytest.raises(ValueError, match=r"is in [A-Z]{2}, which is not among|is no number that can be called"):
        dialable(text, region="US", countries=("US", "CA"))


def test_no_emergency_or_short_number_of_any_country_may_be_dialled():
    tried = 0
    for region in phonenumbers.SUPPORTED_SHORT_REGIONS:
        metadata = PhoneMetadata.short_metadata_for_region(region)
        for kind in (metadata.emergency, metadata.short_code, metadata.premium_rate, metadata.toll_free):
            if kind is not None and (example := kind.example_number):
                for text in (example, f"+{phonenumbers.country_code_for_region(region)}{example}"):
                    tried += 1
                    with pytest.raises(ValueError, match=r"."):
                        dialable(text, region=region, countries=EVERYWHERE)
    assert tried > 500


@given(st.text(alphabet="+0123456789-(). ;,extEXT*#/١٩０９", max_size=20))
def test_whatever_is_written_the_answer_is_a_number_of_an_allowed_country_or_a_value_error(text: str):
    with suppress(ValueError):
        number = dialable(text, region="US", countries=("US",))
        assert country_of(number) == "US"
        assert dialable(number, countries=("US",)) == number


@pytest.mark.parametrize(
    ("agent", "region", "countries"),
    [
        (Agent("ada", countries=("CA",), numbers=("+15550100",)), "DE", ("CA",)),
        (Agent("ada", numbers=("+15550100", "+4930123456", "+12125550100", "*")), "FR", ("US", "DE")),
        (Agent("ada", numbers=("*",)), "DE", ("DE",)),
        (Agent("ada"), None, ()),
    ],
)
def test_an_agent_may_call_where_its_file_says_where_its_numbers_are_or_where_the_service_is(
    agent: Agent, region: str | None, countries: tuple[str, ...]
):
    assert allowed_countries(agent, region) == countries


def test_with_no_country_at_all_nobody_may_be_called():
    assert dialable("+1 555 0100", region="US") == "+15550100"
    with pytest.raises(ValueError, match="no country is allowed: set countries, or PHONEAGENT_REGION"):
        dialable("+1 555 0100")


@pytest.mark.parametrize("number", ["+18002752273", "+18335550199", "+448001111111", "+498001234567"])
def test_who_calls_a_toll_free_number_pays_nothing(number: str):
    assert toll_free(number)


@pytest.mark.parametrize("number", ["+12127365000", "+15550100", "client:ada", "sip:ada@example.com", "anonymous", ""])
def test_any_other_number_is_not_toll_free_nor_is_what_is_no_number(number: str):
    assert not toll_free(number)
