"""Files that are too large for the database: recordings, below a local folder and then perhaps in a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

CHUNK = 256 * 1024


class BlobError(Exception):
    """A file can't be uploaded, read or deleted. Says which, and why."""


class NoBlobError(BlobError):
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of a kept file. `size` is that of the whole. Reading `chunks` raises BlobError."""

    size: int
    chunks: AsyncIterator[bytes] = field(repr=False)


class Bucket(Protocol):
    """Keeps files elsewhere, by names such as `2026/11/21/….wav`. Every method raises BlobError."""

    async def keep(self, name: str, file: Path, sha256: str) -> None:
        """Take a copy of a finished local file, which has this SHA-256 (hex)."""

    async def read(self, name: str, start: int = 0, stop: int | None = None) -> Blob:
        """The bytes from `start` to before `stop`, or to the end. Raises NoBlobError."""

    async def delete(self, name: str) -> None:
        """Delete a file, for good. That there is none is no error."""


class Blobs:
    """The files of recordings by their names, wherever each of them is. Every method raises BlobError."""

    def __init__(self, folder: Path, bucket: Bucket | None = None) -> None:
        """They are written below `folder`, and stay there unless there is a `bucket`."""
        self._folder = folder
        self._bucket = bucket

    @property
    def uploads(self) -> bool:
        """Whether they are to be kept in a bucket."""
        return self._bucket is not None

    async def is_here(self, name: str) -> bool:
        """Whether a file is below the folder."""
        return await asyncio.to_thread(self._path(name).is_file)

    async def upload(self, name: str, sha256: str) -> None:
        """Copy a file that is here, and has this SHA-256 (hex), to the bucket."""
        assert self._bucket is not None
        await self._bucket.keep(name, self._path(name), sha256)

    async def read(self, name: str, start: int = 0, stop: int | None = None) -> Blob:
        """The bytes from `start` to before `stop`, or to the end. Raises NoBlobError."""
        path = self._path(name)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            if self._bucket is None:
                raise NoBlobError(f"there is no file {path}") from None
            return await self._bucket.read(name, start, stop)
        except OSError as error:
            raise BlobError(f"{path} can't be read: {error}") from error
        with file:
            size = file.seek(0, 2)
        return Blob(size, _chunks(path, start, size if stop is None else min(stop, size)))

    async def open(self, name: str) -> BinaryIO:
        """The file, for whoever has to move about in it: of what is in the bucket, a copy that goes when it is closed.

        Raises NoBlobError.
        """
        path = self._path(name)
        try:
            return await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            blob = await self.read(name)
        except OSError as error:
            raise BlobError(f"{path} can't be read: {error}") from error
        with ExitStack() as at_worst:
            try:
                copy: BinaryIO = at_worst.enter_context(TemporaryFile())
                async for chunk in blob.chunks:
                    await asyncio.to_thread(copy.write, chunk)
                copy.seek(0)
            except OSError as error:
                raise BlobError(f"there is no room for a copy of {name}: {error}") from error
            at_worst.pop_all()
        return copy

    async def delete(self, name: str) -> None:
        """Delete a file wherever it is, for good, and the folders that it leaves empty. That there is none is no
        error."""
        await self.delete_here(name)
        if self._bucket is not None:
            await self._bucket.delete(name)

    async def delete_here(self, name: str) -> None:
        """Delete it below the folder only."""
        try:
            await asyncio.to_thread(self._unlink, self._path(name))
        except OSError as error:
            raise BlobError(f"{name} can't be deleted: {error}") from error

    def _unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # other files are in it
            while (path := path.parent) != self._folder:
                path.rmdir()

    def _path(self, name: str) -> Path:
        path = self._folder / name
        if ".." in path.parts or not path.is_relative_to(self._folder):
            raise BlobError(f"{name!r} is no name of a file below {self._folder}")
        return path


def day_folder(began: datetime) -> str:
    """Where recordings and event logs of calls lie that began then, each below their own folder."""
    return began.astimezone(UTC).strftime("%Y/%m/%d")


def open_blobs(
    folder: Path,
    address: str | None = None,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
) -> Blobs:
    """The files below a folder; with an address they move to the bucket at `s3://bucket/prefix`.

    The rest is for a bucket, see S3Bucket. Raises BlobError.
    """
    if address is None:
        return Blobs(folder)
    try:
        from phoneagent.store.s3 import S3Bucket  # which not everybody has installed
    except ModuleNotFoundError as error:
        raise BlobError(f"{error.name} is not installed: pip install 'phoneagent[s3]'") from None
    bucket = S3Bucket(
        address,
        endpoint=endpoint,
        region=region,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
    )
    return Blobs(folder, bucket)


async def _chunks(path: Path, start: int, stop: int) -> AsyncIterator[bytes]:
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            file.seek(start)
            while start < stop and (chunk := await asyncio.to_thread(file.read, min(CHUNK, stop - start))):
                start += len(chunk)
                yield chunk
    except OSError as error:
        raise BlobError(f"{path} can't be read: {error}") from error
