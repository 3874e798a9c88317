"""Tables for spreadsheets, as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

from phoneagent.records.export import row_document
from phoneagent.store.calls import CallRow

_FORMULA = re.compile(r"^(?=[=+\-@\t\r\n＝＋－＠])|(?<=[;\r\n])(?=[ \t]*[=+\-@＝＋－＠])")
"""Where a cell begins with a formula; or another would, where semicolons separate them and quotes are none."""


def csv_line(cells: Iterable[Any]) -> str:
    """A line of a table, with its end. None is an empty cell."""
    line = io.StringIO()
    csv.writer(line).writerow(map(no_formula, cells))
    return line.getvalue()


async def call_lines(rows: AsyncIterator[CallRow]) -> AsyncIterator[str]:
    """A table of calls, line by line: a heading, and a line for each. Nothing at all if there are none."""
    heading = True
    async for row in rows:
        cells = row_document(row)
        if heading:
            yield csv_line(cells)
            heading = False
        yield csv_line(cells.values())


def no_formula(cell: Any) -> Any:
    """What a spreadsheet shows and does not run: before what looks like a formula stands an apostrophe."""
    return _FORMULA.sub("'", cell) if isinstance(cell, str) else cell
