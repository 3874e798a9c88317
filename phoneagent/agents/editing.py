"""Agent files are changed: only as a whole, only by whoever has seen what is there, and never into a broken one."""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from phoneagent.agents.directory import AgentDirectory, Draft
from phoneagent.core.problems import FileProblem

MAX_BYTES = 256 * 1024  # of an agent file


@dataclass(frozen=True, slots=True)
class AgentText:
    """What stands in an agent file. `etag` changes with any byte of it."""

    text: str = field(repr=False)
    etag: str


class ChangeRefusedError(Exception):
    """A change that was not made; the file is as it was."""


class BrokenError(ChangeRefusedError):
    """It would leave this agent, or another one, with errors: `problems`."""

    def __init__(self, problems: tuple[FileProblem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class ChangedMeanwhileError(ChangeRefusedError):
    """The file is another than was seen. `present` is what stands there now; None: there is none."""

    def __init__(self, present: AgentText | None) -> None:
        super().__init__("the file has changed meanwhile" if present else "the file is not there any more")
        self.present = present


class NotWritableError(ChangeRefusedError):
    """The file can't be changed from here."""


class Editor:
    """Reads and changes the files of agents. All of it blocks, and raises ValueError for a name that none can have."""

    def __init__(self, directory: AgentDirectory) -> None:
        self._directory = directory
        self._changing = threading.Lock()

    @property
    def writable(self) -> bool:
        """Whether the folder takes changes."""
        return os.access(self._directory.folder, os.W_OK)

    def draft(self, name: str, text: str | None) -> Draft:
        """What saving this text would come to; None: deleting the file."""
        if text is not None and len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            return Draft(None, (FileProblem(f"{name}.md", 0, 0, f"is larger than {MAX_BYTES // 1024} KiB"),))
        return self._directory.draft(name, text)

    def read(self, name: str) -> AgentText | None:
        """What stands in the file of an agent; None if there is none. Raises NotWritableError for a link elsewhere."""
        return _read(self._file(name))

    def create(self, name: str, text: str) -> AgentText:
        """Make a new agent. Raises ChangeRefusedError."""
        with self._changing:
            file = self._file(name)
            if (present := _read(file)) is not None:
                raise ChangedMeanwhileError(present)
            self._refuse_broken(name, text)
            return _write(file, text, new=True)

    def replace(self, name: str, text: str, seen: str) -> AgentText:
        """Put the text into the file whose etag is `seen`. Raises ChangeRefusedError."""
        with self._changing:
            file = self._file(name)
            self._refuse_broken(name, text)
            _refuse_changed(file, seen)
            return _write(file, text, new=False)

    def delete(self, name: str, seen: str) -> None:
        """Delete the file whose etag is `seen`. Raises ChangeRefusedError."""
        with self._changing:
            file = self._file(name)
            self._refuse_broken(name, None)
            _refuse_changed(file, seen)
            try:
                file.unlink()
            except OSError as error:
                raise _not_writable(file, error) from error

    def _file(self, name: str) -> Path:
        """Where the agent's file really is, which is within the folder."""
        path = self._directory.path_of(name)
        file = path.resolve()
        if not file.is_relative_to(self._directory.folder.resolve()):
            raise NotWritableError(f"{path.name} is a link that leads out of the folder of agents: change it there")
        return file

    def _refuse_broken(self, name: str, text: str | None) -> None:
        if (draft := self.draft(name, text)).broken:
            raise BrokenError(draft.problems)


def _read(file: Path) -> AgentText | None:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotWritableError(f"{file.name} can't be read: {error.strerror}") from error
    return _as_text(content)


def _as_text(content: bytes) -> AgentText:
    return AgentText(content.decode("utf-8-sig", "replace"), sha256(content).hexdigest()[:32])


def _refuse_changed(file: Path, seen: str) -> None:
    present = _read(file)
    if present is None or present.etag != seen:
        raise ChangedMeanwhileError(present)


def _write(file: Path, text: str, *, new: bool) -> AgentText:
    """Have the whole text in the file, or, whatever breaks, what was there before."""
    content = text.encode()
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")  # no agent file, whenever it is looked at
    try:
        with open(beside, "xb") as written:
            if not new:
                os.fchmod(written.fileno(), file.stat().st_mode)
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        if new:
            os.link(beside, file)  # unlike a rename, this replaces nothing
        else:
            beside.replace(file)
        _sync(file.parent)
    except FileExistsError:
        raise ChangedMeanwhileError(_read(file)) from None
    except OSError as error:
        raise _not_writable(file, error) from error
    finally:
        with suppress(OSError):  # it became the file, or never was
            beside.unlink()
    return _as_text(content)


def _sync(folder: Path) -> None:
    """Have the folder itself on the disk, with what was renamed in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_writable(file: Path, error: OSError) -> NotWritableError:
    return NotWritableError(f"{file.name} can't be written: {error.strerror}")
