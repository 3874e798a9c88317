"""Recordings on their way to a bucket, which may be away, and of a service that may be killed."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from phoneagent.core.records import RecordingKept
from phoneagent.records.uploads import Uploader
from phoneagent.store import Store, open_store
from phoneagent.store.blobs import Blobs, open_blobs
from phoneagent.store.calls import StoredRecording
from phoneagent.store.recordings import OLD
from tests.store.entries import began, over
from tests.store.fake_s3 import FakeS3

pytest.importorskip("obstore")

NAME = "2026/11/21/c1.wav"
AUDIO = bytes(range(256)) * 400


@pytest.fixture
async def fake() -> AsyncIterator[FakeS3]:
    async with FakeS3() as fake:
        yield fake


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """One that holds a recording, whose file is below tmp_path."""
    store = await open_store(f"sqlite:///{tmp_path}/phoneagent.db", uploads=True)
    file = tmp_path / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(AUDIO)
    kept = RecordingKept("c1", NAME, 0.5, 6.0, len(AUDIO), hashlib.sha256(AUDIO).hexdigest())
    await store.entries.apply("i1", [began("c1"), kept, over("c1")])
    yield store
    await store.close()


def bucket(folder: Path, fake: FakeS3) -> Blobs:
    access = {"access_key_id": "key", "secret_access_key": "secret"}
    return open_blobs(folder, "s3://calls/kept", endpoint=fake.url, region="eu-central-1", **access)


async def recording(store: Store) -> StoredRecording:
    call = await store.calls.get("c1")
    assert call is not None
    return call.recordings[0]


async def upload_until(uploader: Uploader, true: Callable[[], bool]) -> None:
    uploader.start()
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 -- neither files nor buckets tell
            await asyncio.sleep(0.01)
    await uploader.close()


async def test_a_recording_is_moved_and_can_be_read_there(tmp_path: Path, store: Store, fake: FakeS3):
    blobs = bucket(tmp_path, fake)
    await upload_until(Uploader(store.uploads, blobs), lambda: not (tmp_path / NAME).exists())
    assert fake.objects == {f"kept/{NAME}": AUDIO}
    assert (await recording(store)).place == "remote"
    blob = await blobs.read(NAME, 100, 200)
    assert b"".join([chunk async for chunk in blob.chunks]) == AUDIO[100:200]


async def test_a_bucket_that_refuses_is_tried_again_after_a_while_by_the_next_service_too(
    tmp_path: Path, store: Store, fake: FakeS3, caplog: pytest.LogCaptureFixture
):
    blobs = bucket(tmp_path, fake)
    fake.failing, fake.status = 2, 403
    uploader = Uploader(store.uploads, blobs, delays_s=[0.0, 3600.0], every_s=0.01)
    await upload_until(uploader, lambda: len(caplog.records) == 2)
    assert (tmp_path / NAME).read_bytes() == AUDIO
    assert (await recording(store)).place == "local"
    assert await store.uploads.due() == []  # for an hour
    assert [line.message for line in caplog.records] == ["recording not uploaded: it is tried again"] * 2

    await store.uploads.failed(NAME, again_in_s=0)  # the hour is over
    await upload_until(Uploader(store.uploads, blobs), lambda: not (tmp_path / NAME).exists())
    assert fake.objects == {f"kept/{NAME}": AUDIO}


async def test_what_was_uploaded_before_a_crash_is_only_deleted_here(tmp_path: Path, store: Store, fake: FakeS3):
    blobs = bucket(tmp_path, fake)
    await blobs.upload(NAME, hashlib.sha256(AUDIO).hexdigest())
    await store.uploads.is_there(NAME)
    await upload_until(Uploader(store.uploads, blobs), lambda: not (tmp_path / NAME).exists())
    assert fake.requests["PUT"] == 1
    assert fake.objects == {f"kept/{NAME}": AUDIO}


async def test_what_was_moved_before_a_crash_is_asked_for_no_more_after_a_day(
    tmp_path: Path, store: Store, fake: FakeS3
):
    """For a day it may be another machine's, which is still to delete it there."""
    looks = 0

    class Watched(Blobs):
        async def is_here(self, name: str) -> bool:
            nonlocal looks
            looks += 1
            return await super().is_here(name)

    await store.uploads.is_there(NAME)
    (tmp_path / NAME).unlink()
    uploader = Uploader(store.uploads, Watched(tmp_path, bucket(tmp_path, fake)._bucket), every_s=0.01)
    await upload_until(uploader, lambda: looks >= 2)
    assert [upload.there for upload in await store.uploads.due()] == [True]

    await store.uploads.failed(NAME, again_in_s=-OLD.total_seconds())  # the day is over
    uploader.start()
    async with asyncio.timeout(30):
        while await store.uploads.due():  # noqa: ASYNC110 -- the database tells nobody
            await asyncio.sleep(0.01)
    await uploader.close()
    assert (await recording(store)).place == "remote"
    assert fake.requests.total() == 0


async def test_a_recording_that_is_deleted_while_it_is_uploaded_is_nowhere(tmp_path: Path, store: Store, fake: FakeS3):
    class Slow(Blobs):
        async def upload(self, name: str, sha256: str) -> None:
            await blobs.upload(name, sha256)
            await store.erasure.delete_recordings(["c1"])

        async def delete(self, name: str) -> None:
            await super().delete(name)
            deleted.set()

    deleted = asyncio.Event()
    blobs = bucket(tmp_path, fake)
    slow = Slow(tmp_path, blobs._bucket)
    await upload_until(Uploader(store.uploads, slow), deleted.is_set)
    assert fake.objects == {}


async def test_a_recording_that_breaks_us_does_not_keep_the_others_from_the_bucket(
    tmp_path: Path, store: Store, fake: FakeS3
):
    class Breaking(Blobs):
        async def upload(self, name: str, sha256: str) -> None:
            if name == "broken.wav":
                raise RuntimeError("an error of ours")
            await super().upload(name, sha256)

    (tmp_path / "broken.wav").write_bytes(AUDIO)
    await store.uploads.failed(NAME, again_in_s=0)  # it comes after the other
    await store.entries.apply("i1", [began("c0"), RecordingKept("c0", "broken.wav", 0, 6, 1, "ab" * 32)])
    await store.uploads.failed("broken.wav", again_in_s=-60)
    blobs = Breaking(tmp_path, bucket(tmp_path, fake)._bucket)
    await upload_until(Uploader(store.uploads, blobs), lambda: not (tmp_path / NAME).exists())
    assert fake.objects == {f"kept/{NAME}": AUDIO}


async def test_another_machines_recordings_are_left_to_it(tmp_path: Path, store: Store, fake: FakeS3):
    elsewhere = bucket(tmp_path / "elsewhere", fake)
    looked = asyncio.Event()

    class Watched(Blobs):
        async def is_here(self, name: str) -> bool:
            looked.set()
            return await super().is_here(name)

    uploader = Uploader(store.uploads, Watched(tmp_path / "elsewhere", elsewhere._bucket), every_s=0.01)
    await upload_until(uploader, looked.is_set)
    assert fake.requests.total() == 0
    assert len(await store.uploads.due()) == 1


async def test_the_log_says_what_was_uploaded(
    tmp_path: Path, store: Store, fake: FakeS3, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "phoneagent")
    await upload_until(Uploader(store.uploads, bucket(tmp_path, fake)), lambda: not (tmp_path / NAME).exists())
    assert [line.message for line in caplog.records] == ["recording uploaded"]
