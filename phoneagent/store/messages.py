"""Messages that callers have left with an agent, without what must not be kept (docs/privacy.md)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import insert, select

from phoneagent.core.redaction import Redactor
from phoneagent.store.database import Database
from phoneagent.store.models import messages


@dataclass(frozen=True, slots=True)
class Message:
    """What a caller wants to be known. `callback_number` is as the caller said it, unchecked."""

    id: str
    call_id: str
    agent: str
    caller: str = field(repr=False)
    text: str = field(repr=False)
    callback_number: str | None = field(repr=False)
    created: datetime


class Messages:
    """The messages of all calls."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock
        self._redactor = Redactor()

    async def add(self, call_id: str, agent: str, caller: str, text: str, callback_number: str | None) -> None:
        """Keep a message. Raises StoreError."""
        async with self._database.begin() as connection:
            await connection.execute(
                insert(messages).values(
                    id=secrets.token_hex(8),
                    call_id=call_id,
                    agent=agent,
                    caller=caller,
                    text=self._redactor.text(text),
                    callback_number=callback_number,
                    created=self._clock(),
                )
            )

    async def newest(self, count: int = 100) -> list[Message]:
        """The last messages, the newest first. Raises StoreError."""
        async with self._database.begin() as connection:
            rows = await connection.execute(select(messages).order_by(messages.c.created.desc()).limit(count))
            return [Message(**row._mapping) for row in rows]
