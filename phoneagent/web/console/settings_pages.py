"""The pages below /settings: one's own account; and for admins who may do what, who is told what, what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from phoneagent.core.scopes import ROLES, SCOPES
from phoneagent.core.webhooks import DELIVERY_STATES, EVENTS
from phoneagent.store.audit import DeedFilter
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.api.admin.audit import read_cursor, write_cursor
from phoneagent.web.api.queries import CURSOR
from phoneagent.web.console.pages import render
from phoneagent.web.console.sees import Admin, Viewer
from phoneagent.web.console.sources import Given

DELIVERIES = 50
DEEDS = 50
_LONGEST = 100  # characters of what is asked for


@dataclass(frozen=True, slots=True)
class Part:
    """One of the pages."""

    path: str
    title: str


ACCOUNT = Part("/settings", "Account")
PARTS = (
    ACCOUNT,
    Part("/settings/service", "Service"),
    Part("/settings/users", "Users"),
    Part("/settings/keys", "API keys"),
    Part("/settings/webhooks", "Webhooks"),
    Part("/settings/audit", "Audit log"),
)

routes = APIRouter()


def _render(request: Request, template: str, visitor: Visitor, **values: Any) -> HTMLResponse:
    parts = PARTS if visitor.principal.allows("admin") else (ACCOUNT,)
    return render(request, f"settings/{template}.html", visitor, parts=parts, **values)


@routes.get("/settings")
async def account(request: Request, visitor: Viewer) -> HTMLResponse:
    return _render(request, "account", visitor)


@routes.get("/settings/service")
async def service(request: Request, sources: Given, visitor: Admin) -> HTMLResponse:
    return _render(request, "service", visitor, settings=sources.settings)


@routes.get("/settings/users")
async def users(request: Request, sources: Given, visitor: Admin) -> HTMLResponse:
    return _render(request, "users", visitor, users=await sources.store.users.list(), roles=tuple(ROLES))


@routes.get("/settings/keys")
async def keys(request: Request, sources: Given, visitor: Admin) -> HTMLResponse:
    now = datetime.now(UTC)
    found = [(key, key.refused_at(now)) for key in reversed(await sources.store.keys.list())]
    return _render(request, "keys", visitor, keys=found, scopes=SCOPES)


@routes.get("/settings/webhooks")
async def webhooks(request: Request, sources: Given, visitor: Admin) -> HTMLResponse:
    asked = _asked(request, "webhook", "state")
    state = next((state for state in DELIVERY_STATES if state == asked["state"]), None)
    found = await sources.store.webhooks.list()
    deliveries = await sources.store.deliveries.newest(DELIVERIES, webhook_id=asked["webhook"] or None, state=state)
    return _render(
        request,
        "webhooks",
        visitor,
        webhooks=found,
        urls={webhook.id: webhook.url for webhook in found},
        deliveries=deliveries,
        asked=asked,
        states=DELIVERY_STATES,
        events=EVENTS,
    )


@routes.get("/settings/audit")
async def audit(request: Request, sources: Given, visitor: Admin) -> HTMLResponse:
    asked = _asked(request, "actor", "action", "call")
    cursor = request.query_params.get("cursor", "")
    page = await sources.store.audit.page(
        DeedFilter(asked["actor"] or None, asked["action"] or None, asked["call"] or None),
        after=read_cursor(cursor) if CURSOR.fullmatch(cursor) else None,
        limit=DEEDS,
    )
    further = page.following and _query(asked | {"cursor": write_cursor(page.following)})
    deeds = [(deed, _in_words(deed.data)) for deed in page.deeds]
    return _render(request, "audit", visitor, deeds=deeds, asked=asked, further=further)


def _asked(request: Request, *names: str) -> dict[str, str]:
    """What the address asks for; empty texts for what it says nothing of."""
    return {name: request.query_params.get(name, "").strip()[:_LONGEST] for name in names}


def _query(asked: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in asked.items() if value})


def _in_words(data: Mapping[str, Any]) -> str:
    """What there is to say of a deed."""
    return ", ".join(f"{name}: {_listed(value)}" for name, value in data.items() if value is not None)


def _listed(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
