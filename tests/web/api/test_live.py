"""Watching calls as they go on: over real sockets, from the phone to the page."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from phoneagent.simulate.realtime_events import Speech, ToolCall, caller_turn_ended, response, transcribed
from phoneagent.simulate.script import Silence
from phoneagent.web.access import stays
from phoneagent.web.api import streams
from phoneagent.web.api.guard import CSRF_HEADER
from phoneagent.web.drain import Drain
from tests.calls.service import CALLER, NUMBER, phone_of
from tests.console.calls import kept
from tests.web.access.test_routes import person
from tests.web.api.story import story
from tests.web.api.watching import WITHIN_S, Page, client, revoke_keys, watching
from tests.web.service import board


async def test_a_call_appears_is_watched_to_its_end_and_is_gone(tmp_path: Path):
    async with story(tmp_path) as told, watching(told.http, "/api/live") as page:
        await page.until(lambda page: page.calls)
        [call] = page.calls.values()
        assert (call["id"], call["call_sid"]) == (told.call_id, told.call.sid)
        assert (call["agent"], call["caller"], call["called"], call["direction"]) == ("ada", CALLER, NUMBER, "inbound")
        assert abs(datetime.fromisoformat(page.service.pop("last_call")) - datetime.now(UTC)) < timedelta(minutes=5)
        assert page.service == {
            "live": 1,
            "max_calls": told.service.switchboard._max_calls,
            "engine": "openai",
            "engine_problem": None,
            "telephone": False,  # as long as there is no PHONEAGENT_PUBLIC_URL
            "ready": True,
            "reasons": [],
            "remarks": [],
            "draining": False,
        }
        await page.until(lambda page: page.calls[call["id"]]["state"] == "talking")
        told.session.emit(*caller_turn_ended(), transcribed("When are you open?"))
        await page.until(lambda page: page.calls[call["id"]]["turns"] == 1)
        await told.end()
        await page.until(lambda page: not page.calls and page.service["live"] == 0)
        assert page.kinds[0] == "snapshot"
        assert "snapshot" not in page.kinds[1:]
        assert page.headers["content-type"].startswith("text/event-stream")
        assert page.headers["cache-control"] == "no-store"


async def test_what_the_last_session_failed_of_is_shown_until_there_is_another(tmp_path: Path):
    async with story(tmp_path) as told, watching(told.http, "/api/live") as page:
        told.session.close(1011)
        await page.until(lambda page: page.service.get("engine_problem") == "close:1011")
        async with phone_of(told.service, seed=2) as phone:
            phone.dial(NUMBER, [Silence(60)])
            await page.until(lambda page: page.service["engine_problem"] is None)


async def test_a_close_up_shows_what_is_heard_of_the_agents_words_and_what_an_interruption_leaves(tmp_path: Path):
    words = " ".join(5 * ["We are open from eight to six, and on Saturdays from nine to noon, but never on Sundays."])
    async with story(tmp_path) as told, watching(told.http, f"/api/calls/{told.call_id}/live") as page:
        told.session.emit(*caller_turn_ended(), transcribed("When are you open?"))
        await page.until(lambda page: page.words == [("caller", "When are you open?", "")])
        told.session.emit(*response(Speech(words, ms=40_000)))
        await page.until(lambda page: len(page.turns) == 2)
        heard = set()
        await page.until(lambda page: heard.add(page.words[1][1]) or len(heard) > 4)
        agent = page.transcript[1]
        assert f"{agent['text']} {agent['unheard']}".strip() == words
        assert (agent["final"], agent["after"]) == (False, page.transcript[0]["turn_id"])
        assert page.call["speaking"] == ["agent"]
        told.session.interrupt()
        await page.until(lambda page: page.transcript[1]["final"])
        agent = page.transcript[1]
        assert agent["interrupted"]
        assert f"{agent['text']} {agent['unheard']}" == words
        await page.until(lambda page: page.events)
        assert [event["kind"] for event in page.events.values()] == ["barge_in"]
        assert any(max(levels["agent"]) > 0.02 for levels in page.levels)
        record = await told.end()
        await page.until(lambda page: page.ended)
        assert page.over == {"outcome": record.outcome, "reason": record.reason}
        assert page.words == [(turn.speaker, turn.text, turn.unheard) for turn in record.turns]


async def test_a_tool_is_seen_when_it_begins_and_when_it_is_done(tmp_path: Path):
    async with story(tmp_path) as told, watching(told.http, f"/api/calls/{told.call_id}/live") as page:
        there = tmp_path / "there"
        asked = {"where": "the\ndrawer", "until": str(there)}
        told.session.emit(*response(ToolCall("look", json.dumps(asked, indent=1), "t1")))
        await page.until(lambda page: page.tools)
        tool = page.tools["t1"]
        assert (tool["name"], tool["arguments"], tool["output"], tool["duration_ms"]) == ("look", asked, None, None)
        there.touch()
        await page.until(lambda page: page.tools["t1"]["output"])
        tool = page.tools["t1"]
        assert (tool["output"], tool["failed"]) == ({"result": "Nothing in the\ndrawer."}, False)
        assert tool["duration_ms"] >= 0


async def test_who_loses_the_connection_sees_in_the_end_what_the_others_see(tmp_path: Path):
    async with story(tmp_path) as told:
        path = f"/api/calls/{told.call_id}/live"
        torn = Page()
        async with watching(told.http, path) as whole:
            for number in range(6):
                told.session.emit(*caller_turn_ended(), transcribed(f"Number {number}?"))
                told.session.emit(*response(Speech(f"Yes, number {number}.", ms=200)))
                async with watching(told.http, path, torn):
                    last = torn.last_id
                    await torn.until(lambda page, last=last: page.last_id != last)
            record = await told.end()
            await whole.until(lambda page: page.ended)
            async with watching(told.http, path, torn):
                await torn.until(lambda page: page.ended)
        assert torn.seen == whole.seen
        assert torn.words == [(turn.speaker, turn.text, turn.unheard) for turn in record.turns]
        assert torn.kinds.count("snapshot") == 1
        async with watching(told.http, path, torn):  # a browser comes back until it is told not to
            await torn.until(lambda page: page.ended)
        assert torn.status == 204
        async with watching(told.http, path) as late:
            await late.until(lambda page: page.ended)
        assert late.kinds == ["snapshot", "over"]
        assert late.seen == whole.seen


async def test_secret_keys_are_not_shown(tmp_path: Path):
    async with (
        story(tmp_path, "greeting: none\ntools: [look]\nredaction: {patterns: {policy: 'LL-[0-9]{6}'}}\n") as told,
        watching(told.http, f"/api/calls/{told.call_id}/live") as page,
    ):
        told.session.emit(*caller_turn_ended(), transcribed("It is LL-123456."))
        told.session.emit(*response(ToolCall("look", '{"where": "LL-123456"}', "t1")))
        await page.until(lambda page: page.tools and page.tools["t1"]["output"])
        await page.until(lambda page: page.turns)
        assert page.words == [("caller", "It is [policy].", "")]
        assert "123456" not in str(page.tools)


@pytest.mark.parametrize("path", ["/api/live", "/api/calls/{id}/live"])
async def test_the_service_does_not_wait_for_its_watchers(tmp_path: Path, path: str):
    async with story(tmp_path) as told, watching(told.http, path.format(id=told.call_id)) as page:
        await page.until(lambda page: page.kinds)
        told.service.server.should_exit = True
        await page.until(lambda page: page.ended)


async def test_there_is_nothing_to_be_seen_of_calls_that_there_are_not(tmp_path: Path):
    async with story(tmp_path) as told:
        for call_id in ("0" * 32, "%00", "x" * 100):
            answer = await told.http.get(f"/api/calls/{call_id}/live")
            assert (answer.status_code, answer.json()["error"]) == (404, "unknown_call")
        async with httpx.AsyncClient(base_url=told.service.url, timeout=WITHIN_S) as nobody:
            for path in ("/api/live", f"/api/calls/{told.call_id}/live"):
                assert (await nobody.get(path)).status_code == 401


@pytest.mark.parametrize("path", ["/api/live", "/api/calls/{id}/live"])
async def test_whose_key_is_revoked_sees_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str):
    monkeypatch.setattr(stays, "CHECKED_EVERY_S", 0.1)
    async with story(tmp_path) as told, watching(told.http, path.format(id=told.call_id)) as page:
        await page.until(lambda page: page.kinds)
        await revoke_keys(tmp_path)
        await page.until(lambda page: page.ended)
        assert page.over is None


async def test_who_is_no_longer_logged_in_sees_no_more_at_once(tmp_path: Path):
    async with (
        story(tmp_path) as told,
        kept(tmp_path) as store,
        client(told.service, tmp_path, "admin") as admin,
        httpx.AsyncClient(base_url=told.service.url, timeout=WITHIN_S) as http,
    ):
        for how in ("logged out", "role", "password", "removed"):
            http.headers.update(await person(store, "viewer"))
            [user] = await store.users.list()
            path = f"/api/users/{user.id}"
            async with watching(http, "/api/live") as page:
                await page.until(lambda page: page.calls)
                match how:
                    case "logged out":
                        await http.post("/logout", data={"csrf": http.headers[CSRF_HEADER]})
                    case "role":
                        await admin.put(f"{path}/role", json={"role": "operator"})
                    case "password":
                        await admin.put(f"{path}/password", json={"password": "battery staple"})
                    case "removed":
                        await admin.delete(path)
                await page.until(lambda page: page.ended)
            assert (await http.get("/api/live")).status_code == 401
            await store.users.remove(user.id, even_last=True)


async def test_a_stream_in_which_nothing_happens_is_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(streams, "ALIVE_EVERY_S", 0.1)
    async with story(tmp_path) as told, watching(told.http, "/api/live") as page:
        await page.until(lambda page: page.kinds.count("beat") > 2)


async def test_who_reads_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setattr(streams, "UNREAD_S", 0.05)
    shown = board()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    stream = streams.EventStream(shown.overview(), Drain(), stays.never)
    await asyncio.wait_for(stream.stream_response(send), WITHIN_S)
    assert [record.message for record in caplog.records if record.name == streams.__name__] == [
        "a watcher is dropped: they do not read"
    ]
    assert shown._watchers == 0
