"""Sums of what calls cost, by day and model. How many calls each version of an agent had, by an index."""

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Create the table and the index; the days that were summed up are to be summed up anew."""
    op.create_table(
        "day_charges",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("agent", sa.Text, primary_key=True),
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("model", sa.String(128), primary_key=True),
        sa.Column("part", sa.String(32), primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("usd", sa.BigInteger, nullable=False),
        sa.Column("unpriced", sa.Integer, nullable=False),
    )
    op.create_index("ix_calls_agent_agent_version_began", "calls", ["agent", "agent_version", "began"])
    op.execute("INSERT INTO stale_days SELECT DISTINCT day FROM day_sums WHERE NOT gone ON CONFLICT DO NOTHING")
