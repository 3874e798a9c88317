"""Who may do what over the API."""

from __future__ import annotations

import re

from sqlalchemy import event

from tests.store.entries import call
from tests.web.api.desk import WANTED, said

ROUTES = {  # and the scope that each needs
    ("POST", "/api/calls"): "call",
    ("GET", "/api/calls"): "read",
    ("GET", "/api/calls.csv"): "read",
    ("GET", "/api/calls/{id}"): "read",
    ("DELETE", "/api/calls/{id}"): "call",
    ("GET", "/api/calls/{id}/transcript"): "read",
    ("GET", "/api/calls/{id}/recording"): "read",
    ("GET", "/api/calls/{id}/recording/peaks"): "read",
    ("GET", "/api/calls/{id}/live"): "read",
    ("GET", "/api/live"): "read",
    ("POST", "/api/phone"): "call",
    ("POST", "/api/calls/{id}/text"): "call",
    ("POST", "/api/calls/{id}/whisper"): "call",
    ("POST", "/api/calls/{id}/say"): "call",
    ("POST", "/api/calls/{id}/transfer"): "call",
    ("POST", "/api/calls/{id}/audio"): "call",
    ("GET", "/api/calls/{id}/costs"): "read",
    ("GET", "/api/costs"): "read",
    ("GET", "/api/statistics"): "read",
    ("GET", "/api/statistics/{chart}.csv"): "read",
    ("POST", "/api/calls/{id}/notes"): "read",
    ("PUT", "/api/calls/{id}/hold"): "admin",
    ("DELETE", "/api/calls/{id}/hold"): "admin",
    ("DELETE", "/api/calls/{id}/record"): "admin",
    ("GET", "/api/agents"): "read",
    ("GET", "/api/agents/{name}"): "read",
    ("PUT", "/api/agents/{name}"): "admin",
    ("DELETE", "/api/agents/{name}"): "admin",
    ("POST", "/api/agent-check"): "admin",
    ("POST", "/api/agent-edit"): "admin",
    ("GET", "/api/agents/{name}/versions"): "read",
    ("GET", "/api/agents/{name}/versions/{version}"): "read",
    ("GET", "/api/agent-schema"): "read",
    ("GET", "/api/account"): "read",
    ("PUT", "/api/account/password"): "read",
    ("DELETE", "/api/account/sessions"): "read",
    ("GET", "/api/settings"): "admin",
    ("GET", "/api/keys"): "admin",
    ("POST", "/api/keys"): "admin",
    ("DELETE", "/api/keys/{id}"): "admin",
    ("GET", "/api/users"): "admin",
    ("POST", "/api/users"): "admin",
    ("PUT", "/api/users/{id}/role"): "admin",
    ("PUT", "/api/users/{id}/password"): "admin",
    ("DELETE", "/api/users/{id}"): "admin",
    ("GET", "/api/webhooks"): "admin",
    ("POST", "/api/webhooks"): "admin",
    ("DELETE", "/api/webhooks/{id}"): "admin",
    ("POST", "/api/webhooks/{id}/enable"): "admin",
    ("POST", "/api/webhooks/{id}/disable"): "admin",
    ("POST", "/api/webhooks/{id}/rotate"): "admin",
    ("POST", "/api/webhooks/{id}/test"): "admin",
    ("GET", "/api/deliveries"): "admin",
    ("POST", "/api/deliveries/{id}/redeliver"): "admin",
    ("GET", "/api/audit"): "admin",
}
BY_SESSION = {("PUT", "/api/account/password"), ("DELETE", "/api/account/sessions")}  # and by no key
OTHERS = {"read": ("call",), "call": ("read",), "admin": ("read", "call")}


def filled(path: str, name: str) -> str:
    """The path of something that is called so."""
    return re.sub(r"{\w+}", name, path)


def statements(desk) -> list[str]:
    """What the database is asked from now on."""
    asked: list[str] = []

    def executed(connection, cursor, statement, *_) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    event.listen(desk.office.store._database._engine.sync_engine, "before_cursor_execute", executed)
    return asked


async def test_every_route_is_described_with_its_scope(api):
    paths = (await api.http.get("/api/openapi.json", headers={"Authorization": ""})).json()["paths"]
    described = {
        (method.upper(), path): route["security"][0]["key"][0]
        for path, methods in paths.items()
        for method, route in methods.items()
    }
    assert described == ROUTES


async def test_without_a_key_nothing_is_even_looked_for(api):
    await api.keep(*call())
    asked = statements(api)
    keys = {
        "": "no_key",
        "Bearer": "no_key",
        "Basic cGFfeDp5": "no_key",
        "Bearer pa_x_y": "wrong_key",
        "bearer x": "wrong_key",
    }
    for method, path in ROUTES:
        for authorization, error in keys.items():
            for id_ in ("c1", "nothing"):
                url, headers = filled(path, id_) + "?limit=x", {"Authorization": authorization}
                response = await api.http.request(method, url, content="{", headers=headers)
                assert said(response, 401, error), (method, path, authorization)
                assert response.headers["www-authenticate"] == "Bearer"
    assert all("api_keys" in statement for statement in asked)
    assert api.office.carrier.asked == 0


async def test_a_key_without_the_scope_learns_nothing(api):
    await api.keep(*call())
    keys = {scope: await api.key(*others) for scope, others in OTHERS.items()}
    asked = statements(api)
    for (method, path), scope in ROUTES.items():
        for id_ in ("c1", "nothing"):
            url = filled(path, id_) + "?limit=x"
            response = await api.http.request(method, url, content="{", headers=keys[scope])
            assert said(response, 403, "missing_scope", f"--scope {scope}"), (method, path)
    assert all("api_keys" in statement for statement in asked)
    assert api.office.carrier.asked == 0


async def test_a_key_with_the_scope_may(api):
    keys = {scope: await api.key(scope) for scope in OTHERS}
    api.drain.over = True  # or streams would go on
    for (method, path), scope in ROUTES.items():
        for headers in (keys[scope], keys["admin"]):
            await api.keep(*call())
            body = {"text": "x"} if path.endswith("notes") else WANTED
            response = await api.http.request(method, filled(path, "c1"), json=body, headers=headers)
            assert response.status_code not in (401, 403), (method, path)


async def test_what_is_not_there_is_said_in_the_same_form(api):
    assert said(await api.http.get("/api/nothing"), 404, "unknown_path")
    assert said(await api.http.get("/api/calls/"), 404, "unknown_path")


async def test_a_method_that_does_nothing_is_told_of_those_that_do(api):
    for method, path, allowed in [
        ("PUT", "/api/calls", "GET, POST"),
        ("POST", "/api/calls/c1", "DELETE, GET"),
        ("OPTIONS", "/api/calls/c1/hold", "DELETE, PUT"),
        ("HEAD", "/api/costs", "GET"),
        ("POST", "/api/openapi.json", "GET"),
    ]:
        response = await api.http.request(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)


async def test_a_fault_of_ours_is_said_in_the_same_form(api):
    api.office.store.calls.page = None
    assert said(await api.http.get("/api/calls"), 500, "failed")
