"""What calls are found by: their words, and indexes in the order of the list. Sums of days."""

from collections import defaultdict
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from phoneagent.store.words import document

revision = "4"
down_revision = "3"

_AT_ONCE = 500  # calls whose words are read at once

# The index holds no second copy of the words, so it must be told of those that go.
_IN_SQLITE = (
    """CREATE VIRTUAL TABLE call_words_index USING fts5(
        words, content='call_words', content_rowid='number', tokenize='ascii', detail='none', columnsize=0
    )""",
    """CREATE TRIGGER call_words_added AFTER INSERT ON call_words BEGIN
        INSERT INTO call_words_index(rowid, words) VALUES (new.number, new.words);
    END""",
    """CREATE TRIGGER call_words_deleted AFTER DELETE ON call_words BEGIN
        INSERT INTO call_words_index(call_words_index, rowid, words) VALUES ('delete', old.number, old.words);
    END""",
    """CREATE TRIGGER call_words_changed AFTER UPDATE ON call_words BEGIN
        INSERT INTO call_words_index(call_words_index, rowid, words) VALUES ('delete', old.number, old.words);
        INSERT INTO call_words_index(rowid, words) VALUES (new.number, new.words);
    END""",
)
_IN_POSTGRESQL = """CREATE INDEX ix_call_words_words ON call_words
    USING gin (array_to_tsvector(string_to_array(words, ' ')))"""


def upgrade() -> None:
    """Create the tables and indexes, and fill them from the calls that are there."""
    op.create_table(
        "call_words",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("call_id", sa.String(32), sa.ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.UniqueConstraint("call_id"),
    )
    op.create_table(
        "day_sums",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("agent", sa.Text, primary_key=True),
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("gone", sa.Boolean, primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("usd", sa.BigInteger, nullable=False),
        sa.Column("outcomes", sa.JSON, nullable=False),
        sa.Column("barge_ins", sa.Integer, nullable=False),
        sa.Column("tool_runs", sa.Integer, nullable=False),
        sa.Column("tool_failures", sa.Integer, nullable=False),
        sa.Column("latency", sa.JSON, nullable=False),
        sa.Column("first_word", sa.JSON, nullable=False),
    )
    op.create_table("stale_days", sa.Column("day", sa.Date, primary_key=True))
    for name in ("ix_calls_agent_began", "ix_calls_called_began", "ix_calls_caller"):
        op.drop_index(name, "calls")
    for name in ("agent", "called", "caller", "outcome"):
        op.create_index(f"ix_calls_{name}_began_id", "calls", [name, "began", "id"])
    op.create_index("ix_calls_agent_outcome_began_id", "calls", ["agent", "outcome", "began", "id"])
    connection = op.get_bind()
    for words in _words(connection):
        connection.execute(sa.text("INSERT INTO call_words (call_id, words) VALUES (:call_id, :words)"), words)
    if connection.dialect.name == "postgresql":
        op.execute(_IN_POSTGRESQL)
        op.execute("INSERT INTO stale_days SELECT DISTINCT (began AT TIME ZONE 'UTC')::date FROM calls")
        return
    for statement in _IN_SQLITE:
        op.execute(statement)
    op.execute("INSERT INTO call_words_index(call_words_index) VALUES ('rebuild')")
    op.execute("INSERT INTO stale_days SELECT DISTINCT date(began) FROM calls")


def _words(connection: sa.Connection) -> Iterator[list[dict[str, str]]]:
    """The words of calls that are over, some calls at a time."""
    over = "SELECT id FROM calls WHERE ended IS NOT NULL AND id > :after ORDER BY id LIMIT :count"
    said = f"SELECT call_id, text FROM turns WHERE call_id IN ({over}) ORDER BY call_id, position, at_s"  # noqa: S608
    after = ""
    while True:
        some = {"after": after, "count": _AT_ONCE}
        ids = connection.execute(sa.text(over), some).scalars().all()
        texts: defaultdict[str, list[str]] = defaultdict(list)
        for call_id, text in connection.execute(sa.text(said), some):
            texts[call_id].append(text)
        if texts:
            yield [{"call_id": call_id, "words": document(spoken)} for call_id, spoken in texts.items()]
        if len(ids) < _AT_ONCE:
            return
        after = ids[-1]
