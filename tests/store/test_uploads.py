"""Which recordings are still to be moved to their bucket."""

from pathlib import Path

from sqlalchemy import Engine, event

from phoneagent.core.records import RecordingKept
from phoneagent.store import Store, open_store
from phoneagent.store.database import open_database
from phoneagent.store.recordings import Upload, Uploads
from tests.store.entries import began, over

ONE, TWO = "2026/11/21/c1.wav", "2026/11/21/c2.wav"


async def recorded(store: Store, *names: str) -> None:
    for name in names:
        call_id = Path(name).stem
        kept = RecordingKept(call_id, name, 0.5, 60.0, 1000, "a" * 64)
        await store.entries.apply("i1", [began(call_id), kept, over(call_id)])


async def test_a_recording_is_due_until_it_is_there_and_no_longer_here(address: str):
    store = await open_store(address, uploads=True)
    await recorded(store, ONE, TWO)
    assert await store.uploads.due() == [Upload(ONE, "a" * 64, False, 0), Upload(TWO, "a" * 64, False, 0)]
    assert await store.uploads.is_there(ONE)
    assert await store.uploads.due() == [Upload(TWO, "a" * 64, False, 0), Upload(ONE, "a" * 64, True, 0)]
    await store.uploads.is_over(ONE)
    await store.uploads.failed(TWO, again_in_s=60)
    assert await store.uploads.due() == []
    await store.uploads.failed(TWO, again_in_s=-1)
    assert await store.uploads.due() == [Upload(TWO, "a" * 64, False, 2)]
    await store.close()


async def test_a_recording_that_was_deleted_meanwhile_is_not_there(address: str):
    store = await open_store(address, uploads=True)
    await recorded(store, ONE)
    await store.erasure.delete_recordings(["c1"])
    assert await store.uploads.due() == []
    assert not await store.uploads.is_there(ONE)
    await store.close()


async def test_without_a_bucket_nothing_is_due(store: Store):
    await recorded(store, ONE)
    assert await store.uploads.due() == []


async def test_a_recording_that_may_be_on_its_way_is_deleted_at_both_ends(address: str):
    store = await open_store(address, uploads=True)
    await recorded(store, ONE)
    await store.erasure.delete_recordings(["c1"])
    doomed = {(file.place, file.name) for file in await store.erasure.files()}
    assert {("local", "recordings/2026/11/21/c1"), ("remote", ONE)} <= doomed
    await store.close()


async def test_to_look_for_them_is_not_to_look_through_all_recordings(tmp_path: Path):
    """It is done every few seconds."""
    database = await open_database(f"sqlite:///{tmp_path}/a.db")
    asked: list[tuple[str, object]] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def before(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        asked.append((statement, parameters))

    await Uploads(database).due()
    event.remove(Engine, "before_cursor_execute", before)
    [(statement, parameters)] = [each for each in asked if "FROM recordings" in each[0]]
    async with database.look() as connection:
        plan = str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all())
    assert "ix_recordings_upload_at" in plan
    await database.close()
