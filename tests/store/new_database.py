"""A SQLite database as this version makes them. To copy one is quicker than to make another."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine

from phoneagent.store import Store, open_store
from phoneagent.store.migrate import migrate


def new_database(path: Path) -> None:
    """Put an empty database, with its tables, where none is."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(_content())


async def store_at(path: Path) -> Store:
    """What is kept in this database; one is made where none is."""
    new_database(path)
    return await open_store(f"sqlite:///{path}")


@cache
def _content() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "phoneagent.db")
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            migrate(connection)
        engine.dispose()
        return path.read_bytes()
