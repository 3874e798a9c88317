"""A database, SQLite in a file or PostgreSQL, and what it takes to talk to it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from phoneagent.store.columns import storable
from phoneagent.store.migrate import NewerDatabaseError, migrate

BUSY_S = 10.0  # SQLite's lock, which another process may hold
CONNECT_S = 10.0
ANSWER_S = 10.0  # PostgreSQL's, to each statement
LONG_S = 3600.0  # PostgreSQL's, where it writes much anew
LOOKING = 4  # connections to SQLite that only read

_REBUILDING = 0x70686F6E65  # the lock on it, which is the database's own: "phone"
_VALUE_CLASSES = {"22", "54"}  # of PostgreSQL's errors: data exception, program limit exceeded


class StoreError(Exception):
    """The database can't be used, or does not answer; the text says why, without a password."""


class ValueRefusedError(StoreError):
    """The database does not take a value, and won't the next time."""


class Database:
    """One database. Used on the event loop; nothing in it blocks."""

    def __init__(self, url: URL) -> None:
        self._engine = _engine(url)
        is_sqlite = url.get_backend_name() == "sqlite"
        self._looking = (
            _engine(url, looking=True)
            if is_sqlite
            else self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction: committed at the end, rolled back if an exception leaves it.

        Raises StoreError, ValueRefusedError, and IntegrityError as it is: only who asked knows what it means.
        """
        return self._transaction(self._engine)

    def look(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that writes nothing and may take its time: nobody who writes waits for it, and all that it sees
        is of one moment.

        Raises StoreError, ValueRefusedError.
        """
        return self._transaction(self._looking)

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            async with engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (OverflowError, UnicodeError) as error:  # SQLite's module raises them as they are
            raise ValueRefusedError(type(error).__name__) from None  # the text would show the value
        except (SQLAlchemyError, OSError) as error:
            if _refuses_a_value(error):
                raise ValueRefusedError(type(error).__name__) from None
            raise StoreError(_reason(error)) from error

    @property
    def is_postgresql(self) -> bool:
        """Whether it is; else it is SQLite."""
        return self._engine.dialect.name == "postgresql"

    async def rebuild(self, index: str) -> bool:
        """Write an index of PostgreSQL's anew, while others use it: what it was made of once, it never forgets.

        Returns False if somebody else is at it. Raises StoreError.
        """
        async with self._alone() as driver:
            if not await driver.fetchval("SELECT pg_try_advisory_lock($1)", _REBUILDING):
                return False
            try:
                for left in ("ccnew", "ccold"):  # by who was interrupted
                    await driver.execute(f"DROP INDEX IF EXISTS {index}_{left}")
                await driver.execute(f"REINDEX INDEX CONCURRENTLY {index}", timeout=LONG_S)
            finally:
                await driver.execute("SELECT pg_advisory_unlock_all()")
        return True

    async def compact(self) -> None:
        """Leave nothing in the database's files of what was deleted or written over: SQLite's are written anew, and the
        write-ahead log is emptied; PostgreSQL marks the room as free, and writes over it in time. Raises StoreError."""
        async with self._alone() as driver:
            if self.is_postgresql:
                await driver.execute("VACUUM", timeout=LONG_S)
                return
            await driver.execute("VACUUM")
            async with driver.execute("PRAGMA wal_checkpoint(TRUNCATE)") as result:
                busy, *_ = await result.fetchone()
            if busy:
                raise StoreError("the write-ahead log is read by another program, and still holds what was deleted")

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Any]:
        """The driver's own connection, for what can be in no transaction."""
        try:
            async with self._engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
                yield driver
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(_reason(error)) from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self._engine.dispose()
        await self._looking.dispose()


def upsert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert into a table, to be told what to do `on_conflict_…`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def as_json(value: Any) -> str:
    """A value as JSON that any database takes. Raises ValueError, TypeError."""
    return storable(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


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
    # SQLite waits for who writes, but not for who takes the log into use on a new database as well
    for attempt in Retrying(
        retry=retry_if_exception(_is_locked),
        wait=wait_random(0, 0.1),
        stop=stop_after_delay(BUSY_S),
        reraise=True,
    ):
        with attempt, engine.begin() as connection:
            migrate(connection)


async def _migrate_postgresql(url: URL) -> None:
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": CONNECT_S}, hide_parameters=True)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # of a port that is no number
        raise StoreError("must be sqlite:///path or postgresql://user:password@host/name") from None
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise StoreError("must name a file: sqlite:///path")
        return url.set(drivername="sqlite+aiosqlite")
    query = dict(url.query)
    if "sslmode" in query:  # libpq's word, which everybody's addresses hold
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)


def _engine(url: URL, *, looking: bool = False) -> AsyncEngine:
    if url.get_backend_name() == "postgresql":
        timeouts = {"timeout": CONNECT_S, "command_timeout": ANSWER_S}
        return create_async_engine(
            url, pool_pre_ping=True, connect_args=timeouts, json_serializer=as_json, hide_parameters=True
        )
    engine = create_async_engine(
        url,
        pool_size=LOOKING if looking else 1,  # one that writes, so that nobody meets a lock of our own
        max_overflow=0,
        connect_args={"timeout": BUSY_S, "factory": _SqliteConnection},
        json_serializer=as_json,
        hide_parameters=True,
    )
    _prepare_sqlite(engine.sync_engine, looking=looking)
    return engine


class _SqliteConnection(sqlite3.Connection):
    def close(self) -> None:
        # Of who is cancelled amid a statement with results, SQLite would keep the lock for as long as Python keeps the
        # cursor: until the next garbage collection nobody could write.
        if self.in_transaction:
            self.rollback()
        super().close()


def _prepare_sqlite(engine: Engine, *, looking: bool = False) -> None:
    """Have every transaction be one, from its first statement on, and be on the disk when it is committed; when only
    `looking`, have it leave the others alone."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # sqlite3 itself would begin no transaction for a CREATE TABLE
        connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows A to Z
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        if looking:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if looking else "BEGIN IMMEDIATE")


def _refuses_a_value(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError):
        return isinstance(error, StatementError)  # the statement was not even made
    if isinstance(error, OperationalError):
        return False
    driver_error = error.orig and error.orig.__cause__
    sqlstate = getattr(driver_error, "sqlstate", None) or ""
    return sqlstate[:2] in _VALUE_CLASSES or isinstance(driver_error, ValueError)  # what asyncpg itself refuses


def _is_locked(error: BaseException) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else None
    return isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _lower(text: str | None) -> str | None:
    return text and text.lower()


def _shown(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _reason(error: BaseException) -> str:
    """What went wrong, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    lines = str(cause).splitlines()
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__
