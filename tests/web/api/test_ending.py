"""Calls in progress are ended over the API: by whoever may, whoever dialled, also without an account."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from phoneagent.simulate.fake_twilio import Person
from phoneagent.simulate.script import Silence
from phoneagent.store import open_store
from tests.calls.service import NUMBER, kept
from tests.calls.telephony import COLD, HUMAN, hears, scene
from tests.web.api.story import story
from tests.web.api.watching import WITHIN_S, client


@pytest.mark.parametrize("name", ["call_id", "call_sid"])
async def test_a_call_that_goes_on_here_is_ended_without_an_account(tmp_path: Path, name: str):
    async with story(tmp_path) as told:
        sid = told.call.sid
        response = await told.http.delete(f"/api/calls/{told.call_id if name == 'call_id' else sid}")
        assert (response.status_code, response.json()) == (
            202,
            {"id": told.call_id, "agent": "ada", "state": "live", "reason": None, "call_sid": sid},
        )
        record = await asyncio.wait_for(told.records.get(), WITHIN_S)
        assert (record.outcome, record.reason) == ("hung_up", "an operator")
        await told.call.ended()
    [happened] = [event.data for event in (await kept(tmp_path, record)).events if event.kind == "operator"]
    assert happened == {"action": "hang_up", "by": "Grace"}
    store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
    [deed] = (await store.audit.page()).deeds
    await store.close()
    assert (deed.action, deed.actor, deed.call_id) == ("call.hang_up", "Grace", told.call_id)


async def test_a_caller_who_talks_to_a_person_is_hung_up_on_by_the_carrier(tmp_path: Path):
    async with scene(tmp_path, COLD) as s, client(s.service, tmp_path) as http:
        s.twilio.answers(HUMAN, Person(ring_s=1, hangs_up_after_s=1200))
        caller = s.twilio.phone.dial(NUMBER, [Silence(600)])
        await caller.until(lambda record: record.streams)
        [runner] = s.service.switchboard.live_calls_now
        await caller.until(lambda record: runner.glance().state == "talking")
        await asyncio.wait_for(runner.operators.transfer("reception", "", "Ada"), WITHIN_S)
        await caller.until(hears("people", HUMAN))
        assert (await http.delete(f"/api/calls/{runner.details.call_id}")).status_code == 202
        await asyncio.wait_for(caller.ended(), WITHIN_S)
        assert (await s.record()).outcome == "transferred"
