"""The journal: what is to be kept waits here, on the disk, until the database has it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from phoneagent.core.records import Entry

log = logging.getLogger(__name__)

SEGMENT_BYTES = 1024 * 1024
MOST_BYTES = 256 * 1024 * 1024
SPARES = 8  # segments that are on the disk before they are needed: what is still written when it is full
_LOCK = "lock"
_SPARE = ".spare"
_SEGMENT = ".jsonl"

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Entry)}


def encoded(entry: Entry) -> bytes:
    """An entry as a line: JSON, of which `decoded` makes the same again. What is no Unicode becomes a question mark."""
    fields = _adapter(type(entry).__name__).dump_python(entry, mode="json", fallback=str, warnings=False)
    line = json.dumps([type(entry).__name__, fields], ensure_ascii=False, separators=(",", ":"))
    return line.encode("utf-8", "replace") + b"\n"


def decoded(line: bytes) -> Entry:
    """The entry that a line is. Raises ValueError."""
    match json.loads(line):
        case [str(kind), fields] if kind in _KINDS:
            return _adapter(kind).validate_python(fields)
        case _:
            raise ValueError("not an entry")


@cache
def _adapter(kind: str) -> TypeAdapter[Entry]:
    return TypeAdapter(_KINDS[kind])


class Journal:
    """Lines in the order in which they came, in the folder of one instance. Its methods block; one thread at a time.

    The lines lie in segments: files that are full of zeros before there is anything in them, so that writing needs no
    room on the disk, and that are full of zeros again once all in them is in the database. Whoever has the lock of the
    folder is the instance, or has taken over what it has left.
    """

    def __init__(self, folder: Path, lock: int, spares: int = 0) -> None:
        self.instance = folder.name
        self._folder = folder
        self._lock = lock
        self._most_spares = spares
        self._segments = deque(_Segment.found(path) for path in sorted(folder.glob(f"*{_SEGMENT}")))
        self._number = max((int(path.stem) for path in folder.glob("*.*") if path.stem.isdecimal()), default=0)
        self._spares: list[Path] = []
        self._taken = 0  # bytes of the first segment that `take` has returned
        self.count = sum(segment.lines for segment in self._segments)
        self._reserve()

    @property
    def used(self) -> float:
        """How much of the room it may take is in use: from 0 to 1."""
        return sum(segment.end for segment in self._segments) / MOST_BYTES

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines, and have them on the disk. Raises OSError; then they are not in the journal, or not all."""
        block = bytearray()
        held = 0
        for line in lines:
            if not self._segments or self._segments[-1].end + len(block) + len(line) > SEGMENT_BYTES:
                self._write(block, held)
                block, held = bytearray(), 0
                if not self._segments or self._segments[-1].end:
                    self._begin_segment()
            block += line
            held += 1
        self._write(block, held)

    def take(self, most: int) -> tuple[list[Entry], int]:
        """The oldest entries, and how many lines they are; one that can't be read is left out. None: ([], 0)."""
        while len(self._segments) > 1 and self._segments[0].read >= self._segments[0].end:
            self._free_first()
        if not self._segments:
            return [], 0
        first = self._segments[0]
        lines = first.unread().split(b"\n", most)[:-1]  # behind the last line end there is nothing, or the rest
        self._taken = sum(len(line) + 1 for line in lines)
        return list(_readable(lines)), len(lines)

    def applied(self, lines: int) -> None:
        """What `take` has returned is in the database, and goes."""
        first = self._segments[0]
        first.read += self._taken
        first.lines -= lines
        self.count -= lines
        if first.read >= first.end:
            self._free_first()

    def close(self) -> None:
        """Leave it to others; if nothing is in it, it is gone."""
        with suppress(OSError):
            if not self.count:
                for path in self._folder.iterdir():
                    path.unlink()
                self._folder.rmdir()
        os.close(self._lock)

    def _write(self, block: bytes | bytearray, lines: int) -> None:
        if not block:
            return
        last = self._segments[-1]
        try:
            last.write(block)
        except OSError:
            if not last.end:
                raise
            self._begin_segment()  # a file may not grow while another has its place
            last = self._segments[-1]
            last.write(block)
        last.lines += lines
        self.count += lines

    def _begin_segment(self) -> None:
        try:
            self._segments.append(_Segment(self._create(_SEGMENT)))
        except OSError:
            if not self._spares:
                raise
            self._number += 1
            path = self._folder / f"{self._number:08}{_SEGMENT}"
            self._spares.pop().rename(path)
            self._segments.append(_Segment(path))
        _sync_folder(self._folder)

    def _reserve(self) -> None:
        """Have spare segments on the disk, as many as there is room for."""
        with suppress(OSError):
            while len(self._spares) < self._most_spares:
                self._spares.append(self._create(_SPARE))

    def _free_first(self) -> None:
        """Leave nothing of the first segment; it is the next one if there is no other."""
        first = self._segments.popleft()
        with suppress(OSError):
            first.clear()
            if not self._segments:
                self._segments.append(first)
                return
        first.path.unlink(missing_ok=True)
        self._reserve()

    def _create(self, suffix: str) -> Path:
        self._number += 1
        path = self._folder / f"{self._number:08}{suffix}"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            _write_all(file, bytes(SEGMENT_BYTES), 0)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(file)
        return path


class _Segment:
    """A file of the journal. `end`: where its lines end, `read`: up to where they are in the database; in bytes."""

    def __init__(self, path: Path, end: int = 0, lines: int = 0) -> None:
        self.path = path
        self.end = end
        self.read = 0
        self.lines = lines  # of those after `read`

    @classmethod
    def found(cls, path: Path) -> _Segment:
        """What another process has left; a last line that it has not finished is none."""
        written = path.read_bytes().partition(b"\0")[0]
        end = written.rfind(b"\n") + 1
        return cls(path, end, written.count(b"\n"))

    def write(self, block: bytes | bytearray) -> None:
        file = os.open(self.path, os.O_WRONLY)
        try:
            _write_all(file, block, self.end)
            os.fsync(file)
        finally:
            os.close(file)
        self.end += len(block)

    def unread(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.read)
            return file.read(self.end - self.read)

    def clear(self) -> None:
        file = os.open(self.path, os.O_WRONLY)
        try:
            _write_all(file, bytes(self.end), 0)
        finally:
            os.close(file)
        self.end = self.read = self.lines = 0


def open_journal(folder: Path, instance: str) -> Journal:
    """A new journal below the folder of all journals. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    nameless = folder / f".{instance}"  # nobody looks there: a folder without a lock is a dead instance's
    nameless.mkdir(mode=0o700)
    lock = os.open(nameless / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    with suppress(OSError):  # not every file system has locks
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    nameless.rename(folder / instance)
    return Journal(folder / instance, lock, SPARES)


def journals_left(folder: Path) -> list[Journal]:
    """The journals of instances that are dead, the oldest first; they are locked now."""
    left = []
    for path in folder.glob("[!.]*"):
        try:
            lock = os.open(path / _LOCK, os.O_RDWR)
        except (FileNotFoundError, NotADirectoryError):  # it has left just now
            continue
        except OSError as error:
            _stays(path, error)
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.append((path.stat().st_mtime, Journal(path, lock)))
        except (BlockingIOError, FileNotFoundError):  # it lives; or it has left just now
            os.close(lock)
        except OSError as error:
            os.close(lock)
            _stays(path, error)
    return [journal for _, journal in sorted(left, key=lambda found: found[0])]


def _stays(path: Path, error: OSError) -> None:
    log.error("a journal can't be taken over, its records stay there", extra={"folder": path, "reason": error.strerror})


def _readable(lines: Sequence[bytes]) -> Iterator[Entry]:
    for line in lines:
        try:
            yield decoded(line)
        except ValueError as error:  # whose text holds what was said
            log.error("a line of the journal can't be read", extra={"reason": type(error).__name__})


def _write_all(file: int, block: bytes | bytearray, at: int) -> None:
    view = memoryview(block)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
