"""Users of the console: added, listed, changed, removed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from phoneagent.core.scopes import Role
from phoneagent.store.passwords import LONGEST, SHORTEST
from phoneagent.store.users import LONGEST_NAME, Refusal, User, UserRefusedError
from phoneagent.web.access.principal import Principal
from phoneagent.web.api.backend import Backend, Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import CHANGES_RIGHTS, MayAdminister, needs
from phoneagent.web.api.models import CLEAN
from phoneagent.web.api.router import router

routes = router("users", CHANGES_RIGHTS)

UserId = Annotated[str, Path(description="The user's id.")]
Password = Annotated[str, StringConstraints(min_length=SHORTEST, max_length=LONGEST)]

_STATUS: dict[Refusal, int] = {"bad_name": 422, "bad_password": 422, "name_taken": 409, "last_admin": 409}


class WantedUser(BaseModel):
    """A user to be added."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"name": "ada", "role": "operator", "password": "correct horse battery"}]},
    )

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=CLEAN),
        Field(description="Letters in any case are the same name."),
    ]
    role: Role
    password: Password


class WantedRole(BaseModel):
    """Another role."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"role": "viewer"}]})

    role: Role


class WantedPassword(BaseModel):
    """Another password."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"password": "correct horse battery"}]}
    )

    password: Password


class UserShown(BaseModel):
    """Who may log in to the console."""

    id: str
    name: str
    role: Role
    created: datetime
    last_login: datetime | None


class UserList(BaseModel):
    """All users, by their names."""

    users: list[UserShown]


@routes.get("/users", dependencies=[needs("admin")])
async def list_users(backend: Given) -> UserList:
    """Who may log in to the console, beside whoever knows PHONEAGENT_ADMIN_PASSWORD."""
    return UserList(users=[_shown(user) for user in await backend.store.users.list()])


@routes.post("/users", status_code=201, responses=declared(400, 408, 409, 413), openapi_extra=body(WantedUser))
async def add_user(request: Request, backend: Given, principal: MayAdminister) -> UserShown:
    """Let somebody log in."""
    wanted = await read(request, WantedUser)
    try:
        user = await backend.store.users.add(wanted.name, wanted.role, wanted.password)
    except UserRefusedError as error:
        raise refused(error) from None
    await _note(backend, principal, "user.add", user, role=user.role)
    return _shown(user)


@routes.put(
    "/users/{id}/role",
    status_code=204,
    responses=declared(400, 404, 408, 409, 413),
    openapi_extra=body(WantedRole),
)
async def set_role(request: Request, id: UserId, backend: Given, principal: MayAdminister) -> None:
    """Give somebody else another role. They have to log in again."""
    wanted = await read(request, WantedRole)
    user = await _other(backend, id, principal)
    try:
        await backend.store.users.set_role(user.id, wanted.role)
    except UserRefusedError as error:
        raise refused(error) from None
    await _note(backend, principal, "user.role", user, role=wanted.role)


@routes.put(
    "/users/{id}/password",
    status_code=204,
    responses=declared(400, 404, 408, 409, 413),
    openapi_extra=body(WantedPassword),
)
async def set_password(request: Request, id: UserId, backend: Given, principal: MayAdminister) -> None:
    """Give somebody else another password. They have to log in again."""
    wanted = await read(request, WantedPassword)
    user = await _other(backend, id, principal)
    await backend.store.users.set_password(user.id, wanted.password)
    await _note(backend, principal, "user.password", user)


@routes.delete("/users/{id}", status_code=204, responses=declared(404, 409))
async def remove_user(id: UserId, backend: Given, principal: MayAdminister) -> None:
    """Let somebody else in no more."""
    user = await _other(backend, id, principal)
    try:
        await backend.store.users.remove(user.id)
    except UserRefusedError as error:
        raise refused(error) from None
    await _note(backend, principal, "user.remove", user)


async def _other(backend: Backend, id: str, principal: Principal) -> User:
    """The user of this id, who is not the one that asks."""
    if principal.kind == "user" and principal.id == id:
        raise ApiError(409, "oneself", "nobody does that to themselves: ask another admin")
    if (user := next((user for user in await backend.store.users.list() if user.id == id), None)) is None:
        raise ApiError(404, "unknown_user", "there is no such user")
    return user


async def _note(backend: Backend, principal: Principal, action: str, user: User, **data: str) -> None:
    await backend.store.audit.note(principal.name, principal.kind, action, data={"name": user.name, **data})


def refused(error: UserRefusedError) -> ApiError:
    """The error for a user who can't be as wanted."""
    return ApiError(_STATUS[error.refusal], error.refusal, str(error))


def _shown(user: User) -> UserShown:
    return UserShown.model_validate(user, from_attributes=True)
