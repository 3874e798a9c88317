"""Opening a database: a new one, an older one, a newer one, none."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from phoneagent.store import StoreError, open_store
from phoneagent.store.database import open_database
from phoneagent.store.models import metadata


async def test_the_revisions_make_what_the_models_say(address):
    database = await open_database(address)

    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_what_was_kept_is_there_when_it_is_opened_again(address):
    store = await open_store(address)
    await store.messages.add("CA1", "ada", "+15550199", "Call me", None)
    await store.close()
    store = await open_store(address)
    [message] = await store.messages.newest()
    assert (message.agent, message.text, message.callback_number) == ("ada", "Call me", None)
    assert abs((datetime.now(UTC) - message.created).total_seconds()) < 60
    await store.close()


async def test_several_services_may_open_a_new_database_at_once(address):
    stores = await asyncio.gather(*(open_store(address) for _ in range(4)))
    assert await stores[0].keys.list() == []
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_version_is_left_alone(address):
    database = await open_database(address)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
    await database.close()
    with pytest.raises(StoreError, match="newer phoneagent"):
        await open_store(address)


async def test_a_server_that_is_not_there_is_named_without_the_password():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StoreError, match=f"127.0.0.1:{port}/calls") as refused:
        await open_store(f"postgresql://ada:hush@127.0.0.1:{port}/calls?sslmode=disable")
    assert "hush" not in str(refused.value)


async def test_a_database_that_is_not_there_is_named(postgres_server):
    with pytest.raises(StoreError, match='"nowhere" does not exist'):
        await open_store(postgres_server.format("nowhere"))


@pytest.mark.parametrize("content", [b"This is a letter, and no database at all." * 30, None])
async def test_a_file_that_is_no_database_is_named(tmp_path: Path, content):
    path = tmp_path / "letter.db"
    path.write_bytes(content) if content else path.mkdir()
    with pytest.raises(StoreError, match=r"letter\.db can't be used"):
        await open_store(f"sqlite:///{path}")


async def test_sqlite_writes_to_the_disk_before_it_says_so(tmp_path: Path):
    database = await open_database(f"sqlite:///{tmp_path}/a.db")
    async with database.begin() as connection:
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2  # FULL
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
    await database.close()


async def test_what_goes_wrong_later_is_a_store_error_too(tmp_path: Path):
    store = await open_store(f"sqlite:///{tmp_path}/a.db")
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("DROP TABLE messages")
    with pytest.raises(StoreError, match="no such table"):
        await store.messages.newest()
    await store.close()
