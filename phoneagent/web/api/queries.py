"""Which calls are asked for, and from where in their list on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from phoneagent.store.calls import CallFilter, Cursor
from phoneagent.store.costs import Sums
from phoneagent.web.api.models import CLEAN, Name

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?")


def _aware(text: object) -> object:
    if not isinstance(text, str) or (match := _MOMENT.fullmatch(text)) is None:
        raise ValueError("must be a day, such as 2026-11-21, or a moment, such as 2026-11-21T12:00:00Z")
    return text if match[1] else f"{text}T00:00:00Z"


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1 to 9999 of UTC") from None


When = Annotated[
    AwareDatetime,
    BeforeValidator(_aware),
    AfterValidator(_utc),
    WithJsonSchema({"anyOf": [{"type": "string", "format": kind} for kind in ("date-time", "date")]}),
]
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
CURSOR = re.compile(r"[0-9]{1,17}_[0-9A-Za-z]{1,64}")
"""A place in the list, as text."""
_NUMBER = r"^(\+[1-9][0-9]{1,14}|[A-Za-z][^\x00]*)$"


class _Selection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: Annotated[
        str | None,
        Field(
            max_length=200,
            pattern=_NUMBER,
            description="The person's or ours, in E.164; or a word in its place, such as `anonymous`. In a URL + is "
            "written %2B.",
        ),
    ] = None
    agent: Annotated[Name | None, Field(description="Who answered.")] = None
    since: Annotated[When | None, Field(description="The calls that began then or later; a day is meant in UTC.")] = (
        None
    )
    before: Annotated[When | None, Field(description="The calls that began earlier.")] = None


class CallSelection(_Selection):
    """Which calls are wanted."""

    outcome: Name | None = None
    text: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=200, pattern=CLEAN),
        Field(description="Words that were said, whole or their beginnings."),
    ] = None
    open: Annotated[bool | None, Field(description="Whether they go on.")] = None

    def filter(self) -> CallFilter:
        """The same for the store."""
        return CallFilter(self.number, self.agent, self.since, self.before, self.outcome, self.text, self.open)


class CallQuery(CallSelection):
    """Which calls are to be listed, and from where on."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[
        str | None, Field(pattern=f"^{CURSOR.pattern}$", description="The `next` of the answer before.")
    ] = None

    def after(self) -> Cursor | None:
        """The place in the list."""
        return None if self.cursor is None else read_cursor(self.cursor)


class CostQuery(_Selection):
    """Which calls' costs are to be summed up, and how."""

    by: Sums = "day"

    def filter(self) -> CallFilter:
        """The same for the store."""
        return CallFilter(self.number, self.agent, self.since, self.before)


def write_cursor(cursor: Cursor) -> str:
    """A place in the list as a text, of which others need know nothing."""
    return f"{to_microseconds(cursor.began)}_{cursor.id}"


def read_cursor(text: str) -> Cursor:
    """The place again."""
    microseconds, _, call_id = text.partition("_")
    return Cursor(from_microseconds(int(microseconds)), call_id)


def to_microseconds(moment: datetime) -> int:
    """A moment as a whole number."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The moment again."""
    return _EPOCH + microseconds * _MICROSECOND
