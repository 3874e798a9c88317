"""Calls from a browser, as the API has them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from phoneagent.calls.browser import BrowserRefusedError, Why
from phoneagent.core.problems import FileProblem
from phoneagent.web.access.tickets import Holder
from tests.console.calls import kept
from tests.web.access.test_routes import person
from tests.web.api.desk import Desk, said
from tests.web.api.story import story
from tests.web.api.watching import WITHIN_S, client

CALL = {"agent": "reception"}
PROBLEM = FileProblem("agents/reception.md", 3, 8, "unknown voice")


async def test_a_browser_gets_what_it_needs_for_a_media_stream(api: Desk) -> None:
    answer = await api.http.post("/api/phone", json=CALL)
    assert answer.status_code == 201
    said_ = answer.json()
    ticket = said_["url"].removeprefix("/media-stream?ticket=")
    assert {**said_, "url": ""} == {
        "call_id": "0" * 31 + "1",
        "call_sid": "CA" + "0" * 31 + "1",
        "stream_sid": "MZ" + "0" * 31 + "1",
        "token": "a token",
        "url": "",
    }
    assert api.phones.dialled == [("test", "reception", None)]
    assert api.phones.watched == [said_["call_id"]]
    holder = api.tickets.redeem(ticket)
    assert isinstance(holder, Holder)
    assert (holder.principal.name, holder.call) == ("test", said_["call_sid"])


async def test_an_agent_can_be_tried_before_it_is_saved(api: Desk) -> None:
    source = "---\nvoice: marin\n---\n" + "Ä" * 100_000
    assert (await api.http.post("/api/phone", json={**CALL, "source": source})).status_code == 201
    assert api.phones.dialled == [("test", "reception", source)]


async def test_who_may_not_save_an_agent_may_not_have_its_text_run_either(api: Desk) -> None:
    api.http.headers.update(await api.key("call"))
    assert (await api.http.post("/api/phone", json=CALL)).status_code == 201
    refused = await api.http.post("/api/phone", json={**CALL, "source": "---\n---\nHi"})
    assert said(refused, 403, "missing_scope", "'admin'")


@pytest.mark.parametrize(
    ("why", "status"),
    [("unknown_agent", 422), ("broken_agent", 422), ("busy", 429), ("too_many", 429), ("over_limit", 429)],
)
async def test_a_refusal_says_why(api: Desk, why: Why, status: int) -> None:
    api.phones.refusal = BrowserRefusedError(why, "it can't be", [PROBLEM])
    answer = await api.http.post("/api/phone", json=CALL)
    assert said(answer, status, why, "it can't be; agents/reception.md:3:8: unknown voice")
    assert len(api.tickets) == 0


async def test_no_call_begins_while_the_service_comes_to_its_end(api: Desk) -> None:
    api.drain.begun = True
    assert said(await api.http.post("/api/phone", json=CALL), 503, "draining")


async def test_who_may_only_read_can_neither_call_nor_write(api: Desk) -> None:
    call_id = (await api.http.post("/api/phone", json=CALL)).json()["call_id"]
    api.http.headers.update(await api.key("read"))
    assert said(await api.http.post("/api/phone", json=CALL), 403, "missing_scope")
    assert said(await api.http.post(f"/api/calls/{call_id}/text", json={"text": "Hi"}), 403, "missing_scope")


async def test_one_writes_in_calls_of_ones_own_only(api: Desk) -> None:
    call_id = (await api.http.post("/api/phone", json=CALL)).json()["call_id"]
    assert (await api.http.post(f"/api/calls/{call_id}/text", json={"text": " For two. "})).status_code == 204
    assert api.phones.written == [(call_id, "For two.")]
    assert said(await api.http.post("/api/calls/nothing/text", json={"text": "Hi"}), 404, "unknown_call")
    api.http.headers.update(await api.key("admin"))  # somebody else's
    assert said(await api.http.post(f"/api/calls/{call_id}/text", json={"text": "Hi"}), 404, "unknown_call")


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001, 7, None])
async def test_what_is_no_text_is_refused(api: Desk, text: object) -> None:
    call_id = (await api.http.post("/api/phone", json=CALL)).json()["call_id"]
    assert said(await api.http.post(f"/api/calls/{call_id}/text", json={"text": text}), 422, "bad_request")


async def test_who_is_removed_talks_to_no_agent_any_more(tmp_path: Path) -> None:
    async with story(tmp_path) as told, kept(tmp_path) as store, client(told.service, tmp_path, "admin") as admin:
        told.http.headers.update(await person(store, "operator") | {"Authorization": ""})
        call_id = (await told.http.post("/api/phone", json={"agent": "ada"})).json()["call_id"]
        [user] = await store.users.list()
        assert (await admin.delete(f"/api/users/{user.id}")).status_code == 204
        ended = await asyncio.wait_for(told.records.get(), WITHIN_S)
        assert (ended.call_id, ended.reason) == (call_id, "the caller may no longer call")
