"""Whoever asks: who they are, and what they may do about themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from phoneagent.core.scopes import SCOPES, Scope
from phoneagent.store.passwords import LONGEST
from phoneagent.store.users import User, UserRefusedError
from phoneagent.web.access.access import CrowdedError
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.api.admin.users import Password, refused
from phoneagent.web.api.backend import Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import CHANGES_RIGHTS, MayRead, needs, visitor_of
from phoneagent.web.api.router import router

routes = router("account", CHANGES_RIGHTS)  # for everybody who may do anything


class Account(BaseModel):
    """Who asks."""

    kind: Annotated[
        Literal["key", "user", "local"],
        Field(description="An API key; somebody who has logged in; whoever sits at this machine, without a password."),
    ]
    name: str
    scopes: list[Scope]


class WantedOwnPassword(BaseModel):
    """Another password for oneself."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"old": "correct horse battery", "password": "staple battery horse"}]},
    )

    old: Annotated[str, StringConstraints(max_length=LONGEST)]
    password: Password


class Ended(BaseModel):
    """Sessions that were ended."""

    count: int


@routes.get("/account")
async def get_account(principal: MayRead) -> Account:
    """Who asks, and what they may do."""
    scopes = [scope for scope in SCOPES if principal.allows(scope)]
    return Account(kind=principal.kind, name=principal.name, scopes=scopes)


@routes.put(
    "/account/password",
    status_code=204,
    responses=declared(400, 408, 409, 413, 429),
    openapi_extra=body(WantedOwnPassword),
    dependencies=[needs("read")],
)
async def change_password(request: Request, backend: Given) -> None:
    """Change one's own password. It ends one's other sessions."""
    visitor, user = user_of(request)
    wanted = await read(request, WantedOwnPassword)
    access = backend.access
    peer = request.client.host if request.client else None
    here = visitor.session.hash  # counted by itself: who guesses elsewhere is in nobody's way
    if (wait_s := await access.throttle.attempt(user.name, peer, here)) is not None:
        raise ApiError(429, "too_many", f"too many attempts: try again in {wait_s} s", {"Retry-After": str(wait_s)})
    try:
        right = await access.knows(user.name, wanted.old, peer)
    except CrowdedError:
        raise ApiError(429, "too_many", "too many attempts at this moment: try again", {"Retry-After": "5"}) from None
    if not right:
        raise ApiError(409, "wrong_password", "the old password is wrong")
    access.throttle.succeeded(user.name, peer, here)
    try:
        await backend.store.users.set_password(user.id, wanted.password, keep=visitor.session.hash)
    except UserRefusedError as error:
        raise refused(error) from None
    await backend.store.audit.note(user.name, "user", "account.password")


@routes.delete("/account/sessions", responses=declared(409), dependencies=[needs("read")])
async def end_sessions(request: Request, backend: Given) -> Ended:
    """Log out everywhere else."""
    visitor = session_of(request)
    count = await backend.store.sessions.end_others(visitor.session)
    await backend.store.audit.note(
        visitor.principal.name, visitor.principal.kind, "account.sessions", data={"count": count}
    )
    return Ended(count=count)


def session_of(request: Request) -> Visitor:
    """Who has logged in. Raises ApiError for an API key."""
    if (visitor := visitor_of(request)) is None:
        raise ApiError(409, "no_account", "an API key has neither password nor sessions: log in to the console")
    return visitor


def user_of(request: Request) -> tuple[Visitor, User]:
    """Whose password is kept here. Raises ApiError for everybody else."""
    visitor = session_of(request)
    if (user := visitor.session.user) is None:
        raise ApiError(409, "no_account", "this password is not kept here: it is the setting PHONEAGENT_ADMIN_PASSWORD")
    return visitor, user
