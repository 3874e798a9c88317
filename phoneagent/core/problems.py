"""What is wrong with a file that somebody wrote, told to whoever can mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class FileProblem:
    """One problem of one file. A warning leaves the file in use, an error does not.

    `line` and `column` count from 1; 0 means the file as a whole.
    """

    file: str
    line: int
    column: int
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])
        return f"{place}: {'warning: ' if self.severity == 'warning' else ''}{self.message}"
