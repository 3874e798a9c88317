"""Opening a database: a new one, an older one, a newer one, none."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import traceback
from contextlib import closing, suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay

from phoneagent.store import StoreError, open_store
from phoneagent.store.database import open_database
from tests.ports import refusing_port
from tests.store.shape import differences
from tests.store.story import ADA, began, said


async def test_the_revisions_make_what_the_models_say(address):
    database = await open_database(address)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_what_was_kept_is_there_when_it_is_opened_again(address):
    store = await open_store(address)
    await store.entries.apply("i1", [began(), said("c1", "t1", "Call me")])
    await store.close()
    store = await open_store(address)
    assert [turn.text for turn in (await store.calls.get("c1")).turns] == ["Call me"]
    await store.close()


async def test_several_services_may_open_a_new_database_at_once(address):
    stores = await asyncio.gather(*(open_store(address) for _ in range(4)))
    assert await stores[0].keys.list() == []
    for store in stores:
        await store.close()


async def test_a_new_file_that_another_is_writing_to_is_waited_for(tmp_path: Path):
    """SQLite itself does not wait, as long as the file has no write-ahead log."""
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.3, other.execute, "ROLLBACK")
        store = await open_store(f"sqlite:///{tmp_path}/a.db")
        assert await store.keys.list() == []
        await store.close()


async def test_a_database_of_a_newer_version_is_left_alone(address):
    database = await open_database(address)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
    await database.close()
    with pytest.raises(StoreError, match="newer phoneagent"):
        await open_store(address)


async def test_a_server_that_is_not_there_is_named_without_the_password():
    with refusing_port() as port, pytest.raises(StoreError, match=f"127.0.0.1:{port}/calls") as refused:
        await open_store(f"postgresql://ada:hush@127.0.0.1:{port}/calls?sslmode=disable")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("postgresql://user:secret@host:port/calls", "must be sqlite:///path or postgresql://user:password@host/name"),
        ("sqlite:///", "must name a file: sqlite:///path"),
        ("sqlite:///:memory:", "must name a file: sqlite:///path"),
    ],
)
async def test_an_address_that_is_none_is_refused(address: str, problem: str):
    with pytest.raises(StoreError) as refused:
        await open_store(address)
    assert str(refused.value) == problem


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


async def test_nobody_waits_for_who_only_looks(address):
    database = await open_database(address)
    async with database.look() as looking:
        assert (await looking.execute(text("SELECT count(*) FROM api_keys"))).scalar() == 0
        async with asyncio.timeout(30), database.begin() as writing:
            await writing.execute(text("INSERT INTO erasures VALUES ('e1', '2026-11-21 12:00:00', '{}')"))
            async with database.look() as other:  # nor the other way round
                assert (await other.execute(text("SELECT count(*) FROM erasures"))).scalar() == 0
    async with database.look() as looking:
        assert (await looking.execute(text("SELECT count(*) FROM erasures"))).scalar() == 1
    await database.close()


async def test_who_is_cut_off_amid_a_statement_keeps_nobody_from_writing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("phoneagent.store.database.BUSY_S", 0.0)
    database = await open_database(f"sqlite:///{tmp_path}/a.db")
    with suppress(asyncio.CancelledError):
        async with database.begin() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            cursor = await driver.execute("INSERT INTO instances VALUES ('i1', 0, 0), ('i2', 0, 0) RETURNING id")
            await connection.invalidate()  # as SQLAlchemy does then
            raise asyncio.CancelledError
    async with database.begin() as connection:  # though the cursor, which has not been read to its end, is still there
        assert (await connection.execute(text("SELECT count(*) FROM instances"))).scalar_one() == 0
    del cursor
    await database.close()


async def test_only_its_owner_reads_what_is_in_the_file(tmp_path: Path):
    store = await open_store(f"sqlite:///{tmp_path}/data/a.db")
    await store.keys.create("shop")
    files = list((tmp_path / "data").iterdir())
    assert {file.name for file in files} >= {"a.db", "a.db-wal"}
    assert {stat.filemode(file.stat().st_mode) for file in files} == {"-rw-------"}
    await store.close()


async def test_a_server_that_keeps_us_waiting_is_given_up(postgres_server, monkeypatch):
    monkeypatch.setattr("phoneagent.store.database.ANSWER_S", 0.2)
    address = postgres_server.format("postgres")
    store = await open_store(address)
    other = await asyncpg.connect(address)
    async with other.transaction():
        await other.execute("LOCK TABLE api_keys")
        with pytest.raises(StoreError, match="TimeoutError"):
            await asyncio.wait_for(store.keys.list(), 30)
    again = AsyncRetrying(retry=retry_if_exception_type(StoreError), stop=stop_after_delay(30), reraise=True)
    assert await again(store.keys.list) == []  # in the end: a busy machine may take longer than that, too
    await other.close()
    await store.close()


async def test_a_server_that_was_restarted_is_found_again(postgres_server):
    address = postgres_server.format("postgres")
    store = await open_store(address)
    other = await asyncpg.connect(address)
    await other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert await store.keys.list() == []
    await other.close()
    await store.close()


async def test_what_goes_wrong_later_is_a_store_error_without_what_was_to_be_kept(tmp_path: Path):
    words = "Call me"
    store = await open_store(f"sqlite:///{tmp_path}/a.db")
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("DROP TABLE turns")
    with pytest.raises(StoreError, match="no such table") as failed:
        await store.entries.apply("i1", [began(), said("c1", "t1", words)])
    shown = "".join(traceback.format_exception(failed.value))
    assert not any(private in shown for private in (ADA, words))
    await store.close()
