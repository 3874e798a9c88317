"""`phoneagent dev` as a user runs it: processes, signals and files are real, tunnel and Twilio are on loopback."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from phoneagent.ops import OpsError
from phoneagent.ops.dev import Terminal, dev
from phoneagent.ops.tunnel import Tunnel, Way
from phoneagent.settings import SettingsError, load
from phoneagent.simulate.fake_twilio import FakeTwilio, Fault
from phoneagent.simulate.script import HangUp
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.twilio.errors import TwilioError
from tests.ops.front import Certificate, Front, in_front
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
NUMBER, OLD = "+15550100", "https://old.example.com/voice"
WITHIN_S = 60.0


class Desk:
    """A developer's folder, a number that is answered elsewhere, and a public URL that leads to `port`."""

    def __init__(
        self, folder: Path, certificate: Certificate, front: Front, twilio: FakeTwilio, model: ScriptedModel
    ) -> None:
        self.folder, self.certificate, self.front, self.twilio = folder, certificate, front, twilio
        self.number = twilio.number(NUMBER, voice_url=OLD)
        self.port = free_port()
        front.leads_to = f"http://127.0.0.1:{self.port}"
        twilio.serves(front.leads_to, front.url)
        (folder / "agents").mkdir()
        (folder / "tools").mkdir()
        (folder / "agents" / "ada.md").write_text(f'---\nnumbers: ["{NUMBER}"]\ngreeting: none\n---\nYou are Ada.\n')
        self.environ = {
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": model.url,
            "PHONEAGENT_DATA": str(folder / "data"),
            "PHONEAGENT_AGENTS": str(folder / "agents"),
            "PHONEAGENT_TWILIO_API_URL": twilio.api_url,
            "PHONEAGENT_LOG": "human",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SSL_CERT_FILE": str(certificate.file),
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": "12345",
        }

    @asynccontextmanager
    async def dev(self, *options: str) -> AsyncIterator[Running]:
        """The command with these options, killed at the end if it still runs."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "phoneagent", "dev", "--port", str(self.port), *options),
            stdout=PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        running = Running(process)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await running.end()

    def port_is_free(self) -> bool:
        """Whether no service is left."""
        with socket.socket() as other:
            return other.connect_ex(("127.0.0.1", self.port)) != 0

    async def ready(self) -> bool:
        """Whether the service answers calls."""
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                return (await http.get(f"{self.front.leads_to}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False


class Running:
    """The command while it runs, and what it has said."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def says(self, words: str) -> str:
        """Wait for the next line with these words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line.rstrip())
                if words in line:
                    return line.rstrip()
        raise AssertionError(f"it ended without {words!r}:\n" + "\n".join(self.said))

    async def end(self) -> int:
        """Wait for its end, and read what it says till then; its exit code."""
        assert self.process.stdout is not None
        rest = await asyncio.wait_for(self.process.stdout.read(), WITHIN_S)
        self.said += rest.decode().splitlines()
        return await self.process.wait()


class Here:
    """The same without a process of its own: `dev` of the module."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self, desk: Desk, *numbers: str) -> None:
        """Run until the tunnel breaks. Raises what `dev` raises."""
        settings = load(desk.environ | {"PHONEAGENT_PORT": str(desk.port)}, None)
        terminal = Terminal(self.said.append, ask=lambda question: False)
        sources = [desk.folder / "tools", desk.folder / ".env"]
        async with httpx.AsyncClient(verify=desk.certificate.trusted()) as http:
            await dev(settings, self._tunnel(desk.front.url), numbers, terminal, sources=sources, http=http)

    def _tunnel(self, url: str) -> Callable[[int], Tunnel]:
        @asynccontextmanager
        async def tunnel(port: int) -> AsyncIterator[Way]:
            yield Way(url, self.broken)

        return tunnel

    async def says(self, words: str) -> None:
        """Wait until it has said these words."""
        await until(lambda: any(words in line for line in self.said))


@asynccontextmanager
async def here(desk: Desk, *numbers: str) -> AsyncIterator[Here]:
    """`dev` while it runs."""
    running = Here()
    task = asyncio.create_task(running.run(desk, *numbers))
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(WITHIN_S):
        while not (await found if asyncio.iscoroutine(found := condition()) else found):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    certificate = Certificate(tmp_path)
    async with (
        in_front(certificate) as front,
        FakeTwilio(rng=random.Random(1), auth_token="12345") as twilio,
        ScriptedModel() as model,
    ):
        desk = Desk(tmp_path, certificate, front, twilio, model)
        monkeypatch.chdir(tmp_path)  # where the service finds its settings
        for name, value in desk.environ.items():
            monkeypatch.setenv(name, value)
        yield desk


async def test_a_number_is_answered_here_until_ctrl_c(desk: Desk):
    async with desk.dev("--url", desk.front.url, "--number", "+1 555-0100") as run:
        await run.says(f"call {NUMBER}")
        assert desk.number.voice_url == f"{desk.front.url}/incoming"
        record = await desk.twilio.phone.dial(NUMBER, [HangUp()]).ended()
        assert record.outcome == "caller hung up"
        run.process.send_signal(signal.SIGINT)
        assert await run.end() == 0
    assert desk.number.voice_url == OLD
    assert f"{NUMBER} is answered by {OLD} again" in run.said
    assert not await desk.ready()


async def test_what_a_killed_run_left_behind_the_next_one_restores_first(desk: Desk):
    async with desk.dev("--url", desk.front.url, "--number", NUMBER) as killed:
        await killed.says("call ")
        killed.process.kill()
        await killed.end()
    assert desk.number.voice_url == f"{desk.front.url}/incoming"
    await until(desk.port_is_free)  # the service has noticed
    async with desk.dev("--url", desk.front.url, "--number", NUMBER) as second:
        await second.says(f"{NUMBER} is answered by {OLD} again")
        second.process.terminate()
        await second.end()
    assert desk.number.voice_url == OLD


async def test_a_changed_tool_starts_the_service_anew_behind_the_same_tunnel(desk: Desk):
    agent = desk.folder / "agents" / "ada.md"
    agent.write_text(f'---\nnumbers: ["{NUMBER}"]\ntools: [open_hours]\n---\nYou are Ada.\n')
    async with here(desk) as run:
        await run.says("no number was named with --number")
        assert not await desk.ready()
        tool = '@tool\ndef open_hours() -> str:\n    """When we are open."""\n    return "always"\n'
        (desk.folder / "tools" / "hours.py").write_text(f"from phoneagent.tools import tool\n\n\n{tool}")
        await run.says("hours.py changed: the service starts anew")
        await until(desk.ready)
    assert not await desk.ready()
    assert desk.number.voice_url == OLD


async def test_a_service_that_does_not_start_is_tried_again_when_a_file_changes(desk: Desk):
    environ = desk.folder / ".env"
    environ.write_text("PHONEAGENT_MAX_CALLS=10\n")
    async with here(desk) as run:
        await run.says("no number was named")
        environ.write_text("PHONEAGENT_MAX_CALLS=many\n")
        await run.says("it is tried again when a file changes")
        environ.write_text("PHONEAGENT_MAX_CALLS=11\n")
        await until(desk.ready)


async def test_a_tunnel_that_breaks_ends_it_and_gives_the_number_back(desk: Desk):
    run = Here()
    task = asyncio.create_task(run.run(desk, NUMBER))
    await run.says(f"call {NUMBER}")
    assert desk.number.voice_url == f"{desk.front.url}/incoming"
    run.broken.set_result("the line was cut")
    with pytest.raises(OpsError, match="the line was cut"):
        await task
    assert run.said[-2:] == [f"call {NUMBER}", f"{NUMBER} is answered by {OLD} again"]
    assert desk.number.voice_url == OLD


async def test_a_number_that_no_agent_answers_is_said(desk: Desk):
    (desk.folder / "agents" / "ada.md").write_text('---\nnumbers: ["+15550199"]\n---\nYou are Ada.\n')
    async with here(desk, NUMBER) as run:
        await run.says(f"warning: no agent answers {NUMBER}")


@pytest.mark.parametrize(
    ("number", "environ", "reason"),
    [
        ("+15550199", {}, r"\+15550199 is not a number of this account, which has: \+15550100"),
        (NUMBER, {"TWILIO_ACCOUNT_SID": ""}, "the account at Twilio is not known: set TWILIO_ACCOUNT_SID"),
        (NUMBER, {"TWILIO_AUTH_TOKEN": "wrong"}, "the credentials are wrong"),
        (NUMBER, {"TWILIO_AUTH_TOKEN": ""}, "TWILIO_AUTH_TOKEN must be set"),
        (NUMBER, {"PHONEAGENT_AGENTS": "nowhere"}, "the service did not start; why is above"),
    ],
)
async def test_what_can_not_work_is_said_and_nothing_is_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: str, environ: dict[str, str], reason: str
):
    desk.environ |= environ
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((OpsError, TwilioError), match=reason):
        await Here().run(desk, number)
    assert desk.number.voice_url == OLD


async def test_a_port_that_is_taken_is_said(desk: Desk):
    with (
        socket.create_server(("127.0.0.1", desk.port)),
        pytest.raises(SettingsError, match=f"port {desk.port} is in use by another program"),
    ):
        await Here().run(desk, NUMBER)


async def test_a_trial_account_is_told_that_it_can_not(desk: Desk):
    async with FakeTwilio(rng=random.Random(2), auth_token="12345", account_type="Trial") as trial:
        trial.number(NUMBER, voice_url=OLD)
        desk.environ |= {"PHONEAGENT_TWILIO_API_URL": trial.api_url, "TWILIO_ACCOUNT_SID": trial.account_sid}
        with pytest.raises(OpsError, match="trial account, which can't open media streams"):
            await Here().run(desk, NUMBER)


async def test_an_api_key_that_may_not_read_the_account_will_do(desk: Desk):
    desk.twilio.fail("GET", f"/{desk.twilio.account_sid}.json", times=None, with_=Fault.status(403))
    async with here(desk, NUMBER) as run:
        await run.says(f"call {NUMBER}")


async def test_a_data_folder_that_can_not_be_is_said(desk: Desk):
    desk.environ["PHONEAGENT_DATA"] = str(desk.folder / "agents" / "ada.md" / "data")
    with pytest.raises(OpsError, match=r"PHONEAGENT_DATA: .* can't be made"):
        await Here().run(desk, NUMBER)


async def test_a_trunk_is_left_alone_when_the_answer_is_no(desk: Desk):
    desk.number.trunk_sid = "TK1"
    with pytest.raises(OpsError, match="stays with the SIP trunk TK1, and nothing was changed"):
        await Here().run(desk, NUMBER)
    assert desk.number.trunk_sid == "TK1"
