"""The types of columns, which are the same on both databases."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, DateTime
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Text(TypeDecorator[str]):
    """Text of any origin; what PostgreSQL takes for no text is replaced."""

    impl: type[sqlalchemy.String] = sqlalchemy.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and storable(value)


class String(Text):
    """Such text, of a bounded length."""

    impl = sqlalchemy.String
    cache_ok = True


def storable(text: str) -> str:
    """The text with U+FFFD for what no database's text may hold: NUL, and halves of characters."""
    return _NOT_STORABLE.sub("\ufffd", text)


_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


class Moment(TypeDecorator[datetime]):
    """A moment, aware of its time zone; SQLite knows none, so all are UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        moment: datetime | None = value
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class Usd(TypeDecorator[Decimal]):
    """US dollars, kept as billionths in whole numbers: SQLite has no decimals, and sums are to be exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int((value * _BILLION).to_integral_value())

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / _BILLION


_BILLION = Decimal(1_000_000_000)
