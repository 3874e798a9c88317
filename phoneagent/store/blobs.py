"""Where files are kept that are too large for the database: recordings. A local folder, or a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

CHUNK = 256 * 1024


class BlobError(Exception):
    """A file can't be kept, read or deleted. Says which, and why."""


class NoBlobError(BlobError):
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of a kept file. `size` is that of the whole. Reading `chunks` raises BlobError."""

    size: int
    chunks: AsyncIterator[bytes] = field(repr=False)


class Blobs(Protocol):
    """Keeps files by names such as `2026/11/21/CA….wav`. Every method raises BlobError."""

    async def keep(self, name: str, file: Path, sha256: str) -> None:
        """Take over a finished local file, which has this SHA-256 (hex)."""

    async def read(self, name: str, start: int = 0, stop: int | None = None) -> Blob:
        """The bytes from `start` to before `stop`, or to the end. Raises NoBlobError."""

    async def delete(self, name: str) -> None:
        """Delete a file, for good. That there is none is no error."""


def open_blobs(
    folder: Path,
    address: str | None = None,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
) -> Blobs:
    """The files below a folder; or those in the bucket at `s3://bucket/prefix`, if an address is given.

    The rest is for a bucket, see S3Blobs. Raises BlobError.
    """
    if address is None:
        return LocalBlobs(folder)
    try:
        from phoneagent.store.s3 import S3Blobs  # which not everybody has installed
    except ModuleNotFoundError as error:
        raise BlobError(f"{error.name} is not installed: pip install 'phoneagent[s3]'") from None
    return S3Blobs(
        address,
        endpoint=endpoint,
        region=region,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
    )


class LocalBlobs:
    """Files below a folder, the one that they were written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, name: str, file: Path, sha256: str) -> None:
        """Nothing, if the file is where it belongs; else it is moved there."""
        path = self._path(name)
        if file != path:
            try:
                await asyncio.to_thread(_move, file, path)
            except OSError as error:
                raise BlobError(f"{file} can't be kept: {error}") from error

    async def read(self, name: str, start: int = 0, stop: int | None = None) -> Blob:
        """The bytes from `start` to before `stop`, or to the end. Raises NoBlobError."""
        path = self._path(name)
        try:
            size = (await asyncio.to_thread(path.stat)).st_size
        except FileNotFoundError:
            raise NoBlobError(f"there is no file {path}") from None
        except OSError as error:
            raise BlobError(f"{path} can't be read: {error}") from error
        return Blob(size, _chunks(path, start, size if stop is None else min(stop, size)))

    async def delete(self, name: str) -> None:
        """Delete a file, and the folders that it leaves empty."""
        try:
            await asyncio.to_thread(self._delete, self._path(name))
        except OSError as error:
            raise BlobError(f"{name} can't be deleted: {error}") from error

    def _delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # other files are in it
            while (path := path.parent) != self._folder:
                path.rmdir()

    def _path(self, name: str) -> Path:
        path = self._folder / name
        if ".." in path.parts or not path.is_relative_to(self._folder):
            raise BlobError(f"{name!r} is no name of a file below {self._folder}")
        return path


def _move(file: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.replace(path)


async def _chunks(path: Path, start: int, stop: int) -> AsyncIterator[bytes]:
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            file.seek(start)
            while start < stop and (chunk := await asyncio.to_thread(file.read, min(CHUNK, stop - start))):
                start += len(chunk)
                yield chunk
    except OSError as error:
        raise BlobError(f"{path} can't be read: {error}") from error
