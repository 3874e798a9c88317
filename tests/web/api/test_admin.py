"""Administering over the API: by keys, and by whoever has logged in."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from phoneagent.store.audit import DeedFilter
from phoneagent.web.access.access import COOKIE, csrf_of
from phoneagent.web.api.guard import CSRF_HEADER
from tests.store.entries import call
from tests.web.api.desk import WANTED, Desk, said

PASSWORD, OTHER = "correct horse", "battery staple"


@pytest.fixture
async def at(api: Desk) -> Desk:
    api.office.store.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return api


async def user(at: Desk, name: str = "ada", role: str = "viewer") -> dict[str, str]:
    response = await at.http.post("/api/users", json={"name": name, "role": role, "password": PASSWORD})
    assert response.status_code == 201
    return response.json()


async def session(at: Desk, name: str) -> dict[str, str]:
    """The headers of a browser in which this user has logged in."""
    found = await at.office.store.users.named(name)
    cookie = await at.office.store.sessions.begin(user_id=found.id)
    return {"Authorization": "", "Cookie": f"{COOKIE}={cookie}", CSRF_HEADER: csrf_of(cookie)}


async def deeds(at: Desk, **wanted: str) -> list[tuple[str, str, str]]:
    page = await at.office.store.audit.page(DeedFilter(**wanted))
    return [(deed.kind, deed.actor, deed.action) for deed in reversed(page.deeds)]


async def test_a_key_is_made_shown_once_used_and_revoked(at):
    made = (await at.http.post("/api/keys", json={"name": " shop ", "scopes": ["read"], "days": 1})).json()
    headers = {"Authorization": f"Bearer {made['text']}"}
    assert (await at.http.get("/api/calls", headers=headers)).status_code == 200
    [listed] = [each for each in (await at.http.get("/api/keys")).json()["keys"] if each["id"] == made["id"]]
    assert listed["last_used"]
    assert "text" not in listed
    assert (listed["name"], listed["scopes"], listed["good"]) == ("shop", ["read"], True)
    assert (await at.http.delete(f"/api/keys/{made['id']}")).status_code == 204
    assert said(await at.http.get("/api/calls", headers=headers), 403, "key_refused", "revoked")
    assert said(await at.http.delete(f"/api/keys/{made['id']}"), 404, "unknown_key")
    assert await deeds(at) == [("key", "test", "key.create"), ("key", "test", "key.revoke")]
    [created] = (await at.office.store.audit.page(DeedFilter(action="key.create"))).deeds
    assert made["text"] not in str(created.data)


async def test_a_key_cannot_revoke_itself_nor_all_of_a_name(at):
    [own] = (await at.http.get("/api/keys")).json()["keys"]
    assert said(await at.http.delete(f"/api/keys/{own['id']}"), 409, "own_key")
    assert said(await at.http.delete("/api/keys/test"), 404, "unknown_key")


async def test_users_come_change_and_go(at):
    ada = await user(at)
    assert said(
        await at.http.post("/api/users", json={"name": "ADA", "role": "admin", "password": PASSWORD}), 409, "name_taken"
    )
    assert (await at.http.put(f"/api/users/{ada['id']}/role", json={"role": "operator"})).status_code == 204
    assert (await at.http.put(f"/api/users/{ada['id']}/password", json={"password": OTHER})).status_code == 204
    assert await at.office.store.users.check("ada", OTHER)
    [listed] = (await at.http.get("/api/users")).json()["users"]
    assert (listed["name"], listed["role"]) == ("ada", "operator")
    assert (await at.http.delete(f"/api/users/{ada['id']}")).status_code == 204
    assert said(await at.http.delete(f"/api/users/{ada['id']}"), 404, "unknown_user")
    actions = ["user.add", "user.role", "user.password", "user.remove"]
    assert await deeds(at) == [("key", "test", action) for action in actions]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"name": "ada", "role": "owner", "password": PASSWORD}, "bad_request"),
        ({"name": "ada", "role": "viewer", "password": "short"}, "bad_request"),
        ({"name": "a\nb", "role": "viewer", "password": PASSWORD}, "bad_name"),
    ],
)
async def test_a_user_who_cannot_be_is_refused(at, wanted, error):
    response = await at.http.post("/api/users", json=wanted)
    assert said(response, 422, error)
    assert wanted["password"] not in response.text


async def test_nobody_changes_themselves_nor_the_last_admin(at):
    ada = await user(at, "ada", "admin")
    headers = await session(at, "ada")
    for method, path, body in [
        ("PUT", "role", {"role": "viewer"}),
        ("PUT", "password", {"password": OTHER}),
        ("DELETE", "", None),
    ]:
        url = f"/api/users/{ada['id']}/{path}".rstrip("/")
        assert said(await at.http.request(method, url, json=body, headers=headers), 409, "oneself")
        if path != "password":
            assert said(await at.http.request(method, url, json=body), 409, "last_admin")
    assert (await at.http.get("/api/users", headers=headers)).status_code == 200


async def test_a_role_that_is_taken_away_counts_at_once(at):
    ada, headers = await user(at, "ada", "operator"), await session(at, "ada")
    assert (await at.http.get("/api/calls", headers=headers)).status_code == 200
    await at.http.put(f"/api/users/{ada['id']}/role", json={"role": "viewer"})
    assert said(await at.http.get("/api/calls", headers=headers), 401, "no_session")
    headers = await session(at, "ada")
    assert said(await at.http.post("/api/calls", json={}, headers=headers), 403, "missing_scope", "your role")


async def test_one_changes_ones_own_password_and_stays_in(at):
    await user(at)
    here, there = await session(at, "ada"), await session(at, "ada")
    wrong = {"old": OTHER, "password": OTHER}
    assert said(await at.http.put("/api/account/password", json=wrong, headers=here), 409, "wrong_password")
    right = {"old": PASSWORD, "password": OTHER}
    assert (await at.http.put("/api/account/password", json=right, headers=here)).status_code == 204
    assert (await at.http.get("/api/account", headers=here)).json() == {
        "kind": "user",
        "name": "ada",
        "scopes": ["read"],
    }
    assert said(await at.http.get("/api/account", headers=there), 401, "no_session")
    assert await at.office.store.users.check("ada", OTHER)
    noted = await deeds(at, actor="ada")
    assert noted == [("user", "ada", "login.failed"), ("user", "ada", "account.password")]


async def test_the_old_password_is_not_to_be_guessed(at):
    await user(at)
    headers = await session(at, "ada")
    wrong = {"old": "guess", "password": OTHER}
    for _ in range(10):
        assert said(await at.http.put("/api/account/password", json=wrong, headers=headers), 409, "wrong_password")
    response = await at.http.put("/api/account/password", json=wrong | {"old": PASSWORD}, headers=headers)
    assert said(response, 429, "too_many")
    assert int(response.headers["retry-after"]) > 0


async def test_one_logs_out_everywhere_else(at):
    await user(at)
    here, there = await session(at, "ada"), await session(at, "ada")
    assert (await at.http.delete("/api/account/sessions", headers=here)).json() == {"count": 1}
    assert (await at.http.get("/api/account", headers=here)).status_code == 200
    assert said(await at.http.get("/api/account", headers=there), 401, "no_session")


async def test_a_key_has_no_account(at):
    assert (await at.http.get("/api/account")).json() == {
        "kind": "key",
        "name": "test",
        "scopes": ["read", "call", "admin"],
    }
    assert said(await at.http.delete("/api/account/sessions"), 409, "no_account")
    wanted = {"old": PASSWORD, "password": OTHER}
    assert said(await at.http.put("/api/account/password", json=wanted), 409, "no_account")


# What a cookie alone is good for


CROSS_SITE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


async def test_a_cookie_alone_changes_nothing(at):
    await user(at, "ada", "admin")
    await user(at, "bob", "admin")
    ada, bob = await session(at, "ada"), await session(at, "bob")
    wanted = {"name": "shop", "scopes": ["read"]}
    for token in ({CSRF_HEADER: ""}, {CSRF_HEADER: bob[CSRF_HEADER]}, {CSRF_HEADER: ada[CSRF_HEADER][:-1]}):
        assert said(await at.http.post("/api/keys", json=wanted, headers=ada | token), 403, "csrf")
    for headers in CROSS_SITE:
        assert said(await at.http.post("/api/keys", json=wanted, headers=ada | headers), 403, "csrf")
    assert len((await at.http.get("/api/keys")).json()["keys"]) == 1
    own = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert (await at.http.post("/api/keys", json=wanted, headers=ada | own)).status_code == 201
    assert await deeds(at, action="key.create") == [("user", "ada", "key.create")]


async def test_a_page_from_elsewhere_reads_nothing_either(at):
    await user(at)
    headers = await session(at, "ada")
    for foreign in CROSS_SITE:
        assert said(await at.http.get("/api/calls", headers=headers | foreign), 403, "csrf")


async def test_a_cookie_that_is_none_lets_nobody_in(at):
    for cookie in ("", "x", "\u00e9", "x" * 5000):
        headers = {"Authorization": "", "Cookie": f"{COOKIE}={cookie}".encode()}
        response = await at.http.get("/api/calls", headers=headers)
        assert response.status_code == 401


# Webhooks


async def test_webhooks_come_change_and_go(at):
    made = (await at.http.post("/api/webhooks", json={"url": "https://example.com/", "events": ["call.ended"]})).json()
    assert made["secret"].startswith("whsec_")
    path = f"/api/webhooks/{made['id']}"
    await at.keep(*call())
    assert (await at.http.post(f"{path}/disable")).status_code == 204
    [listed] = (await at.http.get("/api/webhooks")).json()["webhooks"]
    assert listed["disabled"]
    assert "secret" not in listed
    [failed] = (await at.http.get("/api/deliveries", params={"state": "failed"})).json()["deliveries"]
    assert (failed["event"], failed["call_id"]) == ("call.ended", "c1")
    again = f"/api/deliveries/{failed['id']}/redeliver"
    assert said(await at.http.post(again), 409, "not_sent")
    assert (await at.http.post(f"{path}/enable")).status_code == 204
    assert (await at.http.post(again)).status_code == 202
    assert (await at.http.get("/api/deliveries", params={"webhook": made["id"]})).json()["deliveries"][0]["due"]
    assert (await at.http.post(f"{path}/rotate")).json()["secret"] != made["secret"]
    assert (await at.http.delete(path)).status_code == 204
    for method, url in [("DELETE", path), *(("POST", f"{path}/{word}") for word in ("enable", "disable", "rotate"))]:
        assert said(await at.http.request(method, url), 404, "unknown_webhook")
    words = ["add", "disable", "enable", "rotate", "remove"]
    assert [action for _, _, action in await deeds(at) if action != "delivery.redeliver"] == [
        f"webhook.{word}" for word in words
    ]


@pytest.mark.parametrize("url", ["http://example.com/", "https://127.0.0.1/", "https://10.0.0.1/", "ftp://x", "x"])
async def test_the_web_reaches_no_private_network(at, url):
    response = await at.http.post("/api/webhooks", json={"url": url, "events": ["call.ended"]})
    assert said(response, 422, "bad_url")


# The audit log, the settings


async def test_the_log_says_who_has_somebody_called(at):
    await user(at, "ada", "operator")
    placed = await at.http.post("/api/calls", json=WANTED, headers=await session(at, "ada"))
    [deed] = (await at.office.store.audit.page(DeedFilter(action="call.place"))).deeds
    assert (deed.kind, deed.actor, deed.call_id, deed.data) == ("user", "ada", placed.json()["id"], {"agent": "sales"})


async def test_the_log_is_read_by_pages(at):
    for number in range(5):
        await at.office.store.audit.note("ada" if number else "bob", "user", "say", "c1", {"number": number})
    found, cursor = [], None
    while cursor is not None or not found:
        query = {"limit": 2, "call": "c1"} | ({"cursor": cursor} if cursor else {})
        page = (await at.http.get("/api/audit", params=query)).json()
        found += page["deeds"]
        cursor = page["next"]
    assert sorted(each["data"]["number"] for each in found) == list(range(5))
    [one] = (await at.http.get("/api/audit", params={"actor": "bob"})).json()["deeds"]
    assert (one["kind"], one["action"], one["call_id"]) == ("user", "say", "c1")
    assert (await at.http.get("/api/audit", params={"cursor": "x"})).status_code == 422
