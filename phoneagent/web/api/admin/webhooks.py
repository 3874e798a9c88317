"""Webhooks: who is told of what happens on calls, and whether it has arrived."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Annotated

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from phoneagent.core.webhooks import EVENTS, DeliveryState, Event
from phoneagent.records.sending import Sender, url_problem
from phoneagent.store.webhooks import Webhook
from phoneagent.web.access.principal import Principal
from phoneagent.web.api.backend import Backend, Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import MayAdminister, needs
from phoneagent.web.api.models import CLEAN, Name
from phoneagent.web.api.router import router

routes = router("webhooks")

WebhookId = Annotated[str, Path(description="The webhook's id.")]
DeliveryId = Annotated[str, Path(description="The delivery's id.")]


class WantedWebhook(BaseModel):
    """A webhook to be added. One in a private network is added by `phoneagent webhooks add --allow-private`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.com/calls", "events": ["call.ended"]}]},
    )

    url: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=CLEAN)]
    events: Annotated[list[Event], Field(min_length=1, max_length=len(EVENTS), description="What it is told of.")]


class WebhookShown(BaseModel):
    """Who is told of what, without the secret."""

    id: str
    url: str
    events: list[str]
    allow_private: Annotated[bool, Field(description="Whether it may be at any address, and over http.")]
    created: datetime
    disabled: datetime | None
    disabled_because: Annotated[str | None, Field(description="null: somebody wanted so.")]


class WebhookList(BaseModel):
    """All webhooks, the oldest first."""

    webhooks: list[WebhookShown]


class Secret(BaseModel):
    """What a webhook's messages are signed with."""

    id: Annotated[str, Field(description="The webhook's id.")]
    secret: Annotated[str, Field(description="`whsec_…`. It is not shown again.")]


class Tried(BaseModel):
    """What came of a message of the type `webhook.test`."""

    status: Annotated[int | None, Field(description="What it answered, if it did.")]
    problem: Annotated[str | None, Field(description="null: the message arrived.")]
    took_ms: int


class DeliveryShown(BaseModel):
    """A message to a webhook. `status` and `problem` are of the last attempt."""

    id: str
    webhook_id: str
    event: str
    call_id: str | None
    created: datetime
    state: DeliveryState
    attempts: int
    tried: datetime | None
    due: Annotated[datetime | None, Field(description="When the next attempt is.")]
    status: int | None
    problem: str | None


class DeliveryList(BaseModel):
    """Messages, the newest first."""

    deliveries: list[DeliveryShown]


class DeliveryQuery(BaseModel):
    """Which messages are wanted."""

    model_config = ConfigDict(extra="forbid")

    webhook: Name | None = None
    state: DeliveryState | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@routes.get("/webhooks", dependencies=[needs("admin")])
async def list_webhooks(backend: Given) -> WebhookList:
    """Who is told of what happens on calls."""
    return WebhookList(webhooks=[_shown(webhook) for webhook in await backend.store.webhooks.list()])


@routes.post("/webhooks", status_code=201, responses=declared(400, 408, 413), openapi_extra=body(WantedWebhook))
async def add_webhook(request: Request, backend: Given, principal: MayAdminister) -> Secret:
    """Have somebody told. The secret is shown this once."""
    wanted = await read(request, WantedWebhook)
    if (problem := url_problem(wanted.url, allow_private=False)) is not None:
        raise ApiError(422, "bad_url", f"url {problem}")
    webhook, secret = await backend.store.webhooks.add(wanted.url, wanted.events)
    await _note(backend, principal, "webhook.add", webhook.id, url=webhook.url, events=list(webhook.events))
    return Secret(id=webhook.id, secret=secret)


@routes.delete("/webhooks/{id}", status_code=204, responses=declared(404))
async def remove_webhook(id: WebhookId, backend: Given, principal: MayAdminister) -> None:
    """Forget a webhook, and what was to be sent to it."""
    found = await _webhook(backend, id)
    await backend.store.webhooks.remove(id)
    await _note(backend, principal, "webhook.remove", id, url=found.url)


@routes.post("/webhooks/{id}/enable", status_code=204, responses=declared(404))
async def enable_webhook(id: WebhookId, backend: Given, principal: MayAdminister) -> None:
    """Tell it of what happens from now on."""
    if not await backend.store.webhooks.enable(id):
        raise _unknown()
    await _note(backend, principal, "webhook.enable", id)


@routes.post("/webhooks/{id}/disable", status_code=204, responses=declared(404))
async def disable_webhook(id: WebhookId, backend: Given, principal: MayAdminister) -> None:
    """Tell it of nothing any more; what waits to be sent to it has failed."""
    if not await backend.store.webhooks.disable(id):
        raise _unknown()
    await _note(backend, principal, "webhook.disable", id)


@routes.post("/webhooks/{id}/rotate", responses=declared(404))
async def rotate_secret(id: WebhookId, backend: Given, principal: MayAdminister) -> Secret:
    """Give it a new secret, shown this once. The one before signs, too, for 24 hours."""
    if (secret := await backend.store.webhooks.rotate(id)) is None:
        raise _unknown()
    await _note(backend, principal, "webhook.rotate", id)
    return Secret(id=id, secret=secret)


@routes.post("/webhooks/{id}/test", responses=declared(404))
async def test_webhook(id: WebhookId, backend: Given, principal: MayAdminister) -> Tried:
    """Send a message of the type `webhook.test` now, and say what was answered."""
    if (target := await backend.store.webhooks.target(id)) is None:
        raise _unknown()
    await _note(backend, principal, "webhook.test", id)
    sender = await asyncio.to_thread(Sender)  # it reads all the authorities
    began = time.monotonic()
    try:
        answer = await sender.test(target)
    finally:
        await sender.close()
    took_ms = round((time.monotonic() - began) * 1000)
    return Tried(status=answer.status, problem=answer.problem, took_ms=took_ms)


@routes.get("/deliveries", dependencies=[needs("admin")])
async def list_deliveries(query: Annotated[DeliveryQuery, Query()], backend: Given) -> DeliveryList:
    """What was sent to webhooks, or is to be."""
    found = await backend.store.deliveries.newest(query.limit, webhook_id=query.webhook, state=query.state)
    return DeliveryList(deliveries=[DeliveryShown.model_validate(each, from_attributes=True) for each in found])


@routes.post("/deliveries/{id}/redeliver", status_code=202, responses=declared(409))
async def redeliver(id: DeliveryId, backend: Given, principal: MayAdminister) -> None:
    """Send a message once more, with all its attempts anew."""
    if not await backend.store.deliveries.redeliver(id):
        raise ApiError(409, "not_sent", "there is no such delivery, or its webhook is disabled: enable it first")
    await _note(backend, principal, "delivery.redeliver", id)


async def _webhook(backend: Backend, id: str) -> Webhook:
    if (found := next((each for each in await backend.store.webhooks.list() if each.id == id), None)) is None:
        raise _unknown()
    return found


async def _note(backend: Backend, principal: Principal, action: str, id: str, **data: object) -> None:
    await backend.store.audit.note(principal.name, principal.kind, action, data={"id": id, **data})


def _unknown() -> ApiError:
    return ApiError(404, "unknown_webhook", "there is no such webhook")


def _shown(webhook: Webhook) -> WebhookShown:
    return WebhookShown.model_validate(webhook, from_attributes=True)
