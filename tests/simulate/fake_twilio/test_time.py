"""The fake Twilio in virtual time: an hour on the telephone takes no time at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from phoneagent.simulate.fake_twilio import FakeTwilio, Person
from tests.calls.virtual_time import VirtualTimeLoop
from tests.simulate.fake_twilio.service import HUMAN, OURS, TOKEN, Service, ask, client_of

HOUR = '<Dial action="/dialled" timeout="60"><Number>+15550111</Number></Dial>'


def test_an_hour_with_somebody_else():
    async def call() -> None:
        clock = asyncio.get_running_loop().time
        service = Service({"/incoming": HOUR, "/dialled": '<Pause length="600"/>'})
        async with service.running(), FakeTwilio(rng=random.Random(1), auth_token=TOKEN, clock=clock) as twilio:
            twilio.serves(service.url)
            twilio.answers(HUMAN, Person(ring_s=50, hangs_up_after_s=3600))
            caller = twilio.phone.dial(OURS, [], max_s=5000)
            record = await caller.ended()
            rings, talk, pause = [one for one in record.company if one.ended_at > one.began_at + 1]
            assert rings.kind == "ringing"
            assert talk.numbers == (HUMAN,)
            assert talk.ended_at - talk.began_at == 3600
            assert pause.kind == "silence"
            assert service.asked("/dialled")[0]["DialCallDuration"] == "3600"

    run(call())


def test_time_stands_still_while_a_blocking_client_asks():
    async def call() -> None:
        clock = asyncio.get_running_loop().time
        service = Service({"/incoming": '<Pause length="600"/>'})
        async with service.running(), FakeTwilio(rng=random.Random(1), auth_token=TOKEN, clock=clock) as twilio:
            twilio.serves(service.url)
            caller = twilio.phone.dial(OURS, [])
            await caller.until(lambda record: record.documents)
            for _ in range(5):
                assert (await ask(client_of(twilio).calls(caller.sid).fetch)).status == "ringing"
            assert clock() < 5
            await caller.ended()
            assert clock() >= 600

    run(call())


def run(call: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(call)
