"""What is deleted when it has been kept for long enough, rows and files; and what isn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from phoneagent.core.agents import Agent, Retention
from phoneagent.core.records import RecordingKept
from phoneagent.records.erasure import delete_calls
from phoneagent.records.files import Files
from phoneagent.records.retention import Sweeper
from phoneagent.store import Store
from phoneagent.store.blobs import Blob, BlobError, Blobs
from phoneagent.store.database import open_database
from phoneagent.store.erasure import Erasure
from tests.store import entries
from tests.store.new_database import store_at

NOON = entries.NOON


@dataclass
class House:
    """A data folder with calls in it."""

    data: Path
    store: Store
    files: Files

    async def called(self, call_id: str, *more: str) -> None:
        """Keep a call with its recording and its event log, and files of more endings."""
        name = f"2026/11/21/{call_id}.wav"
        kept = [entry for entry in entries.call(call_id) if not isinstance(entry, RecordingKept)]
        await self.store.entries.apply("i", [*kept, RecordingKept(call_id, name, 0.0, 1.0, 4, "ab" * 32)])
        for file in (f"recordings/{name}", f"events/2026/11/21/{call_id}.jsonl.gz", *more):
            path = self.data / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("data")

    def left(self) -> set[str]:
        """The files there are, beside the database."""
        found = (path for folder in ("recordings", "events") for path in (self.data / folder).rglob("*"))
        return {str(path.relative_to(self.data)) for path in found if path.is_file()}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await store_at(tmp_path / "phoneagent.db")
    yield House(tmp_path, store, Files(store.erasure, tmp_path, Blobs(tmp_path / "recordings")))
    await store.close()


async def test_files_of_a_deleted_call_go_with_it(house: House):
    folder = "recordings/2026/11/21"
    await house.called(
        "a", f"{folder}/a-2.flac", f"{folder}/a-2.part.wav", f"{folder}/ab.wav", "recordings/2026/11/20/a.wav"
    )
    deleted = await delete_calls(house.store, house.files, ["a"])
    assert (deleted.calls, deleted.problems) == ({"a"}, ())
    assert house.left() == {f"{folder}/ab.wav", "recordings/2026/11/20/a.wav"}


async def test_a_file_that_is_renamed_while_it_is_erased_goes_too(house: House, monkeypatch: pytest.MonkeyPatch):
    unfinished = "recordings/2026/11/21/a-2.part.wav"
    await house.called("a", unfinished)
    look = Path.iterdir

    def finished_behind_us(folder: Path) -> list[Path]:
        found = list(look(folder))
        if (path := house.data / unfinished) in found:
            path.rename(path.with_name("a-2.wav"))
        return found

    monkeypatch.setattr(Path, "iterdir", finished_behind_us)
    await delete_calls(house.store, house.files, ["a"])
    assert house.left() == set()


async def test_a_file_that_cant_be_deleted_is_named_and_tried_again(house: House):
    await house.called("a")
    path = house.data / "recordings/2026/11/21/a.wav"
    path.unlink()
    path.mkdir()  # which can't be unlinked
    [problem] = (await delete_calls(house.store, house.files, ["a"])).problems
    assert str(path) in problem
    path.rmdir()
    path.write_text("data")
    assert await house.files.delete() == []
    assert house.left() == set()


class Shelf:
    """A bucket of which this test only deletes; at first it is out of reach."""

    def __init__(self) -> None:
        self.away = True
        self.deleted: list[str] = []

    async def keep(self, name: str, file: Path, sha256: str) -> None:
        raise NotImplementedError

    async def read(self, name: str, start: int = 0, stop: int | None = None) -> Blob:
        raise NotImplementedError

    async def delete(self, name: str) -> None:
        if self.away:
            raise BlobError("the bucket is away")
        self.deleted.append(name)


async def test_a_recording_in_a_bucket_that_is_away_is_deleted_later(house: House):
    await house.called("a")
    shelf = Shelf()
    files = Files(house.store.erasure, house.data, Blobs(house.data / "recordings", shelf))
    await house.store.uploads.is_there("2026/11/21/a.wav")
    deleted = await delete_calls(house.store, files, ["a"])
    assert deleted.problems == ("the bucket is away",)
    [problem] = await house.files.delete()  # where no bucket is known, as in a shell without its settings
    assert "PHONEAGENT_RECORDINGS_URL" in problem
    shelf.away = False
    assert await files.delete() == []
    assert await files.delete() == []
    assert shelf.deleted == ["2026/11/21/a.wav"]


async def test_a_folder_that_cant_be_looked_into_is_named(house: House):
    await house.called("a")
    folder = house.data / "events/2026/11/21"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    deleted = await delete_calls(house.store, house.files, ["a"])
    assert deleted.problems == (f"{folder} can't be looked into: Not a directory",)
    assert house.left() == {"events/2026/11/21"}


async def test_each_piece_goes_in_its_time(house: House):
    await house.called("a")
    await house.called("held")
    await house.store.calls.hold("held", True)
    database = await open_database(f"sqlite:///{house.data}/phoneagent.db")
    agents = {"ada": Agent("ada", retention=Retention(recording_days=1, transcript_days=2, call_days=3))}
    seen = []
    for days in range(5):
        erasure = Erasure(database, lambda days=days: NOON + timedelta(days=days, hours=1))
        counts = await Sweeper(
            erasure, Files(erasure, house.data, Blobs(house.data / "recordings")), lambda: agents
        ).sweep()
        seen.append([kind for kind, count in counts.items() if count])
    assert seen == [[], ["recordings"], ["transcripts"], ["calls"], []]
    assert [row.id for row in (await house.store.calls.page()).calls] == ["held"]
    assert house.left() == {"recordings/2026/11/21/held.wav", "events/2026/11/21/held.jsonl.gz"}
    await database.close()


async def test_it_sweeps_when_the_service_begins(house: House):
    await house.called("a")
    agents = {"ada": Agent("ada", retention=Retention(call_days=1))}
    database = await open_database(f"sqlite:///{house.data}/phoneagent.db")
    sweeper = Sweeper(Erasure(database, lambda: NOON + timedelta(days=2)), house.files, lambda: agents)
    sweeper.start()
    await until(lambda: not house.left())
    await sweeper.close()
    assert not (await house.store.calls.page()).calls
    await database.close()


async def test_a_database_that_is_away_is_no_end_of_it(house: House, monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setattr("phoneagent.records.retention.TRY_AGAIN_S", 0.01)
    await house.store.close()
    (house.data / "phoneagent.db").unlink()
    sweeper = Sweeper(house.store.erasure, house.files, dict)
    sweeper.start()
    await until(lambda: len([record for record in caplog.records if "can't be swept" in record.message]) > 1)
    await sweeper.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)
