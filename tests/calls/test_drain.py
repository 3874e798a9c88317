"""SIGTERM to the real command: calls go on to their end, no new one is answered, and the exit code is 0."""

from __future__ import annotations

import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from phoneagent.core.dials import Dial
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.fake_twilio import Callee, FakeTwilio, NoAnswer, Person
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.script import HangUp, Silence
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from phoneagent.store import open_store
from tests.calls.program import Program, program
from tests.calls.service import AUTH_TOKEN, NUMBER, tone, write_agent

ADA = "+12125550123"


async def test_a_call_goes_on_to_its_end_after_sigterm(tmp_path: Path):
    write_agent(tmp_path, "greeting: Good evening!\ntools: [end_call]")
    script = [expect("response.create").then(*response(Speech("Good evening!", ms=500)))]
    async with (
        ScriptedModel(script) as model,
        program(tmp_path, model) as service,
        FakePhone(service.url, auth_token=AUTH_TOKEN, rng=random.Random(1)) as phone,
    ):
        call = phone.dial(NUMBER, [Silence(60)])
        session = await model.session()
        await call.until(lambda record: record.streams and record.agent_turns)
        service.process.send_signal(signal.SIGTERM)
        await service.said("draining: no new calls")
        assert (await phone.dial(NUMBER, [HangUp()]).ended()).outcome == "rejected"
        heard = call.record.line.frames_sent
        await call.until(lambda record: record.line.frames_sent >= heard + 25)
        goodbye = Speech("Goodbye!", ms=300, item_id="item_agent_2", fill=2)
        session.emit(*response(goodbye, ToolCall("end_call"), response_id="resp_2"))
        record = await call.ended()
        assert (record.outcome, record.problems) == ("agent hung up", [])
        assert sum(chunk.played_ms for chunk in record.line.playout.chunks) == 800
        assert (await service.said("call ended"))["outcome"] == "agent_hung_up"
        assert await service.ended() == 0
        assert len(model.sessions) == 1


@dataclass
class Dialling:
    """The command while it rings ADA, after a SIGTERM."""

    folder: Path
    service: Program
    twilio: FakeTwilio
    model: ScriptedModel
    dial_id: str

    @property
    def call(self) -> FakeCall:
        [call] = self.twilio.calls_to(ADA)
        return call

    async def dial(self) -> Dial:
        """How the dial stands in the database."""
        store = await open_store(f"sqlite:///{self.folder}/data/phoneagent.db")
        dial = await store.dials.get(self.dial_id)
        await store.close()
        assert dial is not None
        return dial


@asynccontextmanager
async def dialling(folder: Path, callee: Callee, **environ: str) -> AsyncIterator[Dialling]:
    write_agent(folder, "greeting: none\nidle: none\noutbound: {timeout_s: 600}", "sales")
    store = await open_store(f"sqlite:///{folder}/data/phoneagent.db")
    _, key = await store.keys.create("test")
    await store.close()
    async with (
        ScriptedModel([]) as model,
        FakeTwilio(rng=random.Random(1), auth_token=AUTH_TOKEN, speak=tone) as twilio,
        program(
            folder,
            model,
            PHONEAGENT_TWILIO_API_URL=twilio.api_url,
            TWILIO_ACCOUNT_SID=twilio.account_sid,
            PHONEAGENT_CALLS_PER_SECOND="100",
            **environ,
        ) as service,
        httpx.AsyncClient(base_url=service.url, trust_env=False, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        twilio.serves(service.url)
        twilio.number(NUMBER)
        twilio.answers(ADA, callee)
        dial = (await http.post("/api/calls", json={"to": ADA, "agent": "sales"})).json()
        await twilio.until(lambda: any(call.status == "ringing" for call in twilio.calls_to(ADA)))
        service.process.send_signal(signal.SIGTERM)
        assert (await service.said("draining: no new calls"))["open_calls"] == 1
        yield Dialling(folder, service, twilio, model, dial["id"])


async def test_whom_we_are_ringing_is_answered_all_the_same(tmp_path: Path):
    async with dialling(tmp_path, Person(ring_s=4, hangs_up_after_s=0.5)) as at:
        await at.twilio.until(lambda: at.call.record.streams)
        await at.model.session()
        assert await at.service.ended() == 0
        assert (await at.dial()).state == "completed"


async def test_who_has_not_answered_in_time_is_called_no_more(tmp_path: Path):
    """Nobody is to pick up a dead line."""
    async with dialling(tmp_path, NoAnswer(), PHONEAGENT_DRAIN_S="0.1") as at:
        assert await at.service.ended() == 0
        assert at.call.over
        assert (await at.dial()).state == "canceled"
