"""1,000 calls over a REST API that fails in every way, by a service that is killed and started again in between."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from phoneagent.calls.outbound_inquiry import NOT_PLACED
from phoneagent.simulate.fake_twilio import Busy, FakeTwilio, Fault, NoAnswer, Person, Unreachable
from phoneagent.store import open_store
from phoneagent.store.dials import Asked
from tests.calls.outbound import OURS, directory
from tests.house.tree import ROOT
from tests.ports import free_port

NUMBERS = [f"+1212{number:07}" for number in range(2340000, 2341000)]
CALLEES = [Person(hangs_up_after_s=0.05), Person(ring_s=0.3), Busy(), Unreachable(), NoAnswer()]
FAULTS = [
    Fault.timeout_before,
    Fault.timeout_after,
    Fault.reset_before,
    Fault.reset_after,
    Fault.status(500),
    Fault.status(503, takes_effect=True),
    Fault.status(429),
]
SHARE = 0.04  # of the requests, for each of them
KILLED_AT = (150, 400)  # calls
FINAL = {"completed": "completed", "busy": "busy", "no-answer": "no_answer", "failed": "failed"}


@asynccontextmanager
async def running(arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service in a process of its own."""
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.calls.dialling_service", arguments), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield service
    finally:
        if service.returncode is None:
            service.kill()
        await service.wait()


async def errors_of(service: asyncio.subprocess.Process) -> str:
    """What the service has said when it has come to its end."""
    _, errors = await service.communicate()
    return errors.decode()


@pytest.mark.timeout(300)
async def test_no_number_is_dialled_twice_and_every_call_comes_to_one_end(tmp_path, figure):
    rng = random.Random(4)
    directory(tmp_path, "outbound: {timeout_s: 5}")
    port = free_port()
    async with FakeTwilio(rng=rng, auth_token="12345", speed=10) as twilio:
        twilio.serves(f"http://127.0.0.1:{port}")
        twilio.number(OURS)
        for number in NUMBERS:
            twilio.answers(number, rng.choice(CALLEES))
        refused = rng.sample(NUMBERS, 20)
        for number in refused:
            twilio.refuses(number, 21215)
        for fault in FAULTS:
            twilio.fail("POST", "/Calls.json", with_=fault, times=None, share=SHARE)
        twilio.fail("GET", "/Calls.json", with_=Fault.status(500), times=None, share=0.2)
        twilio.shuffle_callbacks(0.2)
        twilio.create_returns_after(0.01)
        arguments = json.dumps(
            {
                "database": f"sqlite:///{tmp_path}/phoneagent.db",
                "agents": str(tmp_path / "agents"),
                "api_url": twilio.api_url,
                "account_sid": twilio.account_sid,
                "token": "12345",
                "port": port,
                "to": NUMBERS,
            }
        )

        for calls in KILLED_AT:
            async with running(arguments) as service:
                await twilio.until(lambda: len(twilio.calls) >= calls or service.returncode is not None, 120)  # noqa: B023
                service.kill()
                assert await service.wait() == -signal.SIGKILL, await errors_of(service)
        async with running(arguments) as service:
            errors = await asyncio.wait_for(errors_of(service), 120)
            assert service.returncode == 0, errors

        placed = Counter(call.to for call in twilio.calls)
        assert placed.most_common(1)[0][1] == 1, "a number was dialled twice"
        store = await open_store(f"sqlite:///{tmp_path}/phoneagent.db")
        dials = [await store.dials.asked(Asked("test", number, number)) for number in NUMBERS]
        await store.close()
        for dial in dials:
            if placed[dial.to]:
                [call] = twilio.calls_to(dial.to)
                assert (dial.call_sid, dial.state) == (call.sid, FINAL[call.status])
            elif dial.to in refused:
                assert "Geo Permissions" in dial.reason or dial.reason == NOT_PLACED
            else:
                assert (dial.state, dial.call_sid) == ("failed", None)
        ends = Counter(
            dial.state if dial.call_sid else "not placed" if dial.reason == NOT_PLACED else "refused" for dial in dials
        )
        assert ends["not placed"]
        figure(f"1,000 dials, two kills: {dict(ends)}")
