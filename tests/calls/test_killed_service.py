"""`phoneagent serve` is killed between its dials, and started again on the same database."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest

from phoneagent.simulate.fake_twilio import Busy, Callee, FakeTwilio, Fault, NoAnswer, Person, Unreachable
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.store import open_store
from tests.calls.program import program
from tests.calls.service import AUTH_TOKEN, NUMBER, tone, write_agent
from tests.ports import free_port

NUMBERS = [f"+1212555{number:04}" for number in range(100, 140)]  # at five a second, many are left when it is killed
CALLEES: list[tuple[Callee, str]] = [
    (Person(hangs_up_after_s=1), "completed"),
    (Person(ring_s=10, hangs_up_after_s=1), "completed"),
    (Busy(), "busy"),
    (Unreachable(), "failed"),
    (NoAnswer(), "no_answer"),
]
KILLED_AT = (5, 10)  # calls


@pytest.mark.timeout(240)
async def test_nobody_is_called_twice_and_every_call_comes_to_its_end(tmp_path: Path):
    write_agent(tmp_path, "greeting: none\nidle: none\noutbound: {timeout_s: 20}", "sales")
    store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
    _, key = await store.keys.create("test")
    url = f"http://127.0.0.1:{free_port()}"
    async with (
        ScriptedModel([]) as model,
        FakeTwilio(rng=random.Random(1), auth_token=AUTH_TOKEN, speak=tone, speed=10) as twilio,
        httpx.AsyncClient(base_url=url, trust_env=False, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        twilio.serves(url)
        twilio.number(NUMBER)
        for number, (callee, _) in zip(NUMBERS, CALLEES * 8, strict=False):
            twilio.answers(number, callee)
        twilio.create_returns_after(0.2)  # a kill comes between a call and the answer of who was asked for it
        twilio.fail("POST", "/Calls.json", with_=Fault.reset_after, times=None, share=0.2)
        environ = {
            "PHONEAGENT_PORT": url.rpartition(":")[2],
            "PHONEAGENT_TWILIO_API_URL": twilio.api_url,
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "PHONEAGENT_CALLS_PER_SECOND": "5",
        }

        async def want_all() -> list[str]:
            """The dials' ids. Asks again, as a client does that does not know what became of its requests."""
            bodies = [{"to": number, "agent": "sales"} for number in NUMBERS]
            answers = await asyncio.gather(  # all at once: none is to be called before the last is asked for
                *(http.post("/api/calls", json=body, headers={"Idempotency-Key": body["to"]}) for body in bodies)
            )
            return [answer.raise_for_status().json()["id"] for answer in answers]

        for calls in KILLED_AT:
            async with program(tmp_path, model, **environ) as service:
                await want_all()
                await twilio.until(lambda: len(twilio.calls) >= calls, 60)  # noqa: B023
                service.process.kill()
                assert await service.ended() == -signal.SIGKILL
            assert [dial.state for dial in await store.dials.open()].count("pending") > 0
        async with program(tmp_path, model, **environ):
            ids = await want_all()
            async with asyncio.timeout(60):
                while await store.dials.open():  # noqa: ASYNC110 -- the end is in the database
                    await asyncio.sleep(0.1)
        assert Counter(call.to for call in twilio.calls) == Counter(NUMBERS)
        for number, dial_id, (_, end) in zip(NUMBERS, ids, CALLEES * 8, strict=False):
            dial = await store.dials.get(dial_id)
            [call] = twilio.calls_to(number)
            assert dial is not None
            assert (dial.to, dial.state, dial.call_sid) == (number, end, call.sid)
    await store.close()
