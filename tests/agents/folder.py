"""A folder of agent files for a test."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from phoneagent.agents.directory import AgentDirectory

TODAY = date(2026, 11, 21)


class Folder:
    """Writes agent files and opens the directory of them. Problems are told without the folder's path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, front: str = "", prompt: str = "You answer the telephone.") -> Path:
        """Save `<name>.md`."""
        file = self.path / f"{name}.md"
        file.write_text(f"---\n{textwrap.dedent(front).strip()}\n---\n{prompt}\n")
        return file

    def open(self, today: Callable[[], date] = lambda: TODAY, **options: Any) -> AgentDirectory:
        """The directory of the files as they are now."""
        return AgentDirectory(self.path, today=today, **options)

    def problems(self, directory: AgentDirectory) -> list[str]:
        """What is wrong, in lines."""
        return [str(problem).replace(f"{self.path.as_posix()}/", "") for problem in directory.problems]
