"""The service ends while operators and browser phones are in calls: each of them, and the caller, is told."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import websockets

from phoneagent.web import server
from tests.calls.service import kept
from tests.web.api.story import Story, story
from tests.web.api.test_audio import listening
from tests.web.api.watching import WITHIN_S, watching

APOLOGY = "Sorry, please call again."
WHY = "the service is shutting down"


async def browser_phone(told: Story, placed: dict[str, Any]) -> int | None:
    """Somebody is in a call from the browser. Returns how their stream is closed."""
    url = told.service.url.replace("http", "ws") + placed["url"]
    async with websockets.connect(url, proxy=None, compression=None) as stream:
        start = {
            "accountSid": "",
            "streamSid": placed["stream_sid"],
            "callSid": placed["call_sid"],
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": placed["token"]},
        }
        await stream.send(json.dumps({"event": "start", "streamSid": placed["stream_sid"], "start": start}))
        await stream.wait_closed()
        return stream.close_code


@pytest.mark.usefixtures("patient_with_operators")
async def test_whom_the_end_of_the_service_finds_in_a_call_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "LAST_WORDS_S", 3600.0)
    async with story(tmp_path, f"greeting: none\napology: {APOLOGY}", PHONEAGENT_DRAIN_S="0") as told:
        placed = (await told.http.post("/api/phone", json={"agent": "ada"})).json()
        browser = asyncio.create_task(browser_phone(told, placed))
        async with (
            watching(told.http, f"/api/calls/{told.call_id}/live") as page,
            watching(told.http, f"/api/calls/{placed['call_id']}/live") as other,
            listening(told) as ear,
        ):
            await other.until(lambda page: page.call.get("streaming"))
            assert (await ear.asks("take_over"))["mine"]
            told.service.server.handle_exit(signal.SIGTERM, None)
            await ear.until(lambda ear: ear.closed)
            assert (ear.told[-1], ear.closed) == ({"event": "over"}, 1000)
            for one in (page, other):
                await one.until(lambda page: page.ended)
                assert one.over == {"outcome": "hung_up", "reason": WHY}
        assert await asyncio.wait_for(browser, WITHIN_S) == 1000
        assert (await told.call.ended()).said == [APOLOGY]
        monkeypatch.setattr(server, "LAST_WORDS_S", 0.0)
        both = [await asyncio.wait_for(told.records.get(), WITHIN_S) for _ in range(2)]
        await asyncio.wait_for(asyncio.shield(told.service.done), WITHIN_S)
    details = [await kept(tmp_path, record) for record in both]
    assert [(one.row.outcome, one.row.reason) for one in details] == 2 * [("hung_up", WHY)]
