"""Whether a database has the shape that the models say."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from phoneagent.store.models import metadata


def differences(connection: Connection) -> Any:
    """What a revision would have to change. SQLite's index of words is in no model: no other database has the like."""
    options = {"include_name": lambda name, kind, parents: not (name or "").startswith("call_words_index")}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
