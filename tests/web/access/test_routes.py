"""Who gets what: every route of the service, for everybody. The routes are found, the rules are written down here; a
route without a rule fails."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import pytest_asyncio
import websockets
from starlette.routing import Mount

from phoneagent.app import Service
from phoneagent.core.scopes import ROLES, SCOPES, Role, Scope
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.store import Store
from phoneagent.web.access.access import COOKIE, csrf_of
from phoneagent.web.api.guard import CSRF_HEADER
from tests.calls.service import serving, write_agent
from tests.console.calls import kept
from tests.store.entries import call
from tests.web.api.test_guard import ROUTES as API
from tests.web.service import WITHIN_S

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one house for all: nobody but an admin does anything in it

PAGES = {  # and the scope that each needs
    "/": "read",
    "/calls": "read",
    "/calls/{id}": "read",
    "/calls/{id}/call.json": "read",
    "/calls/{id}/transcript.txt": "read",
    "/agents": "read",
    "/agents/{name}": "read",
    "/agents/{name}/versions/{version}": "read",
    "/phone": "call",
    "/numbers": "read",
    "/settings": "read",
    "/settings/service": "admin",
    "/settings/users": "admin",
    "/settings/keys": "admin",
    "/settings/webhooks": "admin",
    "/settings/audit": "admin",
}
FOR_ALL = {("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("GET", "/api/openapi.json")}
HEALTH = {("GET", "/healthz"), ("GET", "/readyz")}
TWILIO = {
    *((method, "/incoming") for method in ("GET", "POST")),
    *(("POST", f"/{path}") for path in ("stream-ended", "next", "status", "machine")),
    *(("POST", f"/transfer-{path}") for path in ("ended", "human", "answer", "status", "room")),
}
SOCKETS = {"/media-stream", "/media-stream/"}  # by a signature or a ticket

STRANGER, PLANTED = "nobody", "nobody, with a cookie of their own making"


@dataclass
class House:
    """The service, and everybody's headers."""

    service: Service
    http: httpx.AsyncClient
    people: dict[str, tuple[dict[str, str], frozenset[Scope]]]

    @property
    def applications(self) -> tuple[Any, Any, Any]:
        """The three: webhooks, API, console."""
        app = self.service.server.config.app
        site = app.router.default._app
        return app, site._api.app, site._console.app

    async def status(self, who: str, method: str, path: str, **headers: str) -> int:
        """What somebody is answered. The body is none that anything is done with."""
        content = None if method == "GET" else "{"
        async with self.http.stream(method, path, content=content, headers=self.people[who][0] | headers) as response:
            return response.status_code


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    write_agent(folder)
    async with ScriptedModel() as model, serving(folder, model, PHONEAGENT_ADMIN_PASSWORD="correct horse") as service:
        async with kept(folder) as store:
            await store.entries.apply("an instance", call("c1"))
            people = {STRANGER: ({}, frozenset()), PLANTED: ({"Cookie": f"{COOKIE}=planted"}, frozenset())}
            for role in get_args(Role):
                people[role] = await person(store, role), ROLES[role]
            for scope in SCOPES:
                _, key = await store.keys.create(scope, [scope])
                people[f"a key for {scope}"] = {"Authorization": f"Bearer {key}"}, frozenset({scope})
        async with httpx.AsyncClient(base_url=service.url, timeout=WITHIN_S, trust_env=False) as http:
            yield House(service, http, people)


async def person(store: Store, role: Role) -> dict[str, str]:
    user = await store.users.add(role, role, "correct horse")
    cookie = await store.sessions.begin(user_id=user.id)
    return {"Cookie": f"{COOKIE}={cookie}", CSRF_HEADER: csrf_of(cookie)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("house")) as at_house:
        yield at_house


def routes_of(application: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of each route; WS for sockets."""
    for route in application.routes:
        if isinstance(route, Mount):
            yield "MOUNT", prefix + route.path
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router, prefix + route.include_context.prefix)
        else:
            for method in getattr(route, "methods", None) or {"WS"}:
                yield method, prefix + route.path


def filled(path: str, name: str) -> str:
    return re.sub(r"{[^}]+}", name, path)


def allowed(scopes: frozenset[Scope], scope: str) -> bool:
    return scope in scopes or "admin" in scopes


async def test_every_route_has_a_rule(at: House):
    webhooks, api, console = (set(routes_of(application)) for application in at.applications)
    assert {path for method, path in webhooks if method == "WS"} <= SOCKETS
    assert {each for each in webhooks if each[0] != "WS"} == TWILIO | HEALTH
    described = {route for route in api if route[0] not in ("HEAD", "WS")}
    assert described == {*API, ("GET", "/api/openapi.json")}
    pages = {each for each in console if each[0] not in ("HEAD", "MOUNT", "WS")} - FOR_ALL
    assert pages == {("GET", path) for path in PAGES}
    assert {path.split("/")[1] for method, path in console if method == "MOUNT"} == {"static"}


async def test_the_api_is_for_whom_the_rules_say(at: House):
    wrong = []
    for (method, path), scope in API.items():
        for who, (_, scopes) in at.people.items():
            ids = ("c1",) if allowed(scopes, scope) else ("nothing", "c1")
            answers = {await at.status(who, method, filled(path, id_)) for id_ in ids}
            if who in (STRANGER, PLANTED):
                right = answers == {401}
            elif not allowed(scopes, scope):
                right = answers == {403}  # be there such a call or not
            else:
                right = answers.isdisjoint({401, 403})
            wrong += [] if right else [(method, path, who, answers)]
    assert wrong == []


async def test_pages_are_for_whom_the_rules_say(at: House):
    wrong = []
    for path, scope in PAGES.items():
        for who, (_, scopes) in at.people.items():
            answers = {await at.status(who, "GET", filled(path, id_)) for id_ in ("nothing", "c1")}
            if who not in ROLES:
                right = answers == {303}  # to the login
            elif not allowed(scopes, scope):
                right = answers == {403}
            else:
                right = answers <= {200, 404}
            wrong += [] if right else [(path, who, answers)]
    assert wrong == []


async def test_a_cookie_alone_changes_nothing_anywhere(at: House):
    wrong = []
    for method, path in API:
        for headers in ({CSRF_HEADER: ""}, {CSRF_HEADER: "0" * 64}, {"Origin": "https://evil.example"}):
            if method != "GET" and (status := await at.status("admin", method, filled(path, "c1"), **headers)) != 403:
                wrong.append((method, path, headers, status))
    assert wrong == []


async def test_webhooks_are_twilios(at: House):
    for method, path in TWILIO:
        for who in at.people:
            assert await at.status(who, method, path) == 403, (path, who)


async def test_sockets_open_to_nobody_without_a_ticket(at: House):
    _, api, console = at.applications
    sockets = {path for application in (api, console) for method, path in routes_of(application) if method == "WS"}
    assert sockets == {"/api/calls/{id}/audio"}
    for path in sockets | SOCKETS:
        for who, (headers, _) in at.people.items():
            for query in ("", "?ticket=made-up"):
                url = at.service.url.replace("http", "ws", 1) + filled(path, "c1") + query
                for origin in (None, "https://evil.example", at.service.url):
                    with pytest.raises(websockets.InvalidStatus) as refused:
                        await websockets.connect(url, additional_headers=headers, origin=origin, proxy=None)
                    assert refused.value.response.status_code == 403, (path, who)
