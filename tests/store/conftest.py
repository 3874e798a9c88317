"""Every test of the store runs on both databases, over real connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from phoneagent.store import Store, open_store
from phoneagent.store.models import metadata
from tests.store import postgres
from tests.store.new_database import new_database


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    try:
        with postgres.server() as address:
            yield address
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database; for who wants a `store`, too, with its tables."""
    with_tables = "store" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "data" / "phoneagent.db"
        if with_tables:
            new_database(path)
        return f"sqlite:///{path}"
    server: str = request.getfixturevalue("postgres_server")
    name = "with_tables" if with_tables else "without"
    connection = await asyncpg.connect(server.format("postgres"))
    with suppress(asyncpg.DuplicateDatabaseError):
        await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    # to empty one is much quicker than to make one for each test
    connection = await asyncpg.connect(server.format(name))
    if not with_tables:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    elif await connection.fetchval("SELECT to_regclass('calls')"):
        await connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    await connection.close()
    return server.format(name)


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    store = await open_store(address)
    yield store
    await store.close()
