"""The table book of the Blue Door: an example of tools. Kept in memory, it is empty at every start."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from typing import Annotated

from pydantic import Field

from phoneagent.tools import ToolError, tool

SEATS = 40
OPEN, LAST = dt.time(17, 0), dt.time(21, 30)

_taken: Counter[tuple[dt.date, dt.time]] = Counter()  # seats, by day and time
_numbers = itertools.count(101)


@tool
def book_table(
    people: Annotated[int, Field(ge=1, le=12, description="how many people come")],
    date: Annotated[dt.date, Field(description="the day, as YYYY-MM-DD")],
    time: Annotated[dt.time, Field(description="when they come, as HH:MM in 24 hours")],
) -> dict[str, str | int]:
    """Book a table at the Blue Door. Call it only after the caller has confirmed people, day and time.

    The result has the reference to be told to the caller.
    """
    if not OPEN <= time <= LAST:
        raise ToolError(f"Tables can be booked from {OPEN:%H:%M} to {LAST:%H:%M}.")
    if _taken[date, time] + people > SEATS:
        raise ToolError("We are fully booked at that time. Half an hour earlier or later may be possible.")
    _taken[date, time] += people
    return {
        "reference": f"B D {next(_numbers)}",
        "people": people,
        "date": date.isoformat(),
        "time": f"{time:%H:%M}",
    }


@tool
def take_message(
    topic: Annotated[str, Field(description="what it is about, in a few words")],
    callback_number: Annotated[str, Field(pattern=r"^\+?[0-9 ]{3,20}$", description="the number to call back")],
) -> dict[str, bool]:
    """Take a message for the Blue Door's staff. Call it only after the caller has confirmed the number."""
    # A real one would write to where the staff look; what callers say doesn't belong in the log.
    return {"noted": True}
