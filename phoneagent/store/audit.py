"""The audit log: who has done what, by the console, the API and the command line."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import insert, literal, select, tuple_

from phoneagent.store.database import Database
from phoneagent.store.models import audit

Kind = Literal["user", "key", "local", "cli"]
"""Who acts: a user of the console, an API key, whoever sits at this machine, the command line."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done. `action` is a word such as `user.add`; `data` what there is to say of it."""

    id: str
    at: datetime
    actor: str
    kind: Kind
    action: str
    call_id: str | None
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeedFilter:
    """Which deeds are wanted; None: it does not matter."""

    actor: str | None = None
    action: str | None = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeedCursor:
    """A place in the log, whose newest entries come first."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class DeedPage:
    """Some deeds, and where those begin that come after; None: there are no more."""

    deeds: tuple[Deed, ...]
    following: DeedCursor | None


class Audit:
    """The log. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def note(
        self, actor: str, kind: Kind, action: str, call_id: str | None = None, data: Mapping[str, Any] | None = None
    ) -> None:
        """Write down who has done what. `data` is for JSON, without secrets, and without what was said on a call."""
        row = {
            "id": secrets.token_hex(8),
            "at": self._clock(),
            "actor": actor,
            "kind": kind,
            "action": action,
            "call_id": call_id,
            "data": dict(data or {}),
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(audit).values(row))

    async def page(
        self, wanted: DeedFilter | None = None, *, after: DeedCursor | None = None, limit: int = 50
    ) -> DeedPage:
        """The newest deeds that are wanted, those after a place in the log."""
        found = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit + 1)
        for name in ("actor", "action", "call_id"):
            if (value := getattr(wanted, name, None)) is not None:
                found = found.where(audit.c[name] == value)
        if after is not None:
            place = tuple_(literal(after.at, audit.c.at.type), literal(after.id, audit.c.id.type))
            found = found.where(tuple_(audit.c.at, audit.c.id) < place)
        async with self._database.look() as connection:
            rows = (await connection.execute(found)).all()
        deeds = tuple(Deed(**row._mapping) for row in rows[:limit])
        return DeedPage(deeds, DeedCursor(deeds[-1].at, deeds[-1].id) if len(rows) > limit else None)
