"""The end of the service: calls go on, new ones are refused, and then the process ends with 0."""

import asyncio
import os
import signal
import sys

import httpx
import pytest

from phoneagent.core.events import StreamEnded
from phoneagent.web import server
from tests.web.service import CALL_SID, FORM, WITHIN_S, media, serving, start

SERVICE = """
import asyncio, sys
from tests.web.service import Switchboard, PUBLIC_URL
from phoneagent.web.app import create_app
from phoneagent.web.drain import Drain
from phoneagent.web.guard import guard_for
from phoneagent.web.server import create_server

async def main():
    switchboard, drain, guard = Switchboard(), Drain(), guard_for("http://127.0.0.1", [])
    switchboard.legs = {"a call": None}
    asyncio.get_running_loop().add_reader(sys.stdin, switchboard.legs.clear)
    app = create_app(switchboard, PUBLIC_URL, guard, drain)
    server = create_server(app, switchboard, guard, drain, host="127.0.0.1", port=0, drain_s=600)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving

asyncio.run(main())
"""


async def test_a_call_goes_on_through_a_drain_and_its_end_is_the_services(monkeypatch):
    monkeypatch.setattr(server, "LAST_WORDS_S", 3600.0)
    async with serving() as service, service.upgrade() as phone:
        await phone.send(start(service.token()))
        await phone.send(media())
        await asyncio.wait_for(phone.recv(), WITHIN_S)
        service.server.handle_exit(signal.SIGTERM, None)
        answer = await service.http.get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, ["draining"])
        assert (await service.http.get("/healthz")).status_code == 200
        assert '<Reject reason="busy" />' in (await service.post("/incoming", FORM)).text
        for _ in range(20):
            await phone.send(media())
            await asyncio.wait_for(phone.recv(), WITHIN_S)
        await phone.close()
        await asyncio.wait_for(service.switchboard.ended.wait(), WITHIN_S)
        await service.server.on_tick(1)
        assert not service.server.should_exit  # still there for the last words
        assert "<Hangup />" in (await service.post("/stream-ended", FORM)).text
        monkeypatch.setattr(server, "LAST_WORDS_S", 0.0)
        await asyncio.wait_for(asyncio.shield(service.done), WITHIN_S)


async def test_a_stream_of_a_call_answered_before_the_drain_is_admitted():
    async with serving() as service:
        service.switchboard.legs["answered"] = None  # counts as live
        token = service.token()
        service.server.handle_exit(signal.SIGTERM, None)
        async with service.upgrade() as phone:
            await phone.send(start(token))
            await phone.send(media())
            await asyncio.wait_for(phone.recv(), WITHIN_S)


async def test_when_the_drain_takes_too_long_calls_are_told_to_end():
    async with serving(drain_s=0) as service, service.upgrade() as phone:
        await phone.send(start(service.token()))
        await phone.send(media())
        await asyncio.wait_for(phone.recv(), WITHIN_S)
        service.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(phone.wait_closed(), WITHIN_S)
        await asyncio.wait_for(service.switchboard.ended.wait(), WITHIN_S)
        assert service.switchboard.told_to_end == ["the service is shutting down"]
        assert service.switchboard.events[-1] == StreamEnded()
        assert CALL_SID not in service.switchboard.legs
        await asyncio.wait_for(asyncio.shield(service.done), WITHIN_S)


async def test_without_calls_the_server_ends_at_once():
    async with serving() as service:
        service.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(asyncio.shield(service.done), WITHIN_S)


@pytest.mark.parametrize(("again", "exit_code"), [(False, 0), (True, -signal.SIGTERM)])
async def test_the_process_ends_well_after_a_drain_and_at_once_at_a_second_signal(again, exit_code):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVICE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": "."},
    )
    port = int(await asyncio.wait_for(process.stdout.readline(), WITHIN_S))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S, trust_env=False) as http:
        process.send_signal(signal.SIGTERM)
        assert (await http.get("/readyz")).status_code == 503
    if again:
        process.send_signal(signal.SIGTERM)
    else:
        process.stdin.write(b"the call is over\n")
    assert await asyncio.wait_for(process.wait(), WITHIN_S) == exit_code
