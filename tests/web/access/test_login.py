"""Logging in and out: who gets a session, of what kind, and until when."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from phoneagent.store import Store
from phoneagent.web.access.access import COOKIE, DEVICE_COOKIE, Access, CrowdedError
from phoneagent.web.access.failures import UNKNOWN, FailedLogins
from phoneagent.web.app import create_app
from phoneagent.web.console import Sources, create_console
from phoneagent.web.console.login import DEVICE_KEPT_S
from phoneagent.web.drain import Drain
from phoneagent.web.guard import guard_for
from phoneagent.web.headers import SecurityHeaders
from tests.store.new_database import store_at
from tests.web.service import PUBLIC_URL, Switchboard

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD, OTHER = "correct horse", "battery staple"
HERE, INTERNET = "127.0.0.1", "8.8.8.8"
LOCAL_URL = "http://127.0.0.1:8000"


@dataclass
class Door:
    """The console, and a browser before it."""

    store: Store
    http: httpx.AsyncClient

    async def log_in(self, name: str = "admin", password: str = PASSWORD, next: str = "/", **headers: str):
        return await self.http.post("/login", data={"name": name, "password": password, "next": next}, headers=headers)

    @property
    def cookie(self) -> str | None:
        return self.http.cookies.get(COOKIE)

    async def is_in(self) -> bool:
        response = await self.http.get("/")
        assert response.status_code in (200, 303)
        return response.status_code == 200

    async def csrf(self) -> str:
        return re.search(r'name="csrf-token" content="(\w+)"', (await self.http.get("/")).text)[1]


@asynccontextmanager
async def door(
    folder: Path,
    password: str | None = PASSWORD,
    *,
    peer: str = HERE,
    url: str = LOCAL_URL,
    public_url: str = PUBLIC_URL,
):
    store = await store_at(folder / "phoneagent.db")
    store.passwords._hasher = QUICK
    admin = password and await store.passwords.fingerprint(password)
    access = Access(store.users, store.sessions, store.passwords, store.audit, public_url, admin=admin)
    sources = Sources(access, store, lambda: (), lambda call_id: False, lambda call_id: False, None, ())
    site = SecurityHeaders(create_console(sources), https=True)
    app = create_app(Switchboard(), PUBLIC_URL, guard_for(PUBLIC_URL, ["token"]), Drain(), site=site)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 50_000)), base_url=url) as http:
        yield Door(store, http)
    await store.close()


@pytest.fixture
async def with_password(tmp_path: Path) -> AsyncIterator[Door]:
    async with door(tmp_path) as at_door:
        yield at_door


@pytest.fixture
async def without(tmp_path: Path) -> AsyncIterator[Door]:
    async with door(tmp_path, None, public_url=LOCAL_URL) as at_door:
        yield at_door


async def test_the_admins_password_lets_in(with_password):
    response = await with_password.log_in()
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert await with_password.is_in()


async def test_a_user_gets_in(with_password):
    await with_password.store.users.add("ada", "viewer", OTHER)
    await with_password.log_in("Ada", OTHER)
    page = (await with_password.http.get("/")).text
    assert '<meta name="visitor" content="ada">' in page
    assert '<meta name="scopes" content="read">' in page


@pytest.mark.parametrize(
    ("name", "password"), [("admin", OTHER), ("ada", PASSWORD), ("", ""), ("admin", ""), ("admin", PASSWORD * 100)]
)
async def test_nobody_else_does_and_learns_why_not(with_password, name, password):
    await with_password.store.users.add("ada", "viewer", OTHER)
    response = await with_password.log_in(name, password)
    assert response.status_code == 401
    assert "Name or password is wrong." in response.text
    assert with_password.cookie is None
    assert not await with_password.is_in()


async def test_whoever_is_not_in_is_sent_to_the_door_and_then_on(with_password):
    response = await with_password.http.get("/?agent=ada&x=%22")
    assert response.headers["location"] == "/login?next=%2F%3Fagent%3Dada%26x%3D%2522"
    form = (await with_password.http.get(response.headers["location"])).text
    assert 'name="next" value="/?agent=ada&amp;x=%22"' in form
    assert (await with_password.log_in(next="/?agent=ada")).headers["location"] == "/?agent=ada"


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "x", "/\t/evil.example"],
)
async def test_nobody_is_sent_elsewhere(with_password, elsewhere):
    assert (await with_password.log_in(next=elsewhere)).headers["location"] == "/"
    response = await with_password.http.get("/login", params={"next": elsewhere})
    assert (response.status_code, response.headers["location"]) == (303, "/")


async def test_the_name_is_text(with_password):
    response = await with_password.log_in('"><script>alert(1)</script>', OTHER, next='"><script>')
    assert "<script>" not in response.text


@pytest.mark.parametrize(
    ("peer", "url", "secure"),
    [
        (HERE, "http://127.0.0.1:8000", False),
        (HERE, "http://localhost:8000", False),
        (HERE, "http://[::1]", False),
        (HERE, PUBLIC_URL, True),
        ("172.17.0.1", "http://localhost:8000", True),
        (INTERNET, PUBLIC_URL, True),
    ],
)
async def test_the_cookie_is_for_us_only(tmp_path, peer, url, secure):
    async with door(tmp_path, peer=peer, url=url) as at_door:
        response = await at_door.log_in(Origin=url)
        session, device = (set(each.lower().split("; ")[1:]) for each in response.headers.get_list("set-cookie"))
        both = {"httponly", "samesite=lax"} | ({"secure"} if secure else set())
        assert session == both | {"path=/"}
        assert device == both | {"path=/login", f"max-age={DEVICE_KEPT_S}"}


async def test_nobody_logs_in_over_plain_http_from_elsewhere(tmp_path):
    async with door(tmp_path, peer="192.168.1.5", url="http://192.168.1.2:8000") as at_door:
        response = await at_door.log_in(Origin="http://192.168.1.2:8000")
        assert (response.status_code, at_door.cookie) == (403, None)
        assert "over plain http" in response.text


async def test_every_login_is_a_session_of_its_own(with_password):
    """A cookie that somebody has planted is never what a session is known by."""
    with_password.http.cookies.set(COOKIE, "planted", domain="127.0.0.1")
    await with_password.log_in()
    first = with_password.cookie
    with_password.http.cookies.clear()
    await with_password.log_in()
    assert "planted" != first != with_password.cookie
    with_password.http.cookies.clear()
    with_password.http.cookies.set(COOKIE, "planted")
    assert not await with_password.is_in()


async def test_whoever_logs_in_again_leaves_the_session_before(with_password):
    await with_password.log_in()
    before = with_password.cookie
    await with_password.log_in()
    with_password.http.cookies.clear()
    with_password.http.cookies.set(COOKIE, before)
    assert not await with_password.is_in()


async def test_logging_out_really_ends_the_session(with_password):
    await with_password.log_in()
    cookie = with_password.cookie
    response = await with_password.http.post("/logout", data={"csrf": await with_password.csrf()})
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert with_password.cookie is None
    with_password.http.cookies.set(COOKIE, cookie)
    assert not await with_password.is_in()


async def test_nobody_else_can_log_one_out(with_password):
    await with_password.log_in()
    csrf = await with_password.csrf()
    for fields, headers in [
        ({}, {}),
        ({"csrf": csrf[:-1]}, {}),
        ({"csrf": "é"}, {}),
        ({"csrf": csrf}, {"Origin": "https://evil.example"}),
        ({"csrf": csrf}, {"Origin": "null"}),
        ({"csrf": csrf}, {"Sec-Fetch-Site": "same-site"}),
    ]:
        assert (await with_password.http.post("/logout", data=fields, headers=headers)).status_code == 403
        assert await with_password.is_in()


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_nobody_else_can_log_one_in(with_password, headers):
    assert (await with_password.log_in(**headers)).status_code == 403
    assert with_password.cookie is None


async def test_another_password_for_the_service_ends_its_sessions(tmp_path):
    async with door(tmp_path) as at_door:
        await at_door.log_in()
        cookie = at_door.cookie
    for password, still in [(PASSWORD, True), (OTHER, False), (None, False)]:
        async with door(tmp_path, password) as at_door:
            at_door.http.cookies.set(COOKIE, cookie)
            assert await at_door.is_in() is still


# Without any password


async def test_without_a_password_this_machine_gets_in(without):
    response = await without.http.get("/", follow_redirects=True)
    assert response.status_code == 200
    assert '<meta name="visitor" content="local">' in response.text
    assert '<meta name="scopes" content="admin call read">' in response.text


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        (INTERNET, {}),
        (HERE, {"X-Forwarded-For": INTERNET}),
        (HERE, {"Host": "phone.example"}),
        (HERE, {"Host": "rebound.evil.example:8000"}),
        (HERE, {"Origin": "https://evil.example"}),
        (HERE, {"Sec-Fetch-Site": "cross-site"}),
    ],
)
async def test_without_a_password_nobody_else_does(tmp_path, peer, headers):
    async with door(tmp_path, None, public_url=LOCAL_URL) as at_door:
        await at_door.http.get("/login")
        cookie = at_door.cookie
    async with door(tmp_path, None, peer=peer, public_url=LOCAL_URL) as at_door:
        for cookies in ({}, {COOKIE: cookie}):
            at_door.http.cookies = httpx.Cookies(cookies)
            response = await at_door.http.get("/", headers=headers)
            assert response.status_code == 303
            response = await at_door.http.get(response.headers["location"], headers=headers)
            assert response.status_code == 403
            assert "PHONEAGENT_ADMIN_PASSWORD" in response.text
            assert "set-cookie" not in response.headers
        assert (await at_door.log_in("local", "", **headers)).status_code in (401, 403)


async def test_without_a_password_a_service_that_is_reached_from_elsewhere_lets_nobody_in(tmp_path):
    """A proxy that rewrites the Host and adds nothing makes everybody look as if they sat at this machine."""
    async with door(tmp_path, None, public_url=LOCAL_URL) as at_door:
        await at_door.http.get("/login")
        cookie = at_door.cookie
    async with door(tmp_path, None, public_url=PUBLIC_URL) as at_door:
        for cookies in ({}, {COOKIE: cookie}):
            at_door.http.cookies = httpx.Cookies(cookies)
            assert not await at_door.is_in()
            response = await at_door.http.get("/login")
            assert (response.status_code, "set-cookie" in response.headers) == (403, False)
            assert "reached from elsewhere: set PHONEAGENT_ADMIN_PASSWORD" in response.text


async def test_the_first_user_closes_the_door_behind_this_machine(without):
    await without.http.get("/login")
    assert await without.is_in()
    await without.store.users.add("ada", "admin", PASSWORD)
    assert not await without.is_in()
    assert "Log in" in (await without.http.get("/login")).text


# Too many attempts


async def test_after_ten_attempts_a_name_has_to_wait(tmp_path, caplog):
    async with door(tmp_path, peer=INTERNET, url=PUBLIC_URL) as at_door:
        await at_door.store.users.add("ada", "viewer", OTHER)
        for _ in range(10):
            assert (await at_door.log_in("ada", "guess")).status_code == 401
        for name in ("ada", " ADA", "ａｄａ"):
            response = await at_door.log_in(name, OTHER)
            assert response.status_code == 429
            assert 1 <= int(response.headers["retry-after"]) <= 300
            assert re.search(r"Try again in \d+ (seconds|minutes)", response.text)
        assert (await at_door.log_in("admin", PASSWORD)).status_code == 303
        assert not [
            record for record in caplog.records if record.name.startswith("phoneagent") and "ada" in str(vars(record))
        ]


async def test_who_has_logged_in_before_does_not_wait_for_those_who_guess(tmp_path):
    async with door(tmp_path, peer=INTERNET, url=PUBLIC_URL) as at_door:
        await at_door.log_in()
        device = at_door.http.cookies[DEVICE_COOKIE]
        at_door.http.cookies.clear()
        for _ in range(20):
            last = await at_door.log_in(password="guess")
        assert last.status_code == 429
        at_door.http.cookies.set(DEVICE_COOKIE, device)
        assert (await at_door.log_in()).status_code == 303


async def test_success_starts_the_count_anew(tmp_path):
    async with door(tmp_path, peer=INTERNET, url=PUBLIC_URL) as at_door:
        for _ in range(2):
            for _ in range(9):
                await at_door.log_in(password="guess")
            assert (await at_door.log_in()).status_code == 303


async def test_an_address_of_the_internet_has_to_wait_whatever_the_name(tmp_path):
    for peer, status in ((INTERNET, 429), (HERE, 401)):
        async with door(tmp_path, peer=peer, url=PUBLIC_URL) as at_door:
            for number in range(30):
                assert (await at_door.log_in(f"name {number}", "guess")).status_code == 401
            assert (await at_door.log_in("somebody else", "guess")).status_code == status


async def test_failures_are_in_the_audit_log_without_what_was_typed(tmp_path):
    async with door(tmp_path, peer=INTERNET, url=PUBLIC_URL) as at_door:
        await at_door.store.users.add("ada", "viewer", OTHER)
        for _ in range(12):
            await at_door.log_in("ADA", "guess")
        for name in ("admin", PASSWORD, "x"):
            await at_door.log_in(name, "guess")
        deeds = (await at_door.store.audit.page()).deeds
        assert [(deed.actor, deed.action, deed.data["count"]) for deed in reversed(deeds)] == [
            ("ada", "login.failed", 1),
            ("ada", "login.failed", 10),
            ("admin", "login.failed", 1),
            (UNKNOWN, "login.failed", 1),
        ]
        assert {deed.data["address"] for deed in deeds} == {INTERNET}


async def test_an_attack_does_not_fill_the_audit_log():
    noted: list[str] = []

    class Audit:
        async def note(self, actor: str, kind: str, action: str, data: dict[str, Any]) -> None:
            noted.append(data["address"])

    failures = FailedLogins(Audit())
    for number in range(1000):
        await failures.note("ada", f"8.8.{number // 256}.{number % 256}", exists=True)
    assert len(noted) == 200


async def test_a_crowd_is_not_heard_at_all(with_password):
    store = with_password.store
    access = Access(store.users, store.sessions, store.passwords, store.audit, PUBLIC_URL)
    access._logging_in = 16
    with pytest.raises(CrowdedError):
        await access.log_in("ada", PASSWORD, INTERNET)
    assert access._logging_in == 16


async def test_a_form_that_is_too_large_is_not_read(with_password):
    assert (await with_password.log_in(password="x" * 10_000)).status_code == 413


async def test_answers_are_shut_tight(with_password):
    for path in ("/", "/login", "/nothing"):
        headers = (await with_password.http.get(path)).headers
        policy = dict(each.partition(" ")[::2] for each in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "microphone=(self)" in headers["permissions-policy"]
        assert headers["strict-transport-security"]
