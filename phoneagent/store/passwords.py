"""Passwords, which are kept as Argon2 hashes."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw

SHORTEST, LONGEST = 10, 1000  # characters
AT_ONCE = 2  # each takes 64 MiB, and a core for a tenth of a second

T = TypeVar("T")


class Passwords:
    """Makes hashes, and compares with them. Slow on purpose, and therefore in threads: the event loop has calls."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(parallelism=1)  # the other cores are the calls'
        self._room = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """The hash, with a salt and all that it takes to compare with it."""
        return await self._in_thread(lambda: self._hasher.hash(_prepared(password)))

    async def matches(self, hash_: str | None, password: str) -> bool:
        """Whether this is the hash of that password. None is nobody's: finding that out takes as long."""
        if hash_ is None:
            await self.hash(password)
            return False
        try:
            return await self._in_thread(lambda: self._hasher.verify(hash_, _prepared(password)))
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, hash_: str) -> bool:
        """Whether new hashes are made in another way than this one."""
        return self._hasher.check_needs_rehash(hash_)

    async def fingerprint(self, password: str) -> str:
        """64 characters that are always the same for one password, and as slow to guess it from as a hash is."""
        hasher = self._hasher
        raw = await self._in_thread(
            lambda: hash_secret_raw(
                _prepared(password),
                salt=b"phoneagent admin",
                time_cost=hasher.time_cost,
                memory_cost=hasher.memory_cost,
                parallelism=hasher.parallelism,
                hash_len=32,
                type=Type.ID,
            )
        )
        return raw.hex()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._room:
            return await asyncio.to_thread(work)


def _prepared(password: str) -> bytes:
    """The same for each way in which keyboards write the same characters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
