"""Webhooks: who is told of what happens on calls, and the secrets that prove that it was us."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from phoneagent.core.webhooks import Event
from phoneagent.store.database import Database
from phoneagent.store.models import deliveries, webhooks

SECRET_PREFIX = "whsec_"  # noqa: S105 - of secrets, by the Standard Webhooks specification
ROTATION = timedelta(hours=24)
"""How long the secret before signs, too."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of these events. `allow_private`: over http, too, and at any address. One that is `disabled` is told
    of nothing, for a reason if it was not its operator who wanted so."""

    id: str
    url: str
    events: tuple[str, ...]
    allow_private: bool
    created: datetime
    disabled: datetime | None = None
    disabled_because: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes, and what it is signed with: each of the secrets."""

    webhook_id: str
    url: str
    allow_private: bool
    secrets: tuple[str, ...] = field(repr=False)


class Webhooks:
    """All webhooks. Every method raises StoreError; those that take an id return None or False if there is none."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def add(self, url: str, events: Iterable[Event], *, allow_private: bool = False) -> tuple[Webhook, str]:
        """A new webhook, and its secret, which can't be had again."""
        webhook = Webhook(secrets.token_hex(4), url, tuple(dict.fromkeys(events)), allow_private, self._clock())
        secret = _new_secret()
        async with self._database.begin() as connection:
            await connection.execute(
                insert(webhooks).values(
                    id=webhook.id,
                    url=url,
                    allow_private=allow_private,
                    events=" ".join(webhook.events),
                    secret=secret,
                    created=webhook.created,
                )
            )
        return webhook, secret

    async def list(self) -> list[Webhook]:
        """All webhooks, the oldest first."""
        async with self._database.begin() as connection:
            rows = await connection.execute(select(webhooks).order_by(webhooks.c.created, webhooks.c.id))
            return [_webhook(row) for row in rows]

    async def remove(self, webhook_id: str) -> bool:
        """Forget a webhook, and what was to be sent to it."""
        async with self._database.begin() as connection:
            return (await connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))).rowcount == 1

    async def rotate(self, webhook_id: str) -> str | None:
        """A new secret, which can't be had again. The one before signs, too, for as long as ROTATION."""
        secret = _new_secret()
        until = self._clock() + ROTATION
        async with self._database.begin() as connection:
            changed = await connection.execute(
                update(webhooks)
                .where(webhooks.c.id == webhook_id)
                .values(secret=secret, old_secret=webhooks.c.secret, old_secret_until=until)
            )
            return secret if changed.rowcount == 1 else None

    async def enable(self, webhook_id: str) -> bool:
        """Tell it of what happens from now on."""
        async with self._database.begin() as connection:
            changed = await connection.execute(
                update(webhooks).where(webhooks.c.id == webhook_id).values(disabled=None, disabled_because=None)
            )
            return changed.rowcount == 1

    async def disable(self, webhook_id: str, because: str | None = None) -> bool:
        """Tell it of nothing any more; what waits to be sent to it has failed."""
        async with self._database.begin() as connection:
            changed = await connection.execute(
                update(webhooks)
                .where(webhooks.c.id == webhook_id)
                .values(disabled=self._clock(), disabled_because=because)
            )
            await connection.execute(
                update(deliveries)
                .where(deliveries.c.webhook_id == webhook_id, deliveries.c.state == "pending")
                .values(state="failed", due=None, problem="the webhook was disabled")
            )
            return changed.rowcount == 1

    async def target(self, webhook_id: str) -> Target | None:
        """Where its messages go."""
        async with self._database.begin() as connection:
            row = (await connection.execute(select(webhooks).where(webhooks.c.id == webhook_id))).one_or_none()
            return target(row, self._clock()) if row is not None else None


def target(webhook: Row[Any], now: datetime) -> Target:
    """Where messages go, of a row."""
    rotating = webhook.old_secret_until is not None and now < webhook.old_secret_until
    signing = (webhook.secret, webhook.old_secret) if rotating else (webhook.secret,)
    return Target(webhook.id, webhook.url, webhook.allow_private, signing)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        row.id,
        row.url,
        tuple(row.events.split()),
        row.allow_private,
        row.created,
        row.disabled,
        row.disabled_because,
    )
