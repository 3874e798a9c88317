"""The tables. What changes here needs a revision in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    func,
    literal_column,
    text,
)

from phoneagent.core.dials import FINAL
from phoneagent.core.models import LONGEST
from phoneagent.store.columns import Moment, String, Text, Usd

LONGEST_ID = 128  # of an engine's, as it is kept

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

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
    Column("scopes", Text, nullable=False, server_default="read call"),  # names, separated by spaces
)

# Who may use the console

users = Table(
    "users",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", String(16), nullable=False),  # viewer, operator or admin
    Column("password", Text, nullable=False),  # its Argon2 hash
    Column("created", Moment, nullable=False),
    Column("last_login", Moment),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the cookie, in hexadecimal
    Column("user_id", String(16), ForeignKey("users.id", ondelete="CASCADE"), index=True),  # NULL: see `credential`
    Column("credential", String(64)),  # what let in whom no user stands for: PHONEAGENT_ADMIN_PASSWORD, as a hash
    Column("created", Moment, nullable=False),
    Column("seen", Moment, nullable=False),
    Column("expires", Moment, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),  # the name of a user or an API key
    Column("kind", String(8), nullable=False),  # user, key, local (this machine, without a password) or cli
    Column("action", String(32), nullable=False),
    Column("call_id", String(32)),
    Column("data", JSON, nullable=False),
    Index("ix_audit_at_id", "at", "id"),
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

# Calls. What belongs to one goes with it.


def _of_call() -> Column[str]:
    return Column("call_id", String(32), ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)


instances = Table(
    "instances",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("began", Moment, nullable=False),
    Column("seen", Moment, nullable=False),  # its lease on the calls that are open
)

agent_versions = Table(
    "agent_versions",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("files", JSON, nullable=False),
    Column(
        "afterwards", JSON(none_as_null=True)
    ),  # what is made of its calls, by core.records.Afterwards; NULL: nothing
    Column("first_used", Moment, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("call_sid", String(64), nullable=False, index=True),
    Column("stream_sid", String(64)),
    Column("session_id", Text),
    Column("instance", String(32), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("caller", Text, nullable=False),
    Column("called", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("agent_version", String(64), nullable=False),
    Column("engine", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("began", Moment, nullable=False),
    Column("streamed", Moment),  # when caller and agent first heard each other
    Column("ended", Moment),  # exactly when it is there, the call is over
    Column("outcome", String(32)),
    Column("reason", Text),
    Column("duration_s", Float),
    Column("turn_count", Integer),
    Column("barge_ins", Integer),
    Column("first_audio_ms", Integer),
    Column("latency_ms", Integer),
    Column("counters", JSON(none_as_null=True)),
    Column("usd", Usd, nullable=False, server_default="0"),
    # after the call
    Column("after", String(8)),  # pending, done, skipped or failed; NULL: there was nothing to do
    Column("after_due", Moment),  # while it is pending: when somebody else may take it over; NULL: at once
    Column("after_problem", Text),
    Column("summary", Text),
    Column("extracted", JSON(none_as_null=True)),
    # how long it is kept
    Column("held", Boolean, nullable=False, server_default=text("false")),
    Column("recording_days", Integer),
    Column("transcript_days", Integer),
    Column("call_days", Integer),
    Column("transcript_deleted", Moment),
    Index("ix_calls_began_id", "began", "id"),
    # a list is in this order, whatever it is chosen by; of an agent's calls few may have ended so
    Index("ix_calls_agent_outcome_began_id", "agent", "outcome", "began", "id"),
    Index("ix_calls_agent_agent_version_began", "agent", "agent_version", "began"),  # how many had each version
    *(Index(f"ix_calls_{name}_began_id", name, "began", "id") for name in ("agent", "called", "caller", "outcome")),
    Index(
        "ix_calls_open",
        "began",
        "id",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
    Index(
        "ix_calls_after",
        "ended",
        sqlite_where=text("after = 'pending'"),
        postgresql_where=text("after = 'pending'"),
    ),
)

turns = Table(
    "turns",
    metadata,
    _of_call(),
    Column("turn_id", String(LONGEST_ID), primary_key=True),
    Column("position", Integer),  # known when the call is over; before, turns are ordered by their times
    Column("speaker", String(8), nullable=False),
    Column("text", Text, nullable=False),
    Column("unheard", Text, nullable=False),
    Column("at_s", Float, nullable=False),
    Column("latency_ms", Integer),
    Column("interrupted", Boolean, nullable=False),
    Column("final", Boolean, nullable=False),
)

tool_runs = Table(
    "tool_runs",
    metadata,
    _of_call(),
    Column("tool_call_id", String(LONGEST_ID), primary_key=True),
    Column("name", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("at_s", Float, nullable=False),
    Column("duration_ms", Integer, nullable=False),
)

call_events = Table(
    "call_events",
    metadata,
    _of_call(),
    Column("number", Integer, primary_key=True),
    Column("at_s", Float, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("data", JSON, nullable=False),
)

charges = Table(
    "charges",
    metadata,
    _of_call(),
    Column("part", String(32), primary_key=True),
    Column("model", String(LONGEST), primary_key=True),  # empty for what is no model's
    Column("usd", Usd),  # NULL: it has no price
    Column("usage", JSON(none_as_null=True)),
)

recordings = Table(
    "recordings",
    metadata,
    Column("name", String(255), primary_key=True),  # of the file, below the folder of recordings or the bucket's prefix
    Column("call_id", String(32), ForeignKey("calls.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at_s", Float, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("problem", Text),
    Column("place", String(8), nullable=False),  # local, remote, or gone
    Column("uploads", Integer, nullable=False, server_default="0"),  # tries
    Column("upload_at", Moment),  # when the next is due; NULL: none is
    Index(
        "ix_recordings_upload_at",
        "upload_at",
        sqlite_where=text("upload_at IS NOT NULL"),
        postgresql_where=text("upload_at IS NOT NULL"),
    ),
)

notes = Table(
    "notes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("call_id", String(32), ForeignKey("calls.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created", Moment, nullable=False),
)

# Webhooks that we send

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("url", Text, nullable=False),
    Column("allow_private", Boolean, nullable=False),  # http, and addresses that are not on the public internet
    Column("events", Text, nullable=False),  # names, separated by spaces
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),  # signs, too, until then
    Column("old_secret_until", Moment),
    Column("created", Moment, nullable=False),
    Column("disabled", Moment),
    Column("disabled_because", Text),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("webhook_id", String(16), ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", String(64), nullable=False),
    Column("event", String(32), nullable=False),
    Column("call_id", String(32), index=True),
    Column("body", Text, nullable=False),
    Column("created", Moment, nullable=False, index=True),
    Column("state", String(16), nullable=False),  # pending, delivered, failed
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tried", Moment),  # the last of them
    Column("due", Moment),  # while it is pending: the next attempt, or when another instance may take it over
    Column("status", Integer),  # of the last answer
    Column("problem", Text),
    UniqueConstraint("webhook_id", "event_id"),
    Index(
        "ix_deliveries_due",
        "webhook_id",
        "due",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("counts", JSON, nullable=False),  # of what was erased, by kind; nothing of whose it was
)

file_deletions = Table(
    "file_deletions",
    metadata,
    Column("place", String(8), primary_key=True),  # local: on whichever machine has it; or remote
    Column("name", String(255), primary_key=True),  # below the data folder, without its suffix; or in the bucket
    Column("since", Moment, nullable=False),
)

# What is made of calls, to find them and to sum them up

call_words = Table(
    "call_words",
    metadata,
    # by which the index of SQLite knows the row: migrations/versions/r4_words_sums.py
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("call_id", String(32), ForeignKey("calls.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("words", Text, nullable=False),  # store.words.document: what was said; of calls that are over
)
lexemes = func.array_to_tsvector(func.string_to_array(call_words.c.words, literal_column("' '")))
INDEX = Index("ix_call_words_words", lexemes, postgresql_using="gin").ddl_if(dialect="postgresql")

day_sums = Table(
    "day_sums",
    metadata,
    Column("day", Date, primary_key=True),  # UTC, on which the calls began
    Column("agent", Text, primary_key=True),
    Column("number", Text, primary_key=True),  # ours
    Column("gone", Boolean, primary_key=True),  # whether of what was deleted meanwhile, and can't be summed up again
    Column("calls", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("usd", Usd, nullable=False),
    Column("outcomes", JSON, nullable=False),  # of calls that are over: how many, by name
    Column("barge_ins", Integer, nullable=False),
    Column("tool_runs", Integer, nullable=False),
    Column("tool_failures", Integer, nullable=False),
    Column("latency", JSON, nullable=False),  # core.histogram: of turns
    Column("first_word", JSON, nullable=False),  # of calls
)

day_charges = Table(
    "day_charges",
    metadata,
    Column("day", Date, primary_key=True),  # UTC, on which the calls began; nothing here is of deleted ones
    Column("agent", Text, primary_key=True),
    Column("number", Text, primary_key=True),  # ours
    Column("model", String(LONGEST), primary_key=True),  # as in `charges`
    Column("part", String(32), primary_key=True),
    Column("calls", Integer, nullable=False),  # those of which this is the first part that used the model
    Column("seconds", Float, nullable=False),  # theirs
    Column("usd", Usd, nullable=False),
    Column("unpriced", Integer, nullable=False),  # charges without a price
)

stale_days = Table(
    "stale_days",
    metadata,
    Column("day", Date, primary_key=True),  # whose calls have changed since they were summed up
)
