"""Operators step into calls over the API: with the model, the fake phone and the fake Twilio."""

from __future__ import annotations

import json
from pathlib import Path

from phoneagent.simulate.fake_twilio import Person
from phoneagent.simulate.script import Silence
from phoneagent.store import open_store
from tests.calls.service import NUMBER, kept
from tests.calls.telephony import COLD, HUMAN, hears, scene
from tests.web.api.story import story
from tests.web.api.watching import client, watching


async def test_operators_step_in_over_the_api(tmp_path: Path):
    async with story(tmp_path, "greeting: none\ntransfer: {reception: '+12125550111'}\n") as told:
        path = f"/api/calls/{told.call_id}"
        assert (await told.http.post(f"{path}/whisper", json={"text": "Her name is Ada."})).status_code == 204
        message = await told.session.received("conversation.item.create")
        assert "Her name is Ada." in json.dumps(message)
        assert (await told.http.post(f"{path}/say", json={"text": "One moment, please."})).status_code == 204
        assert "One moment, please." in json.dumps(await told.session.received("response.create"))
        for body, status, error in [
            ({"to": "nobody"}, 422, "unknown_destination"),
            ({"to": "reception"}, 409, "no_telephone"),
            ({}, 422, "bad_request"),
        ]:
            answer = await told.http.post(f"{path}/transfer", json=body)
            assert (answer.status_code, answer.json()["error"]) == (status, error)
        for body in ({"text": ""}, {"text": " "}, {"text": "x" * 1001}, {}):
            assert (await told.http.post(f"{path}/say", json=body)).status_code == 422
        record = await told.end()
        assert (await told.http.post(f"{path}/say", json={"text": "Hello?"})).json()["error"] == "unknown_call"
        assert record.call_id == told.call_id


async def test_a_caller_is_transferred_over_the_api_and_whoever_watches_sees_how_that_goes(tmp_path: Path):
    async with scene(tmp_path, COLD) as s, client(s.service, tmp_path) as http:
        s.twilio.answers(HUMAN, Person(ring_s=1, hangs_up_after_s=1200))
        caller = s.twilio.phone.dial(NUMBER, [Silence(600)])
        await caller.until(lambda record: record.streams)
        [runner] = s.service.switchboard.live_calls_now
        call_id = runner.details.call_id
        async with watching(http, f"/api/calls/{call_id}/live") as page:
            await page.until(lambda page: page.call.get("state") == "talking")
            wanted = {"to": "reception", "briefing": "A broken tooth."}
            answer = await http.post(f"/api/calls/{call_id}/transfer", json=wanted)
            assert (answer.status_code, answer.content) == (202, b"null")
            await caller.until(hears("people", HUMAN))
            answer = await http.post(f"/api/calls/{call_id}/transfer", json=wanted)
            assert (answer.status_code, answer.json()["error"]) == (409, "away")
            (await s.human()).hang_up()
            await caller.ended()
            await page.until(lambda page: page.over)
        record = await s.record()
        assert record.outcome == page.over["outcome"] == "transferred"
        seen = [event["data"] for event in page.events.values() if event["kind"] in ("operator", "transfer")]
        assert {"action": "transfer", "by": "Grace", "to": "reception"} in seen
        assert {"state": "connected", "to": "reception"} in seen
    events = [dict(event.data) for event in (await kept(tmp_path, record)).events]
    assert all(data in events for data in seen)
    store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
    [deed] = (await store.audit.page()).deeds
    await store.close()
    assert (deed.action, deed.call_id, deed.data) == ("call.transfer", call_id, {"to": "reception"})


async def test_a_call_is_found_by_its_callsid_too_and_kept_by_our_id(tmp_path: Path):
    async with story(tmp_path) as told:
        sid = told.call.sid
        assert (await told.http.post(f"/api/calls/{sid}/whisper", json={"text": "Hm."})).status_code == 204
        async with (
            watching(told.http, f"/api/calls/{sid}/live") as one,
            watching(told.http, f"/api/calls/{told.call_id}/live") as other,
        ):
            await one.until(lambda page: page.events)
            await other.until(lambda page: page.events)
            assert one.call["id"] == told.call_id
            assert one.last_id.split("-")[0] == other.last_id.split("-")[0]  # they watch the same
        await told.end()
        async with watching(told.http, f"/api/calls/{sid}/live", one):
            await one.until(lambda page: page.ended and page.over)
    store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
    [deed] = (await store.audit.page()).deeds
    await store.close()
    assert (deed.action, deed.call_id) == ("call.whisper", told.call_id)
