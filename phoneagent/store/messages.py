"""Messages that callers have left with an agent; `store.entries` keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from phoneagent.store.database import Database
from phoneagent.store.models import messages


@dataclass(frozen=True, slots=True)
class Message:
    """What a caller wants to be known. `call_id` is our id of the call; `callback_number` is as the caller said it,
    unchecked."""

    id: str
    call_id: str
    agent: str
    caller: str = field(repr=False)
    text: str = field(repr=False)
    callback_number: str | None = field(repr=False)
    created: datetime


class Messages:
    """The messages of all calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, count: int = 100) -> list[Message]:
        """The last messages, the newest first. Raises StoreError."""
        async with self._database.look() as connection:
            newest = select(messages).order_by(messages.c.created.desc(), messages.c.id.desc()).limit(count)
            rows = await connection.execute(newest)
            return [Message(**row._mapping) for row in rows]
