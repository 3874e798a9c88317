"""Telephone numbers as people write them, in the one form in which they are compared: E.164."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

EVERY_NUMBER = "*"


def e164(text: str, region: str | None = None) -> str:
    """The number in E.164. Raises ValueError with a reason.

    `region` (ISO 3166, "US") is that of numbers without a country code. Numbers need only be possible, not
    assigned: example numbers such as +1 555 0100 are fine.
    """
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
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
