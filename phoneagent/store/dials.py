"""The calls that we place. A row is there before the carrier is asked, and is claimed once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from phoneagent.core.dials import FINAL, Dial, states_up_to
from phoneagent.store.database import Database
from phoneagent.store.models import dials

_FIELDS = tuple(f.name for f in fields(Dial))


class NumberInUseError(Exception):
    """A dial to this number is not over yet."""


class KeyReusedError(Exception):
    """The idempotency key was used for another request."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that must not become two dials: the same `key` of the same API key."""

    api_key_id: str
    key: str = field(repr=False)
    request_hash: str


class Dials:
    """All dials, the open ones and those that are over. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, dial: Dial, asked: Asked | None = None) -> Dial:
        """Keep a new dial; or return the one there is, if the same was asked meanwhile.

        Raises NumberInUseError, KeyReusedError.
        """
        try:
            async with self._database.begin() as connection:
                values = {name: getattr(dial, name) for name in _FIELDS} | {"variables": dict(dial.variables)}
                if asked is not None:
                    values |= {"api_key_id": asked.api_key_id, "idempotency_key": asked.key}
                    values |= {"request_hash": asked.request_hash}
                await connection.execute(insert(dials).values(values))
                return dial
        except IntegrityError:
            if asked is not None and (before := await self.asked(asked)) is not None:
                return before
            raise NumberInUseError from None

    async def asked(self, asked: Asked) -> Dial | None:
        """The dial that came of this request before, if any. Raises KeyReusedError."""
        async with self._database.begin() as connection:
            found = await connection.execute(
                select(dials).where(dials.c.api_key_id == asked.api_key_id, dials.c.idempotency_key == asked.key)
            )
            row = found.one_or_none()
        if row is not None and row.request_hash != asked.request_hash:
            raise KeyReusedError
        return _dial(row) if row is not None else None

    async def claim(self, dial_id: str, now: datetime) -> bool:
        """Whether this dial is ours to place. It was waiting, and is now `dialing`; nobody is told so twice."""
        async with self._database.begin() as connection:
            claimed = await connection.execute(
                update(dials)
                .where(dials.c.id == dial_id, dials.c.state == "pending")
                .values(state="dialing", dialed=now)
            )
            return claimed.rowcount == 1

    async def save(self, changed: Iterable[Dial]) -> None:
        """Write down how dials stand now. A row that is further on already, or final, stays as it is."""
        async with self._database.begin() as connection:
            for dial in changed:
                await connection.execute(
                    update(dials)
                    .where(dials.c.id == dial.id, dials.c.state.in_(states_up_to(dial.state)))
                    .values(
                        state=dial.state,
                        reason=dial.reason,
                        call_sid=func.coalesce(dial.call_sid, dials.c.call_sid),
                        machine=dial.machine,
                        unwanted=dial.unwanted,
                    )
                )

    async def get(self, dial_id: str) -> Dial | None:
        """The dial of this id."""
        async with self._database.begin() as connection:
            row = (await connection.execute(select(dials).where(dials.c.id == dial_id))).one_or_none()
            return _dial(row) if row is not None else None

    async def open(self) -> list[Dial]:
        """The dials that are not over, the oldest first."""
        async with self._database.begin() as connection:
            rows = await connection.execute(select(dials).where(dials.c.state.not_in(FINAL)).order_by(dials.c.created))
            return [_dial(row) for row in rows]

    async def others(self, dial_id: str, call_sids: Collection[str]) -> set[str]:
        """Which of these calls belong to other dials than this."""
        async with self._database.begin() as connection:
            rows = await connection.execute(
                select(dials.c.call_sid).where(dials.c.call_sid.in_(call_sids), dials.c.id != dial_id)
            )
            return set(rows.scalars())


def _dial(row: Row[Any]) -> Dial:
    return Dial(**{name: getattr(row, name) for name in _FIELDS})
