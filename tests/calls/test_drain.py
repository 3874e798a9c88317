"""SIGTERM to the real command: the running call goes on to its end, no new one is answered, and the exit code is 0."""

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.script import HangUp, Silence
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from tests.calls.service import AUTH_TOKEN, NUMBER, write_agent

SERVE = [sys.executable, "-c", "from phoneagent.cli import main; main()", "serve"]


async def said(server: asyncio.subprocess.Process, message: str) -> dict[str, str]:
    """The next log line with this message."""
    assert server.stderr is not None
    async with asyncio.timeout(15):
        while line := await server.stderr.readline():
            if (fields := json.loads(line))["message"] == message:
                return fields
    raise AssertionError(f"the service ended without saying {message!r}")


async def test_a_call_goes_on_to_its_end_after_sigterm(tmp_path: Path):
    write_agent(tmp_path, "greeting: Good evening!\ntools: [end_call]")
    script = [expect("response.create").then(*response(Speech("Good evening!", ms=500)))]
    async with ScriptedModel(script) as model:
        server = await asyncio.create_subprocess_exec(
            *SERVE,
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.getcwd(),
                "OPENAI_BASE_URL": model.url,
                "PHONEAGENT_ENGINE": "openai",
                "PHONEAGENT_PORT": "0",
                "PHONEAGENT_LOG": "json",
                "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            },
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            url = (await said(server, "listening"))["url"]
            async with FakePhone(url, auth_token=AUTH_TOKEN, rng=random.Random(1)) as phone:
                call = phone.dial(NUMBER, [Silence(60)])
                session = await model.session()
                await call.until(lambda record: record.streams and record.agent_turns)
                server.send_signal(signal.SIGTERM)
                await said(server, "draining: no new calls")
                assert (await phone.dial(NUMBER, [HangUp()]).ended()).outcome == "rejected"
                heard = call.record.line.frames_sent
                await call.until(lambda record: record.line.frames_sent >= heard + 25)
                goodbye = Speech("Goodbye!", ms=300, item_id="item_agent_2", fill=2)
                session.emit(*response(goodbye, ToolCall("end_call"), response_id="resp_2"))
                record = await call.ended()
                assert (record.outcome, record.problems) == ("agent hung up", [])
                assert sum(chunk.played_ms for chunk in record.line.playout.chunks) == 800
                assert (await said(server, "call ended"))["outcome"] == "agent_hung_up"
            assert await asyncio.wait_for(server.wait(), 10) == 0
            assert len(model.sessions) == 1
        finally:
            if server.returncode is None:
                server.kill()
                await server.wait()
