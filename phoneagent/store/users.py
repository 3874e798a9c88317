"""Users of the console."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.scopes import ROLES, Role, Scope
from phoneagent.store.database import Database
from phoneagent.store.models import sessions, users
from phoneagent.store.passwords import LONGEST, SHORTEST, Passwords

LONGEST_NAME = 50

Refusal = Literal["bad_name", "bad_password", "name_taken", "last_admin"]


class UserRefusedError(Exception):
    """A user who can't be as wanted: `refusal` is a word for programs, the text a sentence for people."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class User:
    """Who may log in to the console, without their password."""

    id: str
    name: str
    role: Role
    created: datetime
    last_login: datetime | None = None

    @property
    def scopes(self) -> frozenset[Scope]:
        """What they may do."""
        return ROLES[self.role]


class Users:
    """All users. Every method raises StoreError; those that take an id return False if there is none."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def add(self, name: str, role: Role, password: str) -> User:
        """A new user. Names are the same however they are capitalised. Raises UserRefusedError."""
        user = User(secrets.token_hex(8), _good_name(name), role, self._clock())
        hash_ = await self._good_hash(password)
        values = {"id": user.id, "name": user.name, "role": role, "password": hash_, "created": user.created}
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(users).values(values))
        except IntegrityError:
            raise UserRefusedError("name_taken", f"there is a user {user.name!r} already") from None
        return user

    async def list(self) -> list[User]:
        """All users, by their names."""
        async with self._database.look() as connection:
            return [_user(row) for row in await connection.execute(select(users).order_by(users.c.name))]

    async def named(self, name: str) -> User | None:
        """The user of this name."""
        row = await self._row(name)
        return None if row is None else _user(row)

    async def exist(self) -> bool:
        """Whether there is any."""
        async with self._database.look() as connection:
            return (await connection.execute(select(users.c.id).limit(1))).first() is not None

    async def check(self, name: str, password: str) -> User | None:
        """The user of this name and password, whose login is noted. None takes as long for a name that nobody has."""
        if len(password) > LONGEST:
            return None
        row = await self._row(name)
        hash_ = None if row is None else row.password
        if not await self._passwords.matches(hash_, password) or row is None:
            return None
        now = self._clock()
        values: dict[str, Any] = {"last_login": now}
        if self._passwords.outdated(row.password):
            values["password"] = await self._passwords.hash(password)
        async with self._database.begin() as connection:
            # the password may have been changed while we compared
            same = (users.c.id == row.id) & (users.c.password == row.password)
            if (await connection.execute(update(users).where(same).values(values))).rowcount == 0:
                return None
        return User(row.id, row.name, row.role, row.created, now)

    async def set_password(self, user_id: str, password: str, *, keep: str | None = None) -> bool:
        """Another password, which ends the user's sessions but for the one whose hash is `keep`.

        Raises UserRefusedError.
        """
        hash_ = await self._good_hash(password)
        async with self._database.begin() as connection:
            changed = await connection.execute(update(users).where(users.c.id == user_id).values(password=hash_))
            await _end_sessions(connection, user_id, keep)
            return changed.rowcount == 1

    async def set_role(self, user_id: str, role: Role, *, even_last: bool = False) -> bool:
        """Another role, which ends the user's sessions. Raises UserRefusedError for the last admin but `even_last`."""
        async with self._database.begin() as connection:
            if role != "admin" and not even_last:
                await _spare_last_admin(connection, user_id)
            changed = await connection.execute(update(users).where(users.c.id == user_id).values(role=role))
            await _end_sessions(connection, user_id)
            return changed.rowcount == 1

    async def remove(self, user_id: str, *, even_last: bool = False) -> bool:
        """Forget a user, and end their sessions. Raises UserRefusedError for the last admin but `even_last`."""
        async with self._database.begin() as connection:
            if not even_last:
                await _spare_last_admin(connection, user_id)
            return (await connection.execute(delete(users).where(users.c.id == user_id))).rowcount == 1

    async def _row(self, name: str) -> Row[Any] | None:
        async with self._database.look() as connection:
            return (await connection.execute(select(users).where(users.c.name == folded(name)))).one_or_none()

    async def _good_hash(self, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST:
            raise UserRefusedError("bad_password", f"a password must have {SHORTEST} to {LONGEST} characters")
        return await self._passwords.hash(password)


async def _end_sessions(connection: AsyncConnection, user_id: str, keep: str | None = None) -> None:
    ending = delete(sessions).where(sessions.c.user_id == user_id)
    await connection.execute(ending if keep is None else ending.where(sessions.c.hash != keep))


async def _spare_last_admin(connection: AsyncConnection, user_id: str) -> None:
    admins = await connection.execute(select(users.c.id).where(users.c.role == "admin").with_for_update())
    if list(admins.scalars()) == [user_id]:
        raise UserRefusedError("last_admin", "this is the last admin: make another user one first")


def _good_name(name: str) -> str:
    good = folded(name)
    if not (1 <= len(good) <= LONGEST_NAME and good.isprintable()):
        raise UserRefusedError("bad_name", f"a name must have 1 to {LONGEST_NAME} characters that can be seen")
    return good


def folded(name: str) -> str:
    """The name as it is kept, however it was written."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _user(row: Row[Any]) -> User:
    return User(row.id, row.name, row.role, row.created, row.last_login)
