"""Keeping recordings, in a folder or in a bucket; and what can go wrong with a bucket."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phoneagent.store.blobs import BlobError, Blobs, Bucket, NoBlobError, open_blobs
from tests.store.fake_s3 import FakeS3

pytest.importorskip("obstore")

NAME = "2026/11/21/CA1.wav"
CONTENT = bytes(range(256)) * 4000


def bucket(fake: FakeS3, patience_s: float = 20.0) -> Bucket:
    from phoneagent.store.s3 import S3Bucket

    return S3Bucket(
        "s3://calls/kept",
        endpoint=fake.url,
        region="eu-central-1",
        access_key_id="key",
        secret_access_key="secret",
        patience_s=patience_s,
        pause_s=0.01,
    )


@pytest.fixture
async def fake() -> AsyncIterator[FakeS3]:
    async with FakeS3() as fake:
        yield fake


def written(folder: Path, content: bytes = CONTENT, name: str = NAME) -> tuple[Path, str]:
    file = folder / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file, hashlib.sha256(content).hexdigest()


async def content(blobs: Blobs, start: int = 0, stop: int | None = None) -> tuple[int, bytes]:
    blob = await blobs.read(NAME, start, stop)
    return blob.size, b"".join([chunk async for chunk in blob.chunks])


# Wherever it is


@pytest.mark.parametrize("uploaded", [False, True], ids=["a folder", "a bucket"])
async def test_what_is_kept_can_be_read_as_a_whole_and_in_part(tmp_path: Path, fake: FakeS3, uploaded: bool):
    blobs = Blobs(tmp_path, bucket(fake))
    file, sha256 = written(tmp_path)
    if uploaded:
        await blobs.upload(NAME, sha256)
        await blobs.delete_here(NAME)
    size = len(CONTENT)
    assert file.exists() == (not uploaded)
    assert await content(blobs) == (size, CONTENT)
    assert await content(blobs, 1000, 700_000) == (size, CONTENT[1000:700_000])
    assert await content(blobs, size - 5) == (size, CONTENT[-5:])
    assert await content(blobs, 10, 10) == (size, b"")
    assert await content(blobs, size - 5, size + 5) == (size, CONTENT[-5:])
    with await blobs.open(NAME) as opened:
        opened.seek(1000)
        assert opened.read() == CONTENT[1000:]


@pytest.mark.parametrize("uploaded", [False, True], ids=["a folder", "a bucket"])
async def test_what_is_deleted_is_gone_and_may_have_been_before(tmp_path: Path, fake: FakeS3, uploaded: bool):
    blobs = Blobs(tmp_path, bucket(fake))
    _, sha256 = written(tmp_path)
    if uploaded:
        await blobs.upload(NAME, sha256)
    await blobs.delete(NAME)
    await blobs.delete(NAME)
    with pytest.raises(NoBlobError):
        await blobs.read(NAME)
    assert fake.objects == {}
    assert os.listdir(tmp_path) == []


async def test_without_a_bucket_files_stay_in_their_folder(tmp_path: Path):
    blobs = open_blobs(tmp_path)
    written(tmp_path)
    assert not blobs.uploads
    assert await content(blobs) == (len(CONTENT), CONTENT)
    await blobs.delete(NAME)
    with pytest.raises(NoBlobError):
        await blobs.read(NAME)


async def test_deleting_leaves_what_else_is_in_the_folder(tmp_path: Path):
    blobs = Blobs(tmp_path / "kept")
    written(tmp_path / "kept")
    written(tmp_path / "kept", name="2026/11/20/CA2.wav")
    await blobs.delete(NAME)
    assert [path.name for path in sorted((tmp_path / "kept/2026").rglob("*"))] == ["11", "20", "CA2.wav"]


@pytest.mark.parametrize("name", ["../other.wav", "/other.wav", "2026/../../other.wav"])
async def test_nothing_outside_of_the_folder_is_touched(tmp_path: Path, name: str):
    (tmp_path / "other.wav").write_bytes(CONTENT)
    blobs = Blobs(tmp_path / "kept")
    with pytest.raises(BlobError, match="no name of a file"):
        await blobs.delete(name)
    with pytest.raises(BlobError, match="no name of a file"):
        await blobs.read(name)


# A bucket


async def test_an_upload_is_tried_again_until_it_succeeds(tmp_path: Path, fake: FakeS3):
    fake.failing = 4
    await bucket(fake).keep(NAME, *written(tmp_path))
    assert fake.objects == {f"kept/{NAME}": CONTENT}
    assert fake.requests["PUT"] == 5


async def test_a_long_recording_is_uploaded_in_parts(tmp_path: Path, fake: FakeS3):
    long = CONTENT * 12  # 12 MB
    file, sha256 = written(tmp_path, long)
    await bucket(fake).keep(NAME, file, sha256)
    assert fake.objects == {f"kept/{NAME}": long}
    assert fake.requests["PUT"] == 3
    assert fake.notes == {f"kept/{NAME}": sha256}


async def test_what_can_not_be_uploaded_stays_where_it_is(tmp_path: Path, fake: FakeS3):
    fake.failing = 1_000_000
    file, sha256 = written(tmp_path)
    with pytest.raises(BlobError, match=r"CA1\.wav can't be uploaded to s3://calls"):
        await bucket(fake, patience_s=0.2).keep(NAME, file, sha256)
    assert file.read_bytes() == CONTENT
    assert fake.requests["PUT"]


async def test_what_arrives_in_part_has_not_arrived(tmp_path: Path, fake: FakeS3):
    fake.loses_bytes = 1
    file, sha256 = written(tmp_path)
    with pytest.raises(BlobError, match="1023999 bytes of 1024000 have arrived"):
        await bucket(fake, patience_s=0.1).keep(NAME, file, sha256)
    assert file.exists()


async def test_a_refusal_is_final(tmp_path: Path, fake: FakeS3):
    fake.failing, fake.status = 1_000_000, 403
    with pytest.raises(BlobError, match="can't be uploaded"):
        await bucket(fake).keep(NAME, *written(tmp_path))
    assert fake.requests.total() == 1


async def test_a_bucket_that_does_not_exist_is_named(tmp_path: Path, fake: FakeS3):
    fake.failing, fake.status = 1_000_000, 404
    with pytest.raises(BlobError, match="s3://calls: there is no such bucket"):
        await bucket(fake).keep(NAME, *written(tmp_path))


async def test_a_file_that_has_changed_is_not_uploaded(tmp_path: Path, fake: FakeS3):
    file, sha256 = written(tmp_path)
    file.write_bytes(CONTENT[:-1])
    with pytest.raises(BlobError, match="not what was recorded"):
        await bucket(fake).keep(NAME, file, sha256)
    assert fake.requests.total() == 0


async def test_a_store_that_is_not_there_is_named_and_no_secret_is(tmp_path: Path, fake: FakeS3):
    fake.url = "http://127.0.0.1:9"
    with pytest.raises(BlobError, match="s3://calls") as raised:
        await bucket(fake, patience_s=0.1).keep(NAME, *written(tmp_path))
    assert "secret" not in str(raised.value)


async def test_nobody_waits_long_for_what_can_not_be_read(fake: FakeS3, monkeypatch: pytest.MonkeyPatch):
    from phoneagent.store import s3

    monkeypatch.setattr(s3, "READ_PATIENCE_S", 0.1)
    fake.failing = 1_000_000
    with pytest.raises(BlobError, match="can't be read"):
        await bucket(fake, patience_s=3600.0).read(NAME)


@pytest.mark.parametrize("address", ["s3://", "https://calls.example", "calls"])
def test_an_address_that_is_none_of_a_bucket_is_refused(tmp_path: Path, address: str):
    with pytest.raises(BlobError, match="no address of a bucket"):
        open_blobs(tmp_path, address)
