"""Recordings that are to be moved to their bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from phoneagent.store.database import Database
from phoneagent.store.models import recordings

OLD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is to be moved. `there`: it is in the bucket, and only to be deleted here. `tries` have failed.
    `old`: it has been due for a day, in which whoever has the file would have come to it."""

    name: str
    sha256: str
    there: bool
    tries: int
    old: bool = False


class Uploads:
    """The uploads that are to be made, of all instances. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def due(self) -> list[Upload]:
        """Those that are due, the oldest first; the files may be other machines'."""
        now = self._clock()
        wanted = select(recordings).where(recordings.c.upload_at <= now).order_by(recordings.c.upload_at)
        async with self._database.look() as connection:
            rows = await connection.execute(wanted)
            return [
                Upload(row.name, row.sha256, row.place == "remote", row.uploads, row.upload_at <= now - OLD)
                for row in rows
            ]

    async def is_there(self, name: str) -> bool:
        """Note that a file is in the bucket. Returns False if it is to be kept no longer."""
        return await self._set(name, place="remote", upload_at=self._clock())

    async def is_over(self, name: str) -> None:
        """Note that it is no longer here."""
        await self._set(name, upload_at=None)

    async def failed(self, name: str, again_in_s: float) -> None:
        """Note that an upload has failed, and when to try it again."""
        again_at = self._clock() + timedelta(seconds=again_in_s)
        await self._set(name, uploads=recordings.c.uploads + 1, upload_at=again_at)

    async def _set(self, name: str, **values: Any) -> bool:
        wanted = update(recordings).where(recordings.c.name == name, recordings.c.place != "gone").values(values)
        async with self._database.begin() as connection:
            return (await connection.execute(wanted)).rowcount == 1
