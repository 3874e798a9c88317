"""Whatever is done over the API is in the audit log: each route that changes something, in a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from phoneagent.simulate.fake_twilio import Person
from phoneagent.simulate.script import Silence
from phoneagent.store.audit import DeedFilter
from phoneagent.web.access.access import COOKIE
from phoneagent.web.access.origin import SAFE
from tests.calls.service import NUMBER
from tests.calls.telephony import COLD, HUMAN, scene
from tests.console.calls import kept
from tests.store.entries import call
from tests.web.access.test_routes import person
from tests.web.api.test_guard import ROUTES
from tests.web.api.watching import client

PASSWORD, OTHER = "correct horse", "battery staple"
SOURCE = "---\ngreeting: none\n---\nBe Bob."
NOTHING_DONE = {  # and why
    ("POST", "/api/agent-check"): "nothing is saved",
    ("POST", "/api/agent-edit"): "nothing is saved",
    ("POST", "/api/calls/{id}/audio"): "a ticket; whoever listens with it is noted, and what else they do",
    ("POST", "/api/calls/{id}/text"): "it is what a caller says, and stands in the transcript",
    ("PUT", "/api/account/password"): "by a user only: see below",
    ("DELETE", "/api/account/sessions"): "by a user only: see below",
}
KEPT, LIVE = "c1", "{live}"
DONE: list[tuple[str, str, str, Any, str]] = [  # method, path, what stands for its parameter, body, action; in order
    ("POST", "/api/calls/{id}/notes", KEPT, {"text": "x"}, "call.note"),
    ("PUT", "/api/calls/{id}/hold", KEPT, None, "call.hold"),
    ("DELETE", "/api/calls/{id}/hold", KEPT, None, "call.release"),
    ("DELETE", "/api/calls/{id}/record", KEPT, None, "call.delete"),
    ("POST", "/api/phone", "", {"agent": "ada"}, "call.place"),
    ("POST", "/api/calls/{id}/whisper", LIVE, {"text": "x"}, "call.whisper"),
    ("POST", "/api/calls/{id}/say", LIVE, {"text": "x"}, "call.say"),
    ("POST", "/api/calls/{id}/transfer", LIVE, {"to": "reception"}, "call.transfer"),
    ("DELETE", "/api/calls/{id}", LIVE, None, "call.hang_up"),
    ("POST", "/api/calls", "", {"to": HUMAN, "agent": "ada"}, "call.place"),
    ("DELETE", "/api/calls/{id}", "{made}", None, "call.hang_up"),
    ("PUT", "/api/agents/{name}", "bob", {"source": SOURCE}, "agent.create"),
    ("DELETE", "/api/agents/{name}", "bob", None, "agent.delete"),
    ("POST", "/api/keys", "", {"name": "k", "scopes": ["read"]}, "key.create"),
    ("DELETE", "/api/keys/{id}", "{made}", None, "key.revoke"),
    ("POST", "/api/users", "", {"name": "u", "role": "viewer", "password": PASSWORD}, "user.add"),
    ("PUT", "/api/users/{id}/role", "{made}", {"role": "operator"}, "user.role"),
    ("PUT", "/api/users/{id}/password", "{made}", {"password": OTHER}, "user.password"),
    ("DELETE", "/api/users/{id}", "{made}", None, "user.remove"),
    ("POST", "/api/webhooks", "", {"url": "https://localhost:1/", "events": ["call.ended"]}, "webhook.add"),
    ("POST", "/api/deliveries/{id}/redeliver", "{delivery}", None, "delivery.redeliver"),
    ("POST", "/api/webhooks/{id}/test", "{made}", None, "webhook.test"),
    ("POST", "/api/webhooks/{id}/rotate", "{made}", None, "webhook.rotate"),
    ("POST", "/api/webhooks/{id}/disable", "{made}", None, "webhook.disable"),
    ("POST", "/api/webhooks/{id}/enable", "{made}", None, "webhook.enable"),
    ("DELETE", "/api/webhooks/{id}", "{made}", None, "webhook.remove"),
]


def test_the_table_has_every_route_that_changes_something():
    unsafe = {route for route in ROUTES if route[0] not in SAFE}
    assert unsafe == {(method, path) for method, path, *_ in DONE} | set(NOTHING_DONE)


async def test_what_is_done_is_in_the_log(tmp_path: Path):
    async with (
        scene(tmp_path, f"{COLD}\noutbound: {{}}") as s,
        client(s.service, tmp_path, "admin") as http,
        kept(tmp_path) as store,
    ):
        await store.entries.apply("an instance", call(KEPT))
        s.twilio.answers(HUMAN, Person(ring_s=600))
        caller = s.twilio.phone.dial(NUMBER, [Silence(600)])
        await caller.until(lambda record: record.streams)
        [live] = s.service.switchboard.live_calls_now
        stands_for, missing = {LIVE: live.details.call_id}, []
        for method, path, name, body, action in DONE:
            if name == "{delivery}":
                await store.entries.apply("an instance", call("c2"))
                [delivery] = await store.deliveries.newest(1)
                stands_for[name] = delivery.id
            url = re.sub(r"{\w+}", stands_for.get(name, name), path)
            headers = {"If-None-Match": "*"} if action == "agent.create" else {}
            if action == "agent.delete":
                headers = {"If-Match": (await http.get(url)).json()["etag"]}
            response = await http.request(method, url, json=body, headers=headers)
            assert response.is_success, (method, path, response.text)
            if not name:
                stands_for["{made}"] = response.json().get("id", "")
            [newest] = (await store.audit.page(limit=1)).deeds
            noted = (newest.action, newest.actor, newest.kind) == (action, "Grace", "key")
            missing += [] if noted else [(method, path, newest)]
        assert missing == []


async def test_what_people_do_about_themselves_is_too(tmp_path: Path):
    async with scene(tmp_path, COLD) as s, client(s.service, tmp_path) as http, kept(tmp_path) as store:
        ada = await person(store, "viewer") | {"Authorization": ""}
        other = {"old": PASSWORD, "password": OTHER}
        assert (await http.put("/api/account/password", json=other, headers=ada)).status_code == 204
        assert (await http.delete("/api/account/sessions", headers=ada)).status_code == 200
        http.headers.pop("Authorization")
        login = {"name": "viewer", "password": OTHER}
        assert (await http.post("/login", data=login)).status_code == 303
        assert COOKIE in http.cookies
        page = (await http.get("/")).text
        csrf = re.search(r'name="csrf-token" content="(\w+)"', page)
        assert csrf is not None
        assert (await http.post("/logout", data={"csrf": csrf[1]})).status_code == 303
        deeds = (await store.audit.page(DeedFilter(actor="viewer"))).deeds
        assert [deed.action for deed in reversed(deeds)] == ["account.password", "account.sessions", "login", "logout"]
