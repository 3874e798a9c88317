"""The database has no room for more: what was said on fifty calls waits, and is in it when there is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text

from phoneagent.core.records import Entry
from phoneagent.core.redaction.entries import redacted
from phoneagent.store.behind import WriteBehind
from phoneagent.store.calls import Calls
from phoneagent.store.database import Database, StoreError, open_database
from phoneagent.store.entries import Entries
from tests.store import entries

CALLS = 50
TURNS = 20


async def limit(database: Database, pages: int) -> None:
    """How large it may become, at least what it is; the limit is of the connection, of which there is one."""
    async with database.begin() as connection:
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))


async def test_what_a_full_database_does_not_take_is_in_it_when_there_is_room(tmp_path: Path):
    database = await open_database(f"sqlite:///{tmp_path}/a.db")
    refused = asyncio.Event()

    async def apply(instance: str, some: Sequence[Entry]) -> None:
        try:
            await Entries(database).apply(instance, some)
        except StoreError:
            refused.set()
            raise

    behind = WriteBehind(apply, tmp_path / "journal", "one", redacted)
    await behind.start()
    await limit(database, 1)
    for number in range(CALLS):
        behind.put(entries.began(f"c{number}"))
        for turn in range(TURNS):
            behind.put(entries.said(f"c{number}", turn))
        behind.put(entries.over(f"c{number}", turns=TURNS))
    await refused.wait()
    assert not await behind.flush(0.1)
    assert behind.backlog.away_s is not None
    assert behind.backlog.entries >= CALLS * TURNS / 2
    await limit(database, 100_000)
    assert await behind.flush(60)
    calls = Calls(database)
    for number in range(CALLS):
        call = await calls.get(f"c{number}")
        assert call is not None
        assert call.row.outcome == "completed"
        assert len(call.turns) == TURNS
    assert behind.backlog.dropped == 0
    await behind.close()
    await database.close()
