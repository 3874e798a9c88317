"""Telephone numbers as people write them, in the one form in which they are compared, E.164; and which may be dialled.

Nothing here knows what a call costs. It refuses what phonenumbers (the metadata of Google's libphonenumber) says is
billed to whoever calls, belongs to no country, or is no number at all; the rest is a matter of `countries`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from phoneagent.core.agents import Agent

EVERY_NUMBER = "*"
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)

_REFUSED = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number, which costs what it likes",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company-wide number of special rates",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}
_WRITTEN = re.compile(r"(?:tel:)?\+?[\d\s().\-\u2010-\u2015\u2212/]+", re.IGNORECASE)
_FICTIONAL = re.compile(r"\+1(?:[2-9](?!00|11)\d\d)?55501\d\d")
# Billed to the caller, or satellites, though phonenumbers counts them as usual numbers.
_DEAR_IN_NORTH_AMERICA = re.compile(r"\+1(?:6(?:00|22|33|44|55|77|88)\d{7}|\d{3}976\d{4})")


def e164(text: str, region: str | None = None) -> str:
    """The number in E.164. Raises ValueError with a reason.

    `region` (ISO 3166, "US") is that of numbers without a country code. Numbers need only be possible, not
    assigned: example numbers such as +1 555 0100 are fine.
    """
    return _written(_parsed(text, region))


def dialable(text: str, *, region: str | None = None, countries: Iterable[str] = ()) -> str:
    """The number in E.164, if it may be dialled and texted. Raises ValueError with a reason.

    `countries` (ISO 3166) are those that may be called; none at all means `region` alone, and without a region nothing
    may be. The 25 countries of +1 are told apart. Refused wherever they are: premium-rate, shared-cost and personal
    numbers, company-wide ones (UAN), pagers, voicemail, satellites and international networks (+870, +881, +979 …),
    emergency and short numbers, extensions, letters. Numbers of films, such as +1 555 0100 and +1 212 555 0100, may be.
    """
    if not _WRITTEN.fullmatch(unicodedata.normalize("NFKC", text).strip()):
        raise ValueError(f"{text!r} is no plain telephone number: write it in digits, as +1…")
    parsed = _parsed(text, region)
    number = _written(parsed)
    allowed = tuple(countries) or ((region,) if region else ())
    kind = phonenumbers.number_type(parsed)
    if kind in _REFUSED:
        raise ValueError(f"{number} is {_REFUSED[kind]}")
    if _DEAR_IN_NORTH_AMERICA.fullmatch(number):
        raise ValueError(f"{number} is a number of special rates")
    country = country_of(number)
    if country is None:
        raise ValueError(f"{number} is no number that can be called in any country")
    if not allowed:
        raise ValueError(f"{number} is in {country}, and no country is allowed: set countries, or PHONEAGENT_REGION")
    if country not in allowed:
        raise ValueError(f"{number} is in {country}, which is not among the countries allowed: {', '.join(allowed)}")
    return number


def country_of(number: str) -> str | None:
    """The country (ISO 3166) of an E.164 number that is in use there; None for any other."""
    parsed = phonenumbers.parse(number)
    if phonenumbers.is_valid_number(parsed):
        country = phonenumbers.region_code_for_number(parsed)
        return country if country in COUNTRIES else None  # "001": an international network
    unused = phonenumbers.region_code_for_number(parsed) is None
    return "US" if unused and _FICTIONAL.fullmatch(number) else None


def country_code_and_rest(number: str) -> tuple[str, str]:
    """The digits of an E.164 number in two: "1", "2125550123"."""
    parsed = phonenumbers.parse(number)
    return str(parsed.country_code), phonenumbers.national_significant_number(parsed)


def toll_free(number: str) -> bool:
    """Whether who calls this E.164 number pays nothing for it; False for what is no number."""
    try:
        return phonenumbers.number_type(phonenumbers.parse(number)) == PhoneNumberType.TOLL_FREE
    except NumberParseException:
        return False


def allowed_countries(agent: Agent, region: str | None = None) -> tuple[str, ...]:
    """To which countries an agent may transfer, text and call.

    Those of its file; else those of its own numbers; else `region`, that of numbers without a country code. An agent
    that has none of these may dial nobody.
    """
    return agent.countries or countries_by_default(agent.numbers, region)


def countries_by_default(numbers: Iterable[str], region: str | None) -> tuple[str, ...]:
    """The countries of an agent that names none: those of its numbers, else `region`."""
    own = (country_of(number) for number in numbers if number != EVERY_NUMBER)
    return tuple(dict.fromkeys(country for country in own if country)) or ((region,) if region else ())


def _parsed(text: str, region: str | None) -> PhoneNumber:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE and region is None:
            raise ValueError(
                f"{text!r} has no country code: write it as +1…, or set PHONEAGENT_REGION (for example US)"
            ) from error
        raise ValueError(f"{text!r} is not a telephone number") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"{text!r} has too few or too many digits for a telephone number")
    return number


def _written(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
