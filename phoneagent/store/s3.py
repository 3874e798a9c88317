"""Files in a bucket of Amazon S3, or of anything that speaks its protocol."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)
from obstore.store import S3Store
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from phoneagent.store.blobs import CHUNK, Blob, BlobError, NoBlobError

if TYPE_CHECKING:
    from obstore.store import S3Config

LONGEST_PAUSE_S = 60.0
READ_PATIENCE_S = 10.0  # somebody waits for it
_HOPELESS = (
    FileNotFoundError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)
_ERRORS = (BaseError, OSError, ValueError)  # what the library raises

Result = TypeVar("Result")


class S3Bucket:
    """Files in a bucket, below a prefix.

    Uploads are checked by the store against a SHA-256 of each part, and tried again for a while. Large files go in
    parts: let a lifecycle rule of the bucket delete what a killed process leaves of them.
    """

    def __init__(
        self,
        address: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        patience_s: float = 30.0,
        pause_s: float = 0.5,
    ) -> None:
        """`address`: s3://bucket or s3://bucket/prefix. `endpoint`: the URL of a store that is not Amazon's. What of
        region and keys is not given is taken from where Amazon's own programs take it. `patience_s`: for how long
        an upload is tried, `pause_s`: before the second time, at most. Raises BlobError."""
        parts = urlsplit(address)
        if parts.scheme != "s3" or not parts.netloc:
            raise BlobError(f"{address!r} is no address of a bucket, such as s3://bucket/recordings")
        config: S3Config = {"checksum_algorithm": "SHA256"}
        if endpoint is not None:
            config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        if region is not None:
            config["region"] = region
        if access_key_id is not None and secret_access_key is not None:
            config |= {"access_key_id": access_key_id, "secret_access_key": secret_access_key}
        self._where = f"s3://{parts.netloc}"
        self._patience_s, self._pause_s = patience_s, pause_s
        try:
            self._store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                config=config,
                client_options={
                    "allow_http": endpoint is not None and endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(seconds=120),  # of one request; a part of an upload has 5 MB
                },
                retry_config={"max_retries": 0},  # that is done here
            )
        except _ERRORS as error:
            raise BlobError(f"{self._where} can't be used: {_reason(error)}") from error

    async def keep(self, name: str, file: Path, sha256: str) -> None:
        """Upload a copy of a file."""
        try:
            found, size = await asyncio.to_thread(_sha256_and_size, file)
        except OSError as error:
            raise BlobError(f"{file} can't be uploaded: {error}") from error
        if found != sha256:
            raise BlobError(f"{file} can't be uploaded: it is not what was recorded (SHA-256 {found}, not {sha256})")

        async def upload() -> None:
            await obstore.put_async(self._store, name, file, attributes={"sha256": sha256})
            there = (await obstore.head_async(self._store, name))["size"]
            if there != size:
                raise OSError(f"{there} bytes of {size} have arrived")

        failed = f"{file} can't be uploaded to {self._where}"
        try:
            await self._try(failed, upload, self._patience_s)
        except NoBlobError as error:
            raise BlobError(f"{failed}: there is no such bucket") from error

    async def read(self, name: str, start: int = 0, stop: int | None = None) -> Blob:
        """The bytes from `start` to before `stop`, or to the end. Raises NoBlobError."""
        failed = f"{name} can't be read from {self._where}"

        async def open_it() -> Blob:
            size = (await obstore.head_async(self._store, name))["size"]
            end = size if stop is None else min(stop, size)
            return Blob(size, self._chunks(name, start, end, failed))

        return await self._try(failed, open_it, READ_PATIENCE_S)

    async def delete(self, name: str) -> None:
        """Delete a file, for good. That there is none is no error."""

        async def delete_it() -> None:
            await obstore.delete_async(self._store, name)

        await self._try(f"{name} can't be deleted from {self._where}", delete_it, READ_PATIENCE_S)

    async def _chunks(self, name: str, start: int, stop: int, failed: str) -> AsyncIterator[bytes]:
        if start >= stop:
            return
        try:
            found = await obstore.get_async(self._store, name, options={"range": (start, stop)})
            async for chunk in found.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)
        except _ERRORS as error:
            raise BlobError(f"{failed}: {_reason(error)}") from error

    async def _try(self, failed: str, what: Callable[[], Awaitable[Result]], patience_s: float) -> Result:
        attempts = AsyncRetrying(
            wait=wait_random_exponential(self._pause_s, LONGEST_PAUSE_S),
            stop=stop_after_delay(patience_s),
            retry=retry_if_exception(lambda error: isinstance(error, _ERRORS) and not isinstance(error, _HOPELESS)),
            reraise=True,
        )
        try:
            return await attempts(what)
        except FileNotFoundError as error:
            raise NoBlobError(f"{failed}: {_reason(error)}") from error
        except _ERRORS as error:
            raise BlobError(f"{failed}: {_reason(error)}") from error


def _sha256_and_size(file: Path) -> tuple[str, int]:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest(), content.tell()


def _reason(error: Exception) -> str:
    """Its first line: below it stands how the library's objects look from inside."""
    return str(error).strip().partition("\n")[0][:300]
