"""Calls and what belongs to them, webhooks, scopes of keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_MOMENT = sa.DateTime(timezone=True)
_OPEN = sa.text("ended IS NULL")
_AFTER = sa.text("after = 'pending'")
_PENDING = sa.text("state = 'pending'")
_UPLOADS = sa.text("upload_at IS NOT NULL")


def upgrade() -> None:
    """Create the tables, and add the scopes."""
    op.add_column("api_keys", sa.Column("scopes", sa.Text, nullable=False, server_default="read call"))
    _calls()
    _parts_of_calls()
    _webhooks()
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
    )
    op.create_table(
        "file_deletions",
        sa.Column("place", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("since", _MOMENT, nullable=False),
    )


def _calls() -> None:
    op.create_table(
        "instances",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("began", _MOMENT, nullable=False),
        sa.Column("seen", _MOMENT, nullable=False),
    )
    op.create_table(
        "agent_versions",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("afterwards", sa.JSON),
        sa.Column("first_used", _MOMENT, nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("call_sid", sa.String(64), nullable=False, index=True),
        sa.Column("stream_sid", sa.String(64)),
        sa.Column("session_id", sa.Text),
        sa.Column("instance", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("caller", sa.Text, nullable=False, index=True),
        sa.Column("called", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("agent_version", sa.String(64), nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("began", _MOMENT, nullable=False),
        sa.Column("streamed", _MOMENT),
        sa.Column("ended", _MOMENT),
        sa.Column("outcome", sa.String(32)),
        sa.Column("reason", sa.Text),
        sa.Column("duration_s", sa.Float),
        sa.Column("turn_count", sa.Integer),
        sa.Column("barge_ins", sa.Integer),
        sa.Column("first_audio_ms", sa.Integer),
        sa.Column("latency_ms", sa.Integer),
        sa.Column("counters", sa.JSON),
        sa.Column("usd", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("after", sa.String(8)),
        sa.Column("after_due", _MOMENT),
        sa.Column("after_problem", sa.Text),
        sa.Column("summary", sa.Text),
        sa.Column("extracted", sa.JSON),
        sa.Column("held", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("recording_days", sa.Integer),
        sa.Column("transcript_days", sa.Integer),
        sa.Column("call_days", sa.Integer),
        sa.Column("transcript_deleted", _MOMENT),
    )
    op.create_index("ix_calls_began_id", "calls", ["began", "id"])
    op.create_index("ix_calls_agent_began", "calls", ["agent", "began"])
    op.create_index("ix_calls_called_began", "calls", ["called", "began"])
    op.create_index("ix_calls_open", "calls", ["began", "id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_calls_after", "calls", ["ended"], sqlite_where=_AFTER, postgresql_where=_AFTER)


def _parts_of_calls() -> None:
    op.create_table(
        "turns",
        _of_call(primary_key=True),
        sa.Column("turn_id", sa.String(128), primary_key=True),
        sa.Column("position", sa.Integer),
        sa.Column("speaker", sa.String(8), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("unheard", sa.Text, nullable=False),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("latency_ms", sa.Integer),
        sa.Column("interrupted", sa.Boolean, nullable=False),
        sa.Column("final", sa.Boolean, nullable=False),
    )
    op.create_table(
        "tool_runs",
        _of_call(primary_key=True),
        sa.Column("tool_call_id", sa.String(128), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("output", sa.Text, nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
    )
    op.create_table(
        "call_events",
        _of_call(primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "charges",
        _of_call(primary_key=True),
        sa.Column("part", sa.String(32), primary_key=True),
        sa.Column("model", sa.String(128), primary_key=True),
        sa.Column("usd", sa.BigInteger),
        sa.Column("usage", sa.JSON),
    )
    op.create_table(
        "recordings",
        sa.Column("name", sa.String(255), primary_key=True),
        _of_call(nullable=False, index=True),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("place", sa.String(8), nullable=False),
        sa.Column("uploads", sa.Integer, nullable=False, server_default="0"),
        sa.Column("upload_at", _MOMENT),
    )
    due = ["upload_at"]
    op.create_index("ix_recordings_upload_at", "recordings", due, sqlite_where=_UPLOADS, postgresql_where=_UPLOADS)
    op.create_table(
        "notes",
        sa.Column("id", sa.String(32), primary_key=True),
        _of_call(nullable=False, index=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("allow_private", sa.Boolean, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        sa.Column("old_secret_until", _MOMENT),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("disabled", _MOMENT),
        sa.Column("disabled_because", sa.Text),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("webhook_id", sa.String(16), sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("call_id", sa.String(32), index=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False, index=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("tried", _MOMENT),
        sa.Column("due", _MOMENT),
        sa.Column("status", sa.Integer),
        sa.Column("problem", sa.Text),
        sa.UniqueConstraint("webhook_id", "event_id"),
    )
    due = ["webhook_id", "due"]
    op.create_index("ix_deliveries_due", "deliveries", due, sqlite_where=_PENDING, postgresql_where=_PENDING)


def _of_call(**options: Any) -> sa.Column[str]:
    return sa.Column("call_id", sa.String(32), sa.ForeignKey("calls.id", ondelete="CASCADE"), **options)
