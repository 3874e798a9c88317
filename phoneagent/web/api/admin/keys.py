"""API keys: made, listed, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from phoneagent.core.scopes import SCOPES, Scope
from phoneagent.store.keys import ApiKey
from phoneagent.web.api.backend import Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import CHANGES_RIGHTS, MayAdminister, needs
from phoneagent.web.api.models import CLEAN
from phoneagent.web.api.router import router

routes = router("keys", CHANGES_RIGHTS)

KeyId = Annotated[str, Path(description="The key's id.")]


class WantedKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "dashboard", "scopes": ["read"], "days": 90}]}
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=CLEAN, strip_whitespace=True)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES), description="What it is good for.")]
    days: Annotated[
        int | None, Field(strict=True, ge=1, le=3650, description="After which it expires; null: never.")
    ] = None


class Key(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created: datetime
    last_used: datetime | None
    expires: datetime | None
    revoked: datetime | None
    good: Annotated[bool, Field(description="Whether it still opens anything.")]


class NewKey(Key):
    """A key that was just made."""

    text: Annotated[str, Field(description="The key itself, `pa_…`. It is not shown again.")]


class KeyList(BaseModel):
    """All keys, the oldest first."""

    keys: list[Key]


@routes.get("/keys", dependencies=[needs("admin")])
async def list_keys(backend: Given) -> KeyList:
    """The keys to this API, revoked ones, too."""
    return KeyList(keys=[Key.model_validate(_shown(key)) for key in await backend.store.keys.list()])


@routes.post("/keys", status_code=201, responses=declared(400, 408, 413), openapi_extra=body(WantedKey))
async def create_key(request: Request, backend: Given, principal: MayAdminister) -> NewKey:
    """Make a key. Its text is shown this once."""
    wanted = await read(request, WantedKey)
    lifetime = None if wanted.days is None else timedelta(days=wanted.days)
    key, text = await backend.store.keys.create(wanted.name, wanted.scopes, lifetime=lifetime)
    data = {"id": key.id, "name": key.name, "scopes": sorted(key.scopes), "days": wanted.days}
    await backend.store.audit.note(principal.name, principal.kind, "key.create", data=data)
    return NewKey.model_validate(_shown(key) | {"text": text})


@routes.delete("/keys/{id}", status_code=204, responses=declared(404, 409))
async def revoke_key(id: KeyId, backend: Given, principal: MayAdminister) -> None:
    """Make a key useless."""
    if principal.kind == "key" and principal.id == id:
        raise ApiError(409, "own_key", "a key can't revoke itself: use another, or the console")
    key = next((key for key in await backend.store.keys.list() if key.id == id and key.revoked is None), None)
    if key is None or not await backend.store.keys.revoke(key.id):
        raise ApiError(404, "unknown_key", "there is no key of this id that could be revoked")
    await backend.store.audit.note(principal.name, principal.kind, "key.revoke", data={"id": key.id, "name": key.name})


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "created": key.created,
        "last_used": key.last_used,
        "expires": key.expires,
        "revoked": key.revoked,
        "good": key.refused_at(datetime.now(UTC)) is None,
    }
