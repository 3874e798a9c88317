"""The table book of the Blue Door: an example of a tool.

A tool may run in any of several processes, so that what is to be kept belongs into a database or a file. This one is
among the temporary files; a real one would not be.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated

from pydantic import Field

from phoneagent.tools import Call, ToolError, tool

SEATS = 40
OPEN, LAST = dt.time(17, 0), dt.time(21, 30)
BOOK = Path(tempfile.gettempdir()) / f"blue-door-{os.getuid()}.sqlite"
TABLE = """CREATE TABLE IF NOT EXISTS booking (
    number INTEGER PRIMARY KEY, guest TEXT, date TEXT, time TEXT, people INTEGER, UNIQUE (guest, date))"""
INSERT = """INSERT INTO booking (guest, date, time, people) VALUES (?, ?, ?, ?)
    ON CONFLICT (guest, date) DO UPDATE SET time = excluded.time, people = excluded.people RETURNING number"""


@tool(while_running="One moment, please.")
def book_table(
    people: Annotated[int, Field(ge=1, le=12, description="how many people come")],
    date: Annotated[dt.date, Field(description="the day, as YYYY-MM-DD")],
    time: Annotated[dt.time, Field(description="when they come, as HH:MM in 24 hours")],
    call: Call,
) -> dict[str, str | int]:
    """Book a table at the Blue Door. Call it only after the caller has confirmed people, day and time.

    The result has the reference to be told to the caller. A second booking for the same day replaces the first.
    """
    if not OPEN <= time <= LAST:
        raise ToolError(f"Tables can be booked from {OPEN:%H:%M} to {LAST:%H:%M}.")
    guest = call.caller if call.caller.startswith("+") else call.call_id  # who withholds their number
    at = date.isoformat(), f"{time:%H:%M}"
    with closing(sqlite3.connect(BOOK)) as book, book:  # rolled back by what is raised
        book.execute(TABLE)
        (number,) = book.execute(INSERT, (guest, *at, people)).fetchone()
        (taken,) = book.execute("SELECT sum(people) FROM booking WHERE date = ? AND time = ?", at).fetchone()
        if taken > SEATS:
            raise ToolError("We are fully booked at that time. Half an hour earlier or later may be possible.")
    return {"reference": f"B D {100 + number}", "people": people, "date": at[0], "time": at[1]}
