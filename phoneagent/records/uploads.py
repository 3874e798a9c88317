"""Moves recordings that are over from this machine to their bucket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from phoneagent.store import StoreError
from phoneagent.store.blobs import BlobError, Blobs
from phoneagent.store.carrying_on import carrying_on
from phoneagent.store.recordings import Upload, Uploads

log = logging.getLogger(__name__)

DELAYS_S = (60.0, 5 * 60.0, 30 * 60.0, 2 * 3600.0, 6 * 3600.0)
"""After which a try follows on one that failed; the last of them for ever: there is no other copy."""

_EVERY_S = 5.0


class Uploader:
    """Uploads one recording after the other. What is under way when the service ends begins anew with the next."""

    def __init__(
        self, uploads: Uploads, blobs: Blobs, *, delays_s: Sequence[float] = DELAYS_S, every_s: float = _EVERY_S
    ) -> None:
        self._uploads = uploads
        self._blobs = blobs
        self._delays_s = delays_s
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep_uploading())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_uploading(self) -> None:
        while True:
            with carrying_on("uploads"):
                for upload in await self._uploads.due():
                    await self._move(upload)
            await asyncio.sleep(self._every_s)

    async def _move(self, upload: Upload) -> None:
        about: dict[str, object] = {"file": upload.name, "tries": upload.tries + 1}
        try:
            if not await self._blobs.is_here(upload.name):
                if upload.there and upload.old:  # who deleted it here was killed before saying so
                    await self._uploads.is_over(upload.name)
                return
            if not upload.there:
                await self._blobs.upload(upload.name, upload.sha256)
                if not await self._uploads.is_there(upload.name):
                    await self._blobs.delete(upload.name)  # as somebody has wanted meanwhile
                    return
                log.info("recording uploaded", extra=about)
            await self._blobs.delete_here(upload.name)
            await self._uploads.is_over(upload.name)
        except StoreError:
            raise
        except Exception as error:  # one file that breaks this must not keep the others from it
            await self._uploads.failed(upload.name, self._delays_s[min(upload.tries, len(self._delays_s) - 1)])
            log.warning(
                "recording not uploaded: it is tried again",
                extra=about | {"reason": str(error)},
                exc_info=not isinstance(error, BlobError),
            )
