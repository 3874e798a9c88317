"""Sessions of the console: who has logged in, known by a cookie of which only a hash is kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, insert, or_, select, update

from phoneagent.store.database import Database
from phoneagent.store.models import sessions, users
from phoneagent.store.users import User

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)  # at most so often a session's use is written down


@dataclass(frozen=True, slots=True)
class Session:
    """A session in force: of a user, or of whom the `credential` let in."""

    hash: str
    user: User | None
    credential: str | None


class Sessions:
    """All sessions. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, *, user_id: str | None = None, credential: str | None = None) -> str:
        """A new session, as what is to stand in the cookie. Those that are over are forgotten."""
        text, now = secrets.token_urlsafe(32), self._clock()
        row = {"hash": hash_of(text), "user_id": user_id, "credential": credential}
        async with self._database.begin() as connection:
            over = or_(sessions.c.expires <= now, sessions.c.seen <= now - IDLE)
            await connection.execute(delete(sessions).where(over))
            await connection.execute(
                insert(sessions).values(row | {"created": now, "seen": now, "expires": now + LONGEST})
            )
        return text

    async def find(self, text: str) -> Session | None:
        """The session of a cookie, if it is in force."""
        hash_, now = hash_of(text), self._clock()
        found = select(
            sessions, *(users.c[name] for name in ("name", "role", "last_login")), users.c.created.label("since")
        )
        found = found.outerjoin(users, users.c.id == sessions.c.user_id).where(sessions.c.hash == hash_)
        async with self._database.look() as connection:
            row = (await connection.execute(found)).one_or_none()
        if row is None or row.expires <= now or row.seen <= now - IDLE:
            return None
        if now - row.seen >= SEEN_EVERY:
            async with self._database.begin() as connection:
                await connection.execute(update(sessions).where(sessions.c.hash == hash_).values(seen=now))
        user = User(row.user_id, row.name, row.role, row.since, row.last_login) if row.user_id is not None else None
        return Session(hash_, user, row.credential)

    async def end(self, text: str) -> None:
        """End the session of a cookie."""
        async with self._database.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.hash == hash_of(text)))

    async def end_others(self, session: Session) -> int:
        """End all other sessions of the same user or credential. Returns how many there were."""
        who = (
            sessions.c.credential == session.credential
            if session.user is None
            else sessions.c.user_id == session.user.id
        )
        async with self._database.begin() as connection:
            ended = await connection.execute(delete(sessions).where(who, sessions.c.hash != session.hash))
            return ended.rowcount


def hash_of(text: str) -> str:
    """What is kept of a cookie: 256 random bits need no slow hash."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()
