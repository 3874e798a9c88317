"""Brings a database to the shape that this version of the service knows."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from phoneagent.store.models import metadata

_LOCK = 0x70686F6E65  # "phone": of PostgreSQL's advisory locks, the one under which only one service migrates


class NewerDatabaseError(Exception):
    """The database has been used by a newer version of the service, and this one does not know it."""


def migrate(connection: Connection) -> None:
    """Run the revisions that the database does not have yet, all or none, in the transaction of `connection`.

    Raises NewerDatabaseError.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config, script, fn=lambda revision, context: script._upgrade_revs("head", revision), destination_rev="head"
    ) as environment:
        environment.configure(connection=connection, target_metadata=metadata)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise NewerDatabaseError(str(error)) from None
