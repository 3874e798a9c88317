"""The audit log, to be read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from phoneagent.store.audit import DeedCursor, DeedFilter
from phoneagent.web.api.backend import Given
from phoneagent.web.api.guard import needs
from phoneagent.web.api.models import Name
from phoneagent.web.api.queries import CURSOR, from_microseconds, to_microseconds
from phoneagent.web.api.router import router

routes = router("audit", needs("admin"))


class Deed(BaseModel):
    """Something that was done."""

    id: str
    at: datetime
    actor: Annotated[
        str,
        Field(
            description="The name of a user, a key, or who used the command line; `Nobody known` if a login has failed "
            "under a name that nobody has."
        ),
    ]
    kind: Annotated[Literal["user", "key", "local", "cli"], Field(description="What the actor is.")]
    action: Annotated[str, Field(examples=["user.add"])]
    call_id: str | None
    data: dict[str, Any]


class DeedList(BaseModel):
    """What was done, the latest first."""

    deeds: list[Deed]
    next: Annotated[str | None, Field(description="The `cursor` of those that follow; null: there are no more.")]


class AuditQuery(BaseModel):
    """What of the log is wanted."""

    model_config = ConfigDict(extra="forbid")

    actor: Name | None = None
    action: Name | None = None
    call: Annotated[Name | None, Field(description="Our id of a call.")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[
        str | None, Field(pattern=f"^{CURSOR.pattern}$", description="The `next` of the answer before.")
    ] = None


@routes.get("/audit")
async def list_deeds(query: Annotated[AuditQuery, Query()], backend: Given) -> DeedList:
    """Who has done what, by the console, this API and the command line. It is kept for 400 days."""
    wanted = DeedFilter(query.actor, query.action, query.call)
    after = None if query.cursor is None else read_cursor(query.cursor)
    page = await backend.store.audit.page(wanted, after=after, limit=query.limit)
    following = None if page.following is None else write_cursor(page.following)
    deeds = [Deed.model_validate(deed, from_attributes=True) for deed in page.deeds]
    return DeedList(deeds=deeds, next=following)


def write_cursor(cursor: DeedCursor) -> str:
    """A place in the log as a text."""
    return f"{to_microseconds(cursor.at)}_{cursor.id}"


def read_cursor(text: str) -> DeedCursor:
    """The place again."""
    microseconds, _, id_ = text.partition("_")
    return DeedCursor(from_microseconds(int(microseconds)), id_)
