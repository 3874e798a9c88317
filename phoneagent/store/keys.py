"""API keys: shown once, kept as hashes."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from phoneagent.core.scopes import SCOPES, USUAL, Scope
from phoneagent.store.database import Database
from phoneagent.store.models import api_keys

PREFIX = "pa"
_NO_KEY = "this is no API key of this service"
NOTED_EVERY = timedelta(minutes=1)  # at most so often a key's use is written down


class KeyRefusedError(Exception):
    """A key that opens nothing. `known`: it was one of ours, but is revoked or has expired."""

    def __init__(self, message: str, *, known: bool) -> None:
        super().__init__(message)
        self.known = known


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is remembered, which is without its secret."""

    id: str
    name: str
    created: datetime
    scopes: frozenset[Scope] = USUAL
    last_used: datetime | None = None
    expires: datetime | None = None
    revoked: datetime | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether it is good for that."""
        return scope in self.scopes or "admin" in self.scopes

    def refused_at(self, now: datetime) -> str | None:
        """Why it opens nothing any more; None if it does."""
        if self.revoked is not None:
            return "the API key has been revoked"
        if self.expires is not None and self.expires <= now:
            return "the API key has expired"
        return None


class ApiKeys:
    """The keys of this service: `pa_<id>_<secret>`."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, name: str, scopes: Collection[Scope] = USUAL, *, lifetime: timedelta | None = None
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which can't be had again."""
        now = self._clock()
        key = ApiKey(secrets.token_hex(4), name, now, frozenset(scopes), expires=now + lifetime if lifetime else None)
        secret = secrets.token_urlsafe(32)
        async with self._database.begin() as connection:
            await connection.execute(
                insert(api_keys).values(
                    id=key.id,
                    name=key.name,
                    hash=_hash(secret),
                    created=key.created,
                    expires=key.expires,
                    scopes=" ".join(sorted(key.scopes)),
                )
            )
        return key, f"{PREFIX}_{key.id}_{secret}"

    async def list(self) -> list[ApiKey]:
        """All keys, the oldest first."""
        async with self._database.begin() as connection:
            rows = await connection.execute(select(api_keys).order_by(api_keys.c.created))
            return [_key(row) for row in rows]

    async def check(self, text: str) -> ApiKey:
        """The key that this is the text of; its use is noted. Raises KeyRefusedError."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        now = self._clock()
        if prefix != PREFIX or not secret:  # for which the database need not be asked
            raise KeyRefusedError(_NO_KEY, known=False)
        async with self._database.begin() as connection:
            row = (await connection.execute(select(api_keys).where(api_keys.c.id == key_id))).one_or_none()
            if row is None or not hmac.compare_digest(_hash(secret), row.hash):
                raise KeyRefusedError(_NO_KEY, known=False)
            key = _key(row)
            if (reason := key.refused_at(now)) is not None:
                raise KeyRefusedError(reason, known=True)
            if key.last_used is None or now - key.last_used >= NOTED_EVERY:
                await connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(last_used=now))
        return key

    async def revoke(self, name_or_id: str) -> int:
        """Revoke the key of this id, or all of this name. Returns how many it were; a revoked one counts no more."""
        async with self._database.begin() as connection:
            result = await connection.execute(
                update(api_keys)
                .where(or_(api_keys.c.id == name_or_id, api_keys.c.name == name_or_id), api_keys.c.revoked.is_(None))
                .values(revoked=self._clock())
            )
            return result.rowcount

    async def delete(self, key_id: str) -> None:
        """Forget a key altogether."""
        async with self._database.begin() as connection:
            await connection.execute(delete(api_keys).where(api_keys.c.id == key_id))


def _hash(secret: str) -> str:
    return sha256(
        secret.encode()
    ).hexdigest()  # 256 random bits: there is nothing to guess, and no need for a slow hash


def _key(row: Row[Any]) -> ApiKey:
    scopes = frozenset(scope for scope in SCOPES if scope in row.scopes.split())
    return ApiKey(row.id, row.name, row.created, scopes, row.last_used, row.expires, row.revoked)
