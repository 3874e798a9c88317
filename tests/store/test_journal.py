"""The journal: what was written is there again after whatever has happened, and nothing is left of what is applied."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from phoneagent.core.records import Entry
from phoneagent.store.journal import SEGMENT_BYTES, SPARES, Journal, decoded, encoded, journals_left, open_journal
from tests.store import entries

LINES = [encoded(entry) for entry in entries.call()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    journal = open_journal(folder, "one")
    yield journal
    journal.close()


def left(folder: Path) -> Journal:
    """What a process leaves that is killed: its locks go, its files stay."""
    [journal] = journals_left(folder)
    return journal


def drained(journal: Journal) -> list[Entry]:
    found: list[Entry] = []
    while True:
        some, lines = journal.take(7)
        if not lines:
            return found
        found += some
        journal.applied(lines)


def in_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).strip(b"\0")


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.parametrize("entry", entries.call(), ids=lambda entry: type(entry).__name__)
def test_every_entry_comes_back_exactly(entry: Entry):
    line = encoded(entry)
    assert decoded(line) == entry
    assert line.count(b"\n") == 1
    assert b"\0" not in line


def test_each_kind_of_entry_is_tried_here():
    assert {type(entry) for entry in entries.call()} == set(get_args(Entry))


def test_what_is_no_unicode_is_kept_as_a_question_mark():
    assert decoded(encoded(entries.said(text="a\ud800b"))) == entries.said(text="a?b")


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'["CallBegan"]', b'["CallBegan",{}]', b'["Nonsense",{}]', b"\xff"])
def test_what_is_no_entry_is_said_to_be_none(line: bytes):
    with pytest.raises(ValueError):  # noqa: PT011 -- of many kinds
        decoded(line)


def test_what_goes_in_comes_out_in_its_order(journal: Journal):
    journal.append(LINES)
    journal.append(LINES[:3])
    assert journal.count == len(LINES) + 3
    assert drained(journal) == [*entries.call(), *entries.call()[:3]]
    assert journal.count == 0
    assert journal.used == 0


def test_nothing_is_left_of_what_is_applied(journal: Journal, folder: Path):
    journal.append(LINES)
    assert b"Guten Tag" in in_files(folder)
    drained(journal)
    assert in_files(folder) == b""


def test_only_its_owner_may_read_it(journal: Journal, folder: Path):
    journal.append(LINES)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == SPARES + 2  # a segment and the lock
    assert {stat.filemode(path.stat().st_mode) for path in files} == {"-rw-------"}
    assert {stat.filemode(path.stat().st_mode) for path in (folder, folder / "one")} == {"drwx------"}


def test_what_is_more_than_a_segment_goes_into_several_and_these_go_with_it(journal: Journal, folder: Path):
    many = [encoded(entries.said(number=number, text="x" * 10_000)) for number in range(300)]
    journal.append(many)
    assert len(list(folder.glob("one/*.jsonl"))) == 3
    assert [entry.turn.turn_id for entry in drained(journal)] == [f"item{number}" for number in range(300)]
    assert len(list(folder.glob("one/*.jsonl"))) == 1
    assert in_files(folder) == b""


def test_a_line_longer_than_a_segment_is_kept(journal: Journal):
    long = entries.said(text="x" * 2 * SEGMENT_BYTES)
    journal.append([LINES[0], encoded(long), LINES[1]])
    assert drained(journal) == [entries.call()[0], long, entries.call()[1]]


def test_who_lives_is_let_alone(journal: Journal, folder: Path):
    journal.append(LINES)
    assert journals_left(folder) == []


def test_files_that_are_not_ours_are_let_alone(journal: Journal, folder: Path):
    """Some file systems put files beside ours, of those that were deleted while they were open."""
    journal.append(LINES)
    copy = folder / "dead"
    shutil.copytree(folder / "one", copy)
    (copy / ".nfs0001.7").touch()
    assert drained(left(folder)) == entries.call()


def test_a_journal_that_cant_be_taken_over_is_told_of(journal: Journal, folder: Path, monkeypatch, caplog):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert journals_left(folder) == []
    assert caplog.messages == ["a journal can't be taken over, its records stay there"]


KILLED = """
import os, pathlib, signal, sys
from phoneagent.store.journal import open_journal, encoded
from tests.store import entries
journal = open_journal(pathlib.Path(sys.argv[1]), "dead")
journal.append([encoded(entry) for entry in entries.call()])
[(some, lines)] = [journal.take(4)]
journal.applied(lines)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_another_process_finds_what_a_killed_one_has_left_and_clears_it_away(folder: Path):
    subprocess.run([sys.executable, "-c", KILLED, folder], check=False)
    journal = left(folder)
    assert journal.instance == "dead"
    assert journals_left(folder) == []  # it is taken now
    assert drained(journal)[-len(LINES) + 4 :] == entries.call()[4:]
    journal.close()
    assert list(folder.iterdir()) == []


def test_what_nobody_has_read_stays_for_the_next(folder: Path):
    journal = open_journal(folder, "one")
    journal.append(LINES)
    journal.close()
    journal = left(folder)
    journal.take(3)
    journal.close()
    assert drained(left(folder)) == entries.call()


@pytest.mark.parametrize("torn", range(1, len(LINES[-1]) + 1, 40))
def test_a_line_that_was_not_finished_is_none(folder: Path, torn: int):
    journal = open_journal(folder, "one")
    journal.append(LINES)
    journal.close()
    [segment] = folder.glob("one/*.jsonl")
    content = segment.read_bytes().rstrip(b"\0")
    with segment.open("r+b") as file:
        file.seek(len(content) - torn)
        file.write(bytes(torn))
    journal = left(folder)
    assert journal.count == len(LINES) - 1
    assert drained(journal) == entries.call()[:-1]


def test_a_line_that_is_no_entry_costs_no_other(folder: Path, caplog):
    journal = open_journal(folder, "one")
    journal.append([LINES[0], b'["TurnKept", {"call_id": "Ada said this"\n', b"\xff\xfe\n", *LINES[1:]])
    journal.close()
    assert drained(left(folder)) == entries.call()
    assert len(caplog.records) == 2
    assert "Ada" not in caplog.text


def test_a_full_disk_has_room_for_what_was_reserved(journal: Journal, folder: Path, monkeypatch):
    """No new file can be made: a disk that is full."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_create", full)
    lines = [encoded(entries.said(number=number, text="x" * 10_000)) for number in range(90)]
    for _ in range(SPARES):
        journal.append(lines)
    with pytest.raises(OSError, match="No space"):
        journal.append(lines * 2)
    assert len(drained(journal)) >= SPARES * len(lines)


def test_a_limit_for_files_leaves_the_beginnings_of_the_spare_ones(journal: Journal):
    with no_file_longer_than(50_000):
        for number in range(12):
            journal.append([encoded(entries.said(number=number, text="x" * 20_000))])
    assert [entry.turn.turn_id for entry in drained(journal)] == [f"item{number}" for number in range(12)]


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path):
    (tmp_path / "journal").write_text("a file")
    with pytest.raises(OSError, match="exists"):
        open_journal(tmp_path / "journal", "one")
    assert os.listdir(tmp_path) == ["journal"]
