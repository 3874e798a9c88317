"""Events of calls on their way to webhooks: written down in the transaction of what they tell of, sent later."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.core.records import LOST, Happened, MessageTaken
from phoneagent.core.webhooks import Event
from phoneagent.store.database import as_json, upsert
from phoneagent.store.models import deliveries, webhooks

FAILED = ("failed", LOST)  # the outcomes for which nobody is to blame but the service


async def announce(
    connection: AsyncConnection, event: Event, event_id: str, call_id: str, at: datetime, data: Mapping[str, Any]
) -> None:
    """Have an event of a call sent to every webhook that wants it, once: the same `event_id` again changes nothing.

    `event_id` is letters, digits, `_` and `-`, as in `f"{call_id}_ended"`: receivers know the event again by it, and it
    is signed between full stops. `data` is for JSON, and of a call begins with what `call_data` says.
    """
    enabled = select(webhooks.c.id, webhooks.c.events).where(webhooks.c.disabled.is_(None))
    # none is removed before the messages to it are written down, which would be refused; or disabled, which fails them
    found = await connection.execute(enabled.with_for_update(read=True))
    wanting = [webhook.id for webhook in found if event in webhook.events.split()]
    if not wanting:
        return
    message = {"type": event, "timestamp": _written(at), "data": data}
    body = as_json(message)
    rows = [
        {
            "id": secrets.token_hex(8),
            "webhook_id": webhook_id,
            "event_id": event_id,
            "event": event,
            "call_id": call_id,
            "body": body,
            "created": at,
            "state": "pending",
            "due": at,
        }
        for webhook_id in wanting
    ]
    await connection.execute(
        upsert(connection, deliveries)
        .values(rows)
        .on_conflict_do_nothing(index_elements=[deliveries.c.webhook_id, deliveries.c.event_id])
    )


async def announce_begun(connection: AsyncConnection, call: Mapping[str, Any]) -> None:
    """A call has begun; `call` is its row."""
    await announce(connection, "call.started", f"{call['id']}_started", call["id"], call["began"], call_data(call))


async def announce_over(connection: AsyncConnection, call: Mapping[str, Any]) -> None:
    """A call is over, or has failed."""
    event: Event = "call.failed" if call["outcome"] in FAILED else "call.ended"
    await announce(connection, event, f"{call['id']}_ended", call["id"], call["ended"], call_data(call))


async def announce_transfer(connection: AsyncConnection, call: Mapping[str, Any], happened: Happened) -> None:
    """The caller has been put through to a person. They may come back, and be put through again."""
    at = call["began"] + timedelta(seconds=happened.at_s)
    data = call_data(call) | {"transfer": dict(happened.data)}
    await announce(connection, "call.transferred", f"{call['id']}_transferred_{happened.number}", call["id"], at, data)


async def announce_message(connection: AsyncConnection, call: Mapping[str, Any], taken: MessageTaken) -> None:
    """The caller has left a message."""
    message = {"message_id": taken.message_id, "text": taken.text, "callback_number": taken.callback_number}
    data = call_data(call) | {"message": message}
    await announce(connection, "message.taken", f"{taken.message_id}_taken", call["id"], taken.at, data)


async def announce_summary(connection: AsyncConnection, call: Mapping[str, Any], at: datetime) -> None:
    """There is a summary of a call, or the fields that were found in it."""
    data = call_data(call) | {"summary": call["summary"], "extracted": call["extracted"]}
    await announce(connection, "call.summarized", f"{call['id']}_summarized", call["id"], at, data)


def call_data(call: Mapping[str, Any]) -> dict[str, Any]:
    """What receivers are told of a call, from its row in `calls`; docs/webhooks.md describes it."""
    return {
        "call_id": call["id"],
        "call_sid": call["call_sid"],
        "direction": call["direction"],
        "caller": call["caller"],
        "called": call["called"],
        "agent": call["agent"],
        "agent_version": call["agent_version"],
        "began": _written(call["began"]),
        "streamed": call["streamed"] and _written(call["streamed"]),
        "ended": call["ended"] and _written(call["ended"]),
        "outcome": call["outcome"],
        "reason": call["reason"],
        "duration_s": call["duration_s"],
        "turn_count": call["turn_count"],
        "usd": f"{call['usd']:f}",
    }


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
