"""The files of calls that have to go: from this machine's data folder, and from the bucket."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from phoneagent.store.blobs import BlobError, Blobs
from phoneagent.store.erasure import Erasure

log = logging.getLogger(__name__)

_NUMBERED = re.compile(r"-\d+$")  # a call that a killed process began to record has several recordings


class Files:
    """Deletes what is on the list of `store.erasure`: recordings and event logs."""

    def __init__(self, erasure: Erasure, data: Path, recordings: Blobs) -> None:
        self._erasure = erasure
        self._data = data
        self._recordings = recordings

    async def delete(self) -> list[str]:
        """Delete those that are here or in the bucket. Returns what stands in the way of the others, which stay on the
        list. Folders stay: a call may be about to use them. Raises StoreError."""
        wanted = await self._erasure.files()
        problems = await asyncio.to_thread(self._delete_here, [file.name for file in wanted if file.place == "local"])
        gone = []
        for name in (file.name for file in wanted if file.place == "remote"):
            if not self._recordings.uploads:
                problems.append(f"{name} may be in a bucket, which is not set: PHONEAGENT_RECORDINGS_URL")
                continue
            try:
                await self._recordings.delete(name)
                gone.append(name)
            except BlobError as error:
                problems.append(str(error))
        await self._erasure.files_are_gone(gone)
        for problem in problems:
            log.error("a file that has to go can't be deleted", extra={"reason": problem})
        return problems

    def _delete_here(self, names: Iterable[str]) -> list[str]:
        problems = []
        folders: defaultdict[Path, set[str]] = defaultdict(set)
        for name in names:
            path = self._data / name
            folders[path.parent].add(path.name)
        for folder, stems in folders.items():
            try:
                problems += self._delete_in(folder, stems)
            except FileNotFoundError:
                continue
            except OSError as error:
                problems.append(f"{folder} can't be looked into: {error.strerror}")
        return problems

    def _delete_in(self, folder: Path, stems: Collection[str]) -> list[str]:
        problems: dict[Path, str] = {}
        # until there are none: one that was being packed or renamed has another name by now
        while files := [file for file in folder.iterdir() if file not in problems and _stem(file) in stems]:
            for file in files:
                try:
                    file.unlink(missing_ok=True)
                except OSError as error:
                    problems[file] = f"{file} can't be deleted: {error.strerror}"
        return list(problems.values())


def _stem(file: Path) -> str:
    return _NUMBERED.sub("", file.name.partition(".")[0])
