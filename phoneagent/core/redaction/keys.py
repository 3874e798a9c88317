"""What the caller has typed in secret, wherever it is said again: read back by the agent, or given to a tool."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from phoneagent.core.redaction.runs import Run
from phoneagent.core.redaction.spans import Span

LEAST = 3  # digits; one that is shorter stands in every other text
_BETWEEN = r"[\W_]{0,3}"


def typed(text: str, runs: list[Run], keys: Collection[str]) -> Iterator[Span]:
    """Every place where one of the keys stands, in figures or in words."""
    for key in keys:
        digits = "".join(filter(str.isdecimal, key))
        digits = digits.lstrip("0") if len(digits.lstrip("0")) >= LEAST else digits  # a tool may be given a number
        if len(digits) < LEAST:
            continue
        written = re.compile(rf"(?:0{_BETWEEN})*{_BETWEEN.join(digits)}")
        yield from (Span(*found.span(), "keys") for found in written.finditer(text))
        yield from (Span(*place, "keys") for run in runs for place in _said(run, digits))


def _said(run: Run, digits: str) -> Iterator[tuple[int, int]]:
    """Where the run has these digits, from the first atom that has some of them to the last."""
    for atoms in run.readings:
        owners = [atom for atom in atoms for _ in atom.digits]
        number = "".join(atom.digits for atom in atoms)
        place = number.find(digits)
        while place >= 0:
            yield owners[place].start, owners[place + len(digits) - 1].end
            place = number.find(digits, place + 1)
