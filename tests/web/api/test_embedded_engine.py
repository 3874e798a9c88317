"""An operator takes a call over from the embedded engine, as people do who have no key, and hands it back to it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from bench.client import BOOK, clip
from phoneagent.app import running
from phoneagent.calls.live import News, TurnChanged
from phoneagent.core.transcript import Turn
from phoneagent.settings import load
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.script import Say, Silence
from tests.calls.service import AUTH_TOKEN, records
from tests.house.tree import ROOT
from tests.web.api.story import OnTheLine
from tests.web.api.test_audio import OPERATOR, listening
from tests.web.api.watching import client

WITHIN_S = 60.0  # for an engine that other tests leave little of the machine
GREETING = "Thank you for calling the Blue Door. This is Ada. How can I help you?"
CONFIRMS = "That is a table for four, tomorrow at seven o'clock. Shall I book it?"


@pytest.mark.usefixtures("patient_with_operators")
async def test_what_the_caller_said_to_the_operator_is_answered_when_the_agent_has_the_call_again(tmp_path: Path):
    environ = {
        "PHONEAGENT_ENGINE": "local",
        "PHONEAGENT_AGENTS": str(ROOT / "agents"),
        "PHONEAGENT_PORT": "0",
        "PHONEAGENT_DATA": str(tmp_path / "data"),
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    }
    heard: asyncio.Queue[Turn] = asyncio.Queue()

    def note(news: News) -> None:
        if isinstance(news, TurnChanged) and news.turn.final:
            heard.put_nowait(news.turn)

    async def turn() -> Turn:
        return await asyncio.wait_for(heard.get(), WITHIN_S)

    async with (
        running(load(environ, None)) as service,
        client(service, tmp_path) as http,
        FakePhone(service.url, auth_token=AUTH_TOKEN, rng=random.Random(1), speak=clip) as phone,
    ):
        service.feed.watch(note)
        call = phone.dial("+15550100", [Silence(1), Say(BOOK), Silence(120)])
        await call.until(lambda record: record.streams and len(record.line.marks) > 1, WITHIN_S)  # the agent is heard
        [runner] = service.switchboard.live_calls_now
        told = OnTheLine(service, http, call, runner.details.call_id, records(service))
        async with listening(told) as ear:
            assert (await ear.asks("take_over"))["mine"]
            assert (await turn()).interrupted
            talking = asyncio.create_task(ear.says(60_000))
            said = await turn()
            assert (said.speaker, said.text.split()[-1]) == ("caller", "seven")
            assert runner.glance().state == "taken_over"  # the agent has not answered
            talking.cancel()
            await ear.asks("hand_back")
            answer = await turn()
        record = await told.end()
    assert (answer.speaker, answer.text, answer.interrupted) == ("agent", CONFIRMS, False)
    assert [f"{turn.text} {turn.unheard}".strip() for turn in record.turns] == [GREETING, said.text, CONFIRMS]
    assert sum(chunk.audio.count(OPERATOR) for chunk in call.record.line.playout.chunks) > 3000 * 8
