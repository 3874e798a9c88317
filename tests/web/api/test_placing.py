"""Calls are placed and ended over the API: what it takes, what it answers."""

from __future__ import annotations

import json
import logging
import sqlite3
from datetime import timedelta

import pytest

from tests.calls.outbound import ADA, BOB, OURS, OURS_TOO
from tests.web.api.desk import WANTED, desk, said


async def test_a_call_is_placed_watched_and_ended(api):
    response = await api.post(WANTED | {"from": OURS_TOO, "variables": {"name": "Ada"}})
    assert response.status_code == 202
    dial = response.json()
    assert (dial["state"], dial["agent"], dial["call_sid"]) == ("pending", "sales", None)
    assert response.headers["location"] == f"/api/calls/{dial['id']}"
    call = await api.office.placed()
    assert (call.to, call.from_) == (ADA, OURS_TOO)
    api.office.callback(call, "ringing")
    now = (await api.http.get(response.headers["location"])).json()
    assert (now["state"], now["call_sid"]) == ("ringing", call.call_sid)
    assert (await api.http.delete(response.headers["location"])).status_code == 202
    api.office.callback(call, "canceled")
    now = (await api.http.get(response.headers["location"])).json()
    assert (now["state"], now["reason"]) == ("canceled", "canceled before anybody answered")


@pytest.mark.parametrize("tokens", [(), ("a token",)], ids=["for this machine only", "signed"])
async def test_it_has_keys_of_its_own_whatever_guards_the_webhooks(tmp_path, tokens):
    async with desk(tmp_path, *tokens) as api:
        assert (await api.post()).status_code == 202
        assert (await api.http.post("/incoming", data={"CallSid": "CA"})).status_code in (400, 403)


async def test_a_key_is_good_from_elsewhere_where_webhooks_are_not(tmp_path):
    async with desk(tmp_path, peer="203.0.113.5") as api:
        assert (await api.http.post("/incoming", data={"CallSid": "CA"})).status_code == 403
        assert said(await api.post(Authorization="Bearer x"), 401, "wrong_key")
        assert (await api.post()).status_code == 202


async def test_a_revoked_key_and_an_expired_one_are_forbidden(api):
    for name, lifetime in [("revoked", None), ("expired", timedelta(seconds=-1))]:
        _, key = await api.office.store.keys.create(name, lifetime=lifetime)
        await api.office.store.keys.revoke("revoked")
        assert said(await api.post(Authorization=f"Bearer {key}"), 403, "key_refused", name)


NOT_UNDERSTOOD = [
    (b"", "the body"),
    (b"{", "the body"),
    (b"[]", "the body"),
    (b"[" * 10_000, "the body"),
    (b"\xff", "the body"),
    (rb'{"to": "\ud800", "agent": "sales"}', "the body"),
    ({"to": ADA}, "agent: Field required"),
    ({"agent": "sales"}, "to: Field required"),
    (WANTED | {"to": 12125550123}, "to: "),
    (WANTED | {"form": OURS}, "form: Extra inputs"),
    (WANTED | {"from_": OURS}, "from_: Extra inputs"),
    (WANTED | {"variables": {"age": 7}}, "variables.age: "),
    (WANTED | {"variables": {"": "x"}}, "variables"),
    (WANTED | {"variables": {str(n): "" for n in range(51)}}, "variables: "),
    (WANTED | {"to": ""}, "to: "),
]


async def test_a_body_that_is_not_understood_is_refused_with_what_is_wrong(api):
    for body, words in NOT_UNDERSTOOD:
        assert said(await api.post(body), 422, "bad_request", words), body


async def test_what_is_wrong_is_said_without_what_was_given(api):
    response = await api.post(WANTED | {"to": 12125550123})
    assert "2125550123" not in response.text


async def test_a_body_is_16_kib_at_most(api):
    body = json.dumps(WANTED).encode()
    assert (await api.post(body + b" " * (16 * 1024 - len(body)))).status_code == 202
    assert said(await api.post(body + b" " * (16 * 1024 + 1 - len(body))), 413, "too_large", "16384 bytes")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"agent": "sails"}, "unknown_agent", "there are: sales"),
        ({"to": "+19005551234"}, "bad_number", "premium"),
        ({"from": BOB}, "bad_from", "none of the numbers"),
    ],
)
async def test_a_call_that_must_not_be_placed_is_refused_with_the_reason(api, change, error, words):
    assert said(await api.post(WANTED | change), 422, error, words)
    assert api.office.carrier.asked == 0


async def test_a_number_that_is_being_called_is_a_conflict(api):
    await api.post()
    assert said(await api.post(), 409, "number_in_use", "not over yet")


async def test_an_idempotency_key_makes_one_call_of_two_requests(api):
    first, again = [await api.post(**{"Idempotency-Key": "order-7"}) for _ in range(2)]
    assert again.json()["id"] == first.json()["id"]
    reordered = {"agent": "sales", "to": ADA, "variables": {}}
    assert (await api.post(reordered, **{"Idempotency-Key": "order-7"})).json()["id"] == first.json()["id"]
    assert said(await api.post(WANTED | {"to": BOB}, **{"Idempotency-Key": "order-7"}), 409, "key_reused")
    assert [deed.action for deed in (await api.office.store.audit.page()).deeds] == ["call.place"]
    _, other = await api.office.store.keys.create("other")
    response = await api.post(
        WANTED | {"to": BOB}, **{"Idempotency-Key": "order-7", "Authorization": f"Bearer {other}"}
    )
    assert response.status_code == 202
    await api.office.placed(2)
    assert api.office.carrier.asked == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "\t"])
async def test_an_idempotency_key_is_a_short_text(api, key):
    assert said(await api.post(**{"Idempotency-Key": key}), 422, "bad_request", "Idempotency-Key")


async def test_a_call_that_is_not_known_is_not_found(api):
    for method in ("GET", "DELETE"):
        for name in ("nothing", "%00"):
            assert said(await api.http.request(method, f"/api/calls/{name}"), 404, "unknown_call")


async def test_without_an_account_it_says_what_to_set(tmp_path):
    async with desk(tmp_path, account=False) as api:
        assert said(await api.post(), 503, "no_account", "TWILIO_ACCOUNT_SID")


async def test_a_service_that_comes_to_its_end_takes_no_more(api):
    dial = (await api.post()).json()
    api.drain.begun = True
    assert said(await api.post(WANTED | {"to": BOB}), 503, "draining")
    assert (await api.http.get(f"/api/calls/{dial['id']}")).status_code == 200


async def test_a_database_that_fails_is_said(api, tmp_path):
    with sqlite3.connect(tmp_path / "phoneagent.db") as other:
        other.execute("DROP TABLE dials")
    assert said(await api.post(), 503, "no_database")


async def test_neither_numbers_nor_keys_are_logged(api, caplog):
    caplog.set_level(logging.DEBUG)
    await api.post()
    await api.post({"to": ADA, "agent": "sails"})
    key = api.http.headers["authorization"].removeprefix("Bearer ")
    ours = [str(vars(record)) for record in caplog.records if record.name.startswith("phoneagent")]
    assert any("a call is wanted" in text for text in ours)
    assert not any(secret in text for text in ours for secret in (ADA, key, key.split("_", 2)[2]))
