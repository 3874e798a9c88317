"""What calls say is in the database soon, or once it is there again; nothing that matters is lost in between."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest

from phoneagent.core.records import CostPosted, Entry, Happened, TurnKept
from phoneagent.core.redaction import Redactor
from phoneagent.core.redaction.entries import redacted
from phoneagent.store import behind as module
from phoneagent.store.behind import WriteBehind
from phoneagent.store.database import StoreError
from phoneagent.store.journal import Journal, journals_left
from tests.store import entries

WITHIN_S = 30.0


class Database:
    """Takes entries while it is there."""

    def __init__(self) -> None:
        self.there = True
        self.entries: list[Entry] = []
        self.instances: set[str] = set()
        self.refused: list[Entry] = []
        self.asked = asyncio.Event()

    async def apply(self, instance: str, entries: Sequence[Entry]) -> None:
        self.asked.set()
        if not self.there:
            raise StoreError("nobody answers")
        if any(entry in self.refused for entry in entries):
            raise ValueError("Ada said this")
        self.entries += entries
        self.instances.add(instance)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(module, "WRITE_EVERY_S", 0.01)
    monkeypatch.setattr(module, "APPLY_EVERY_S", 0.01)
    monkeypatch.setattr(module, "RETRY_WITHIN_S", 0.05)
    monkeypatch.setattr(module, "CLOSE_WITHIN_S", WITHIN_S)


@pytest.fixture
async def behind(database: Database, folder: Path) -> AsyncIterator[WriteBehind]:
    behind = WriteBehind(database.apply, folder, "one", redacted)
    await behind.start()
    yield behind
    await behind.close()


async def test_a_call_is_in_the_database_in_its_order(behind, database, folder):
    for entry in entries.call():
        behind.put(entry)
    assert await behind.flush(WITHIN_S)
    assert database.entries == entries.call()
    assert database.instances == {"one"}
    assert behind.backlog.entries == 0
    assert b"Guten Tag" not in b"".join(path.read_bytes() for path in folder.glob("one/*"))


async def test_to_put_something_touches_neither_disk_nor_database(behind, database, folder):
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = content()
    for number in range(3000):
        behind.put(entries.said(number=number))
    assert content() == before
    assert database.entries == []
    assert behind.backlog.entries == 3000


async def test_of_what_is_said_anew_in_full_the_last_is_enough(behind, database):
    behind.put(entries.began())
    for length in range(1, 101):
        behind.put(entries.said(text="x" * length, final=length == 100))
        behind.put(CostPosted("c1", Decimal(length)))
    behind.put(entries.said("c2"))
    await behind.flush(WITHIN_S)
    assert database.entries == [
        entries.began(),
        entries.said(text="x" * 100),
        CostPosted("c1", Decimal(100)),
        entries.said("c2"),
    ]


async def test_what_must_not_be_kept_is_nowhere(behind, database, folder):
    database.there = False
    behind.put(entries.said(text="My card is 4111 1111 1111 1111."), Redactor())
    await database.asked.wait()
    content = b"".join(path.read_bytes() for path in folder.glob("one/*"))
    assert b"My card is [card]." in content
    assert b"4111" not in content
    database.there = True
    await behind.flush(WITHIN_S)
    assert database.entries == [entries.said(text="My card is [card].")]


async def test_while_the_database_is_away_all_waits_in_the_journal(behind, database, caplog):
    caplog.set_level(logging.INFO)
    database.there = False
    for number in range(1000):
        behind.put(entries.said(number=number))
    await database.asked.wait()
    assert not await behind.flush(0.2)
    assert behind.backlog.entries == 1000
    assert behind.backlog.away_s > 0
    database.there = True
    assert await behind.flush(WITHIN_S)
    assert [entry.turn.turn_id for entry in database.entries] == [f"item{number}" for number in range(1000)]
    assert behind.backlog.away_s is None
    said = [record.message for record in caplog.records]
    assert said == ["the database is away, records wait in the journal", "the database is there again"]


async def test_what_was_not_applied_at_the_end_is_at_the_next_start(database, folder, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_WITHIN_S", 0.1)
    first = WriteBehind(database.apply, folder, "first", redacted)
    await first.start()
    database.there = False
    for entry in entries.call():
        first.put(entry)
    await first.close()
    assert database.entries == []
    second = WriteBehind(database.apply, folder, "second", redacted)
    await second.start()
    database.there = True
    assert await second.adopt() == ["first"]
    assert database.entries == entries.call()
    assert database.instances == {"first"}
    assert await second.adopt() == []
    await second.close()
    assert list(folder.iterdir()) == []


async def test_of_a_turn_that_grows_the_last_is_enough(behind, database):
    database.there = False
    for text in ("We", "We are", "We are open"):
        behind.put(entries.said(text=text, final=False))
    behind.put(entries.over())
    database.there = True
    assert await behind.flush(WITHIN_S)
    assert database.entries == [entries.said(text="We are open", final=False), entries.over()]


async def test_what_is_put_in_the_last_moment_is_kept(database, folder):
    behind = WriteBehind(database.apply, folder, "one", redacted)
    await behind.start()
    behind.put(entries.began())
    await behind.close()
    assert database.entries == [entries.began()]


async def test_what_the_dead_have_left_comes_before_what_is_said_now(database, folder, monkeypatch):
    """Of a dead instance's call a recording is found: it is kept, once the call itself is."""
    monkeypatch.setattr(module, "CLOSE_WITHIN_S", 0.1)
    database.there = False
    dead = WriteBehind(database.apply, folder, "dead", redacted)
    await dead.start()
    dead.put(entries.began())
    await dead.close()
    tries = 0

    async def apply(instance: str, entries: Sequence[Entry]) -> None:
        nonlocal tries
        tries += instance == "dead"
        database.there = instance == "alive" or tries > 5
        await database.apply(instance, entries)

    behind = WriteBehind(apply, folder, "alive", redacted)
    await behind.start()
    adopting = asyncio.create_task(behind.adopt())
    await asyncio.sleep(0)  # it begins
    behind.put(entries.over())
    await behind.flush(WITHIN_S)
    assert database.entries == [entries.began(), entries.over()]
    assert await adopting == ["dead"]
    await behind.close()


async def test_the_living_are_not_adopted(behind, database, folder):
    database.there = False
    behind.put(entries.began())
    other = WriteBehind(database.apply, folder, "two", redacted)
    await other.start()
    assert await other.adopt() == []
    await other.close()
    database.there = True


async def test_an_entry_that_the_database_refuses_costs_no_other(behind, database, caplog):
    database.refused.append(entries.said(number=50))
    for number in range(100):
        behind.put(entries.said(number=number))
    await behind.flush(WITHIN_S)
    assert len(database.entries) == 99
    assert behind.backlog.dropped == 1
    [record] = caplog.records
    assert (record.kind, record.call_id, record.reason) == ("TurnKept", "c1", "ValueError")
    assert "Ada" not in caplog.text


async def test_an_entry_that_cannot_be_written_down_costs_no_other(behind, database):
    nonsense = Happened("c1", 1, 0.0, "digits", MappingProxyType({"a": object()}))
    endless: dict[str, object] = {}
    endless["me"] = endless
    for entry in (entries.began(), Happened("c1", 2, 0.0, "digits", endless), nonsense, entries.over()):
        behind.put(entry)
    await behind.flush(WITHIN_S)
    assert [database.entries[0], database.entries[-1]] == [entries.began(), entries.over()]


class FullDisk:
    """Lets the journal write, or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        append = Journal.append

        def try_to_append(journal: Journal, lines: Sequence[bytes]) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            append(journal, lines)

        monkeypatch.setattr(Journal, "append", try_to_append)


@pytest.fixture
def disk(monkeypatch) -> FullDisk:
    return FullDisk(monkeypatch)


async def test_with_the_disk_full_entries_go_from_memory_into_the_database(behind, database, disk, caplog):
    database.there = False
    for entry in entries.call():
        behind.put(entry)
        await asyncio.sleep(0.01)
    assert not await behind.flush(0.05)
    database.there = True
    assert await behind.flush(WITHIN_S)
    assert database.entries == entries.call()
    assert [record.message for record in caplog.records].count(
        "the journal can't be written, records wait in memory"
    ) == 1


async def test_once_the_disk_has_room_they_are_in_the_journal(database, folder, disk, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_WITHIN_S", 0.1)
    behind = WriteBehind(database.apply, folder, "one", redacted)
    await behind.start()
    database.there = False
    for entry in entries.call():
        behind.put(entry)
    await database.asked.wait()
    disk.full = False
    behind.put(entries.said(number=2))
    await behind.close()
    [left] = journals_left(folder)
    assert left.take(100)[0] == [*entries.call(), entries.said(number=2)]


async def test_when_room_runs_out_the_least_important_does_without_first(behind, database, disk, monkeypatch):
    monkeypatch.setattr(module, "MOST_HELD_BYTES", 100_000)
    database.there = False
    for number in range(1000):
        behind.put(entries.said(number=number))
        behind.put(CostPosted(f"c{number}", Decimal(1)))
        if number % 50 == 0:
            await asyncio.sleep(0.02)
    behind.put(entries.over())
    await behind.flush(0.1)
    database.there = True
    await behind.flush(WITHIN_S)
    spoken = [entry for entry in database.entries if isinstance(entry, TurnKept)]
    costs = [entry for entry in database.entries if isinstance(entry, CostPosted)]
    assert 100 < len(costs) < len(spoken) < 1000
    assert behind.backlog.dropped > 0


async def test_a_disk_that_does_not_answer_fills_no_memory_without_end(database, folder, monkeypatch):
    monkeypatch.setattr(module, "MOST_NEW", 100)
    behind = WriteBehind(database.apply, folder, "one", redacted)
    for number in range(200):
        behind.put(CostPosted(f"c{number}", Decimal(1)))
        behind.put(entries.said(number=number))
    assert (behind.backlog.entries, behind.backlog.dropped) == (100, 300)
    await behind.start()
    await behind.flush(WITHIN_S)
    assert len([entry for entry in database.entries if isinstance(entry, TurnKept)]) == 75
    await behind.close()


class BusyThread:
    """Keeps the thread at looking into the journal, once nothing is in it, until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_go_on = threading.Event()
        self.is_busy = False
        take = Journal.take

        def take_slowly(journal: Journal, most: int) -> tuple[list[Entry], int]:
            found = take(journal, most)
            if not found[1]:
                self.is_busy = True
                self.may_go_on.wait(WITHIN_S)
            return found

        monkeypatch.setattr(Journal, "take", take_slowly)

    async def has_to_write(self, behind: WriteBehind, entry: Entry) -> None:
        """Give it an entry to write once it may go on."""
        await until(lambda: self.is_busy)
        behind.put(entry)
        await until(lambda: not behind._new)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 -- a thread tells nobody
            await asyncio.sleep(0)


async def test_what_is_written_while_nothing_is_found_is_waited_for(behind, database, monkeypatch):
    thread = BusyThread(monkeypatch)
    behind.put(entries.began())
    await thread.has_to_write(behind, entries.over())
    thread.may_go_on.set()
    assert await behind.flush(WITHIN_S)
    assert database.entries == [entries.began(), entries.over()]


async def test_what_is_still_to_be_written_when_time_is_up_is_at_the_next_start(database, folder, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_WITHIN_S", 0.01)
    thread = BusyThread(monkeypatch)
    behind = WriteBehind(database.apply, folder, "one", redacted)
    await behind.start()
    behind.put(entries.began())
    await thread.has_to_write(behind, entries.over())
    closing = asyncio.create_task(behind.close())
    await until(lambda: all(task.done() for task in behind._tasks))
    thread.may_go_on.set()
    await closing
    [left] = journals_left(folder)
    assert left.take(100)[0] == [entries.over()]
