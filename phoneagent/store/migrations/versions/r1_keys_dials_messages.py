"""Keys, dials, messages."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_OPEN = sa.text("state NOT IN ('busy', 'canceled', 'completed', 'failed', 'machine', 'no_answer')")


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used", sa.DateTime(timezone=True)),
        sa.Column("expires", sa.DateTime(timezone=True)),
        sa.Column("revoked", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "dials",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("nonce", sa.String(64), nullable=False, unique=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("to", sa.Text, nullable=False),
        sa.Column("from", sa.Text, nullable=False),
        sa.Column("variables", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dialed", sa.DateTime(timezone=True)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("call_sid", sa.String(34), index=True),
        sa.Column("machine", sa.Boolean, nullable=False),
        sa.Column("unwanted", sa.Boolean, nullable=False),
        sa.Column("api_key_id", sa.String(16)),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_hash", sa.String(64)),
        sa.UniqueConstraint("api_key_id", "idempotency_key"),
    )
    op.create_index("ix_dials_open_to", "dials", ["to"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "messages",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("call_id", sa.String(64), nullable=False, index=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("callback_number", sa.Text),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False, index=True),
    )
