"""Every test of the store runs on both databases, over real connections."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from phoneagent.store import Store, open_store
from tests.store import postgres

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    try:
        with postgres.server() as address:
            yield address
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/phoneagent.db"
    server: str = request.getfixturevalue("postgres_server")
    name = f"test{next(_NUMBERS)}"
    connection = await asyncpg.connect(server.format("postgres"))
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return server.format(name)


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    store = await open_store(address)
    yield store
    await store.close()
