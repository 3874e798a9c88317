"""Brings a database to the shape that this version of the service knows."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from phoneagent.store.models import metadata

NEWEST = "5"
"""The last revision among the migrations."""

_LOCK = 0x70686F6E65  # "phone": of PostgreSQL's advisory locks, the one under which only one service migrates

_ALEMBIC = threading.Lock()  # its contexts stand in one place for the whole process


class NewerDatabaseError(Exception):
    """The database has been used by a newer version of the service, and this one does not know it."""


def migrate(connection: Connection) -> None:
    """Run the revisions that the database does not have yet, all or none, in the transaction of `connection`.

    Raises NewerDatabaseError.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if _revision(connection) == NEWEST:
        return
    # Only who migrates waits for these to load
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    upgrade = EnvironmentContext(
        config, script, fn=lambda revision, context: script._upgrade_revs("head", revision), destination_rev="head"
    )
    with _ALEMBIC, upgrade as environment:
        environment.configure(connection=connection, target_metadata=metadata)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise NewerDatabaseError(str(error)) from None


def _revision(connection: Connection) -> str | None:
    """The revision that Alembic has noted in the database, None for one that it has not seen."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
