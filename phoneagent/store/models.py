"""The tables. What changes here needs a revision in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Index, MetaData, String, Table, Text, UniqueConstraint, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from phoneagent.core.dials import FINAL

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """A moment, aware of its time zone; SQLite knows none, so all are UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        moment: datetime | None = value
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", String(64), nullable=False),  # SHA-256 of the secret, in hexadecimal
    Column("created", Moment, nullable=False),
    Column("last_used", Moment),
    Column("expires", Moment),
    Column("revoked", Moment),
)

OPEN = text(f"state NOT IN ({', '.join(repr(state) for state in sorted(FINAL))})")

dials = Table(
    "dials",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("nonce", String(64), nullable=False, unique=True),
    Column("agent", Text, nullable=False),
    Column("to", Text, nullable=False),
    Column("from", Text, nullable=False, key="from_"),
    Column("variables", JSON, nullable=False),
    Column("created", Moment, nullable=False),
    Column("dialed", Moment),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("call_sid", String(34), index=True),
    Column("machine", Boolean, nullable=False),
    Column("unwanted", Boolean, nullable=False),
    # who asked for it, so that asking again is no second dial
    Column("api_key_id", String(16)),
    Column("idempotency_key", Text),
    Column("request_hash", String(64)),
    UniqueConstraint("api_key_id", "idempotency_key"),
    # one open dial per number
    Index("ix_dials_open_to", "to", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("call_id", String(64), nullable=False, index=True),
    Column("agent", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("callback_number", Text),
    Column("created", Moment, nullable=False, index=True),
)
