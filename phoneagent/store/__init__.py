"""What the service keeps: API keys, the calls it places, messages. SQLite in a file, or PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, field

from phoneagent.store.database import Database, StoreError, open_database
from phoneagent.store.dials import Dials
from phoneagent.store.keys import ApiKeys
from phoneagent.store.messages import Messages


@dataclass(frozen=True, slots=True)
class Store:
    """All of it, one part for each concern. Every method of theirs raises StoreError."""

    keys: ApiKeys
    dials: Dials
    messages: Messages
    _database: Database = field(repr=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._database.close()


async def open_store(address: str) -> Store:
    """The store at `sqlite:///path` or `postgresql://…`, which is made and brought up to date if need be.

    Raises StoreError.
    """
    database = await open_database(address)
    return Store(ApiKeys(database), Dials(database), Messages(database), database)


__all__ = ["Store", "StoreError", "open_store"]
