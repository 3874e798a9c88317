"""What is written in a setting, as a value.

Each takes the text of a variable, and raises ValueError with what completes the sentence "<VARIABLE> …".
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def text(value: str) -> str:
    """Any text."""
    return value


def up_to(most: int) -> Callable[[str], str]:
    """A text of so many characters."""

    def parse(value: str) -> str:
        if len(value) > most:
            raise ValueError(f"must have at most {most} characters, not {len(value)}")
        return value

    return parse


def secret(value: str) -> str:
    """A key or token, which holds nothing that a slip of copying leaves in it."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("holds spaces, line breaks or special characters; copy it again")
    return value


def password(value: str) -> str:
    """What a person types: any characters that can be seen, and spaces between them."""
    if not value.isprintable():
        raise ValueError("holds line breaks or characters that can't be seen")
    return value


def path(value: str) -> Path:
    """A file or a folder."""
    return Path(value).expanduser()


def one_of(*allowed: str) -> Callable[[str], str]:
    """One of some words, however they are capitalised."""

    def parse(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value.lower()

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def dollars(value: str) -> Decimal:
    """An amount of money, in US dollars."""
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(0)
    if not (amount.is_finite() and 0 < amount <= 1_000_000):
        raise ValueError("must be an amount in US dollars above 0, such as 50 or 12.50")
    return amount


def seconds(value: str) -> float:
    """A time, of a day at the most."""
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 <= number <= 86_400:  # NaN fails this too
        raise ValueError("must be a number of seconds from 0 to 86400")
    return number


def rate(value: str) -> float:
    """So many per second."""
    try:
        number = float(value)
    except ValueError:
        number = 0
    if not 0 < number <= 1000:
        raise ValueError("must be a number above 0 and up to 1000")
    return number


def names(value: str) -> tuple[str, ...]:
    """Names of variables, each once."""
    found = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if wrong := [name for name in found if not (name.isascii() and name.isidentifier())]:
        raise ValueError(f"must be names of variables, separated by commas; {wrong[0]!r} is none")
    return found


def database(value: str) -> str:
    """The address of a database."""
    if not value.startswith(("postgresql://", "sqlite:///")):
        raise ValueError("must begin with postgresql:// or sqlite:///")
    return value


def bucket(value: str) -> str:
    """The address of a bucket."""
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc:
        raise ValueError("must be an address such as s3://bucket/recordings")
    return value


def region(value: str) -> str:
    """A country, ISO 3166."""
    if not (len(value) == 2 and value.isascii() and value.isalpha()):
        raise ValueError("must be a country's two letters, for example US")
    return value.upper()


def url(value: str) -> str:
    """An http or https address, without a slash at its end."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        usable = False
    if not usable or parts.query or parts.fragment or any(c.isspace() for c in value):
        raise ValueError("must be an address that begins with https:// or http://, without ? or #")
    if parts.username is not None:
        raise ValueError("must not hold a user name or password")
    return value.rstrip("/")


def origin(value: str) -> str:
    """The origin that Twilio dials, lower-case as it is in signed addresses."""
    address = url(value)
    parts = urlsplit(address)
    if parts.path:
        raise ValueError("must be an origin without a path, for example https://voice.example.com")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("must begin with https:// (http:// is for this machine only)")
    return address.lower()
