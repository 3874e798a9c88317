"""A database, SQLite in a file or PostgreSQL, and what it takes to talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from phoneagent.store.migrate import NewerDatabaseError, migrate

BUSY_S = 10.0  # SQLite's lock, which another process may hold
CONNECT_S = 10.0
ANSWER_S = 10.0  # PostgreSQL's, to each statement


class StoreError(Exception):
    """The database can't be used, or does not answer; the text says why, without a password."""


class Database:
    """One database. Used on the event loop; nothing in it blocks."""

    def __init__(self, url: URL) -> None:
        self._engine = _engine(url)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back if an exception leaves it.

        Raises StoreError, and IntegrityError as it is: only who asked knows what it means.
        """
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(_reason(error)) from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self._engine.dispose()


async def open_database(address: str) -> Database:
    """The database at `sqlite:///path` or `postgresql://…`, in the shape that this version knows.

    A SQLite file and its folder are made if need be. Raises StoreError.
    """
    url = _url(address)
    try:
        await asyncio.to_thread(_migrate, url)  # Alembic blocks
    except NewerDatabaseError:
        raise StoreError(
            f"the database {_shown(url)} has been used by a newer phoneagent: run that version, or restore a backup"
        ) from None
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is not installed: pip install 'phoneagent[postgres]'") from None
    except Exception as error:  # a driver's errors on connecting are of many kinds
        raise StoreError(f"the database {_shown(url)} can't be used: {_reason(error)}") from error
    return Database(url)


def _migrate(url: URL) -> None:
    if url.get_backend_name() == "postgresql":
        asyncio.run(_migrate_postgresql(url))
        return
    if url.database:
        path = Path(url.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)  # telephone numbers and what was said are nobody else's
    engine = create_engine(
        url.set(drivername="sqlite"), poolclass=NullPool, connect_args={"timeout": BUSY_S}, hide_parameters=True
    )
    _prepare_sqlite(engine)
    with engine.begin() as connection:
        migrate(connection)


async def _migrate_postgresql(url: URL) -> None:
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": CONNECT_S}, hide_parameters=True)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise StoreError(
            "PHONEAGENT_DATABASE_URL must be sqlite:///path or postgresql://user:password@host/name"
        ) from None
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite+aiosqlite")
    query = dict(url.query)
    if "sslmode" in query:  # libpq's word, which everybody's addresses hold
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "postgresql":
        timeouts = {"timeout": CONNECT_S, "command_timeout": ANSWER_S}
        return create_async_engine(url, pool_pre_ping=True, connect_args=timeouts, hide_parameters=True)
    # one connection, so that nobody meets a lock of our own
    engine = create_async_engine(
        url, pool_size=1, max_overflow=0, connect_args={"timeout": BUSY_S}, hide_parameters=True
    )
    _prepare_sqlite(engine.sync_engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """Have every transaction be one, from its first statement on, and be on the disk when it is committed."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # sqlite3 itself would begin no transaction for a CREATE TABLE
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _shown(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _reason(error: BaseException) -> str:
    """What went wrong, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    lines = str(cause).splitlines()
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__
