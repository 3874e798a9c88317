"""The doctor, on the real service behind a TLS proxy, with a scripted model and a fake Twilio."""

from __future__ import annotations

import asyncio
import random
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phoneagent.app import Service, running
from phoneagent.ops.checks import agents, engine, internet, machine, telephone
from phoneagent.ops.doctor import CHECKS, examine, mended, patient, unexamined
from phoneagent.ops.examination import Check, Patient, Result, ok
from phoneagent.settings import Settings, load
from phoneagent.simulate.fake_twilio import FakeTwilio
from phoneagent.simulate.scripted_model import ScriptedModel
from tests.house.tree import ROOT
from tests.ops.front import Certificate, Front, in_front

AUTH_TOKEN = "12345"
NUMBER = "+15550100"
SHOP = ROOT / "tests/tools/mcp_server.py"


class World:
    """A service with all that is around it, in the best of health."""

    def __init__(self, folder: Path, stack: AsyncExitStack, certificate: Certificate) -> None:
        self.folder = folder
        self.stack = stack
        self.certificate = certificate
        self.front: Front
        self.twilio: FakeTwilio
        self.model: ScriptedModel
        self.settings: Settings
        self.service: Service

    async def begin(self) -> None:
        """Everything but the service, and the settings for it."""
        self.write_agent(f'numbers: ["{NUMBER}"]')
        self.front = await self.stack.enter_async_context(in_front(self.certificate))
        self.twilio = await self.stack.enter_async_context(FakeTwilio(rng=random.Random(1), auth_token=AUTH_TOKEN))
        self.twilio.number(NUMBER, voice_url=f"{self.front.url}/incoming")
        self.model = await self.stack.enter_async_context(ScriptedModel())
        self.settings = self.with_()

    def with_(self, **changes: str) -> Settings:
        """The settings, some of them changed."""
        environ = {
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": self.model.url,
            "PHONEAGENT_AGENTS": str(self.folder / "agents"),
            "PHONEAGENT_DATA": str(self.folder / "data"),
            "PHONEAGENT_PORT": "0",
            "PHONEAGENT_PUBLIC_URL": self.front.url,
            "PHONEAGENT_TWILIO_API_URL": self.twilio.api_url,
            "TWILIO_ACCOUNT_SID": self.twilio.account_sid,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        }
        return load({name: value for name, value in (environ | changes).items() if value}, None)

    def write_agent(self, front_matter: str) -> None:
        (self.folder / "agents").mkdir(exist_ok=True)
        (self.folder / "agents" / "ada.md").write_text(f"---\n{front_matter}\n---\nYou are Ada.\n")

    async def serve(self, settings: Settings | None = None) -> None:
        """Run the service, and lead the public URL to it."""
        self.service = await self.stack.enter_async_context(running(settings or self.settings))
        self.front.leads_to = self.service.url
        self.settings = replace(self.settings, port=int(self.service.url.rpartition(":")[2]))

    async def look(self, check: Any, settings: Settings | None = None, **patient_is: Any) -> Result:
        """What one check finds."""
        async with self.patient(settings, **patient_is) as examined:
            return await Check("it", check).run(examined)

    def patient(self, settings: Settings | None = None, **patient_is: Any) -> Any:
        context = {"ssl_context": self.certificate.trusted()} | patient_is
        return patient(settings or self.settings, **context)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        world = World(tmp_path, stack, Certificate(tmp_path))
        await world.begin()
        yield world


async def test_where_all_is_well_everything_is_ok(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(internet, "_FAR_MS", 60_000)  # however busy the machine is
    (world.folder / "data").mkdir()
    await world.serve()
    async with world.patient() as examined:
        results = {check.name: result async for check, result in examine(examined)}
    assert list(results) == [check.name for check in CHECKS]
    assert {name: result for name, result in results.items() if result.status != "ok"} == {}
    assert "µ-law confirmed" in results["model sessions"].found
    assert "not from Twilio" in results["public URL"].found
    assert results["number webhooks"].found == f"{NUMBER} comes here"
    assert world.service.switchboard.live_calls == 0


async def test_without_a_public_url_it_says_what_it_did_not_check(world: World):
    local = world.with_(PHONEAGENT_PUBLIC_URL="", TWILIO_ACCOUNT_SID="", TWILIO_AUTH_TOKEN="")
    async with world.patient(local) as examined:
        results = {check.name: result async for check, result in examine(examined)}
    unchecked = {name for name, result in results.items() if result.status == "not checked"}
    assert unchecked == {
        *("public URL", "TLS certificate", "webhook signature", "media stream"),
        *("Twilio keys", "Twilio account", "number webhooks"),
    }
    assert all(results[name].found for name in unchecked)
    assert results["settings"].status == "warning"


# The way from the internet


async def test_a_service_with_another_token_is_found_out(world: World):
    await world.serve()
    other = world.with_(TWILIO_AUTH_TOKEN="54321")
    for check in (internet.signature, internet.media_stream):
        result = await world.look(check, other)
        assert result.status == "failed"
        assert "answered with 403" in result.found
        assert "TWILIO_AUTH_TOKEN" in result.to_do


async def test_a_service_that_takes_anybody_for_twilio_is_found_out(world: World):
    open_to_all = replace(world.settings, twilio_auth_token=None, public_url=None)
    await world.serve(open_to_all)
    for check, what in ((internet.signature, "webhook"), (internet.media_stream, "upgrade")):
        result = await world.look(check)
        assert result.status == "failed"
        assert result.found.startswith(f"a {what} without signature was answered with")


async def test_a_proxy_that_does_not_pass_upgrades_is_found_out(world: World):
    await world.serve()
    world.front.passes_upgrades = False
    assert (await world.look(internet.signature)).status == "ok"
    result = await world.look(internet.media_stream)
    assert result.status == "failed"
    assert "let the proxy pass" in result.to_do


async def test_a_tunnel_that_leads_to_nothing_is_told_from_none(world: World):
    world.front.leads_to = "http://127.0.0.1:9"
    result = await world.look(internet.public_url)
    assert (result.status, result.found) == ("failed", f"{world.front.url} leads elsewhere: /healthz answers 502")
    assert "nothing listens where it leads" in result.to_do
    nowhere = await world.look(internet.public_url, world.with_(PHONEAGENT_PUBLIC_URL="https://localhost:9"))
    assert (nowhere.status, nowhere.to_do) == ("failed", "check the tunnel or the proxy, and the name's DNS")
    assert (await world.look(internet.signature)).status == "not checked"


async def test_a_certificate_that_others_do_not_trust_is_none(world: World):
    result = await world.look(internet.certificate, ssl_context=ssl.create_default_context())
    assert result.status == "failed"
    assert result.found.startswith("not trusted: self")


async def test_a_certificate_is_to_be_renewed_in_time(world: World, tmp_path: Path):
    async with in_front(short := Certificate(tmp_path, days=5)) as front:
        settings = world.with_(PHONEAGENT_PUBLIC_URL=front.url)
        result = await world.look(internet.certificate, settings, ssl_context=short.trusted())
    assert result.status == "warning"
    assert "in 5 days" in result.found


async def test_a_service_that_does_not_run_is_said(world: World):
    result = await world.look(internet.service, world.with_(PHONEAGENT_PORT="9"))
    assert (result.status, result.found) == ("warning", "nothing answers at http://127.0.0.1:9")


async def test_round_trips_are_measured_and_silence_is_named(world: World):
    await world.serve()
    assert (await world.look(internet.round_trips)).found.count(" ms") == 3
    result = await world.look(internet.round_trips, world.with_(PHONEAGENT_TWILIO_API_URL="http://127.0.0.1:9"))
    assert result.status == "warning"
    assert result.to_do == "no answer from Twilio's API: check the network"


# Models and agents


@pytest.mark.parametrize(
    ("refuse", "code", "to_do"),
    [(401, "invalid_api_key", "check OPENAI_API_KEY"), (404, "model_not_found", "check `model` in the agent's file")],
)
async def test_a_session_that_is_refused_says_what_to_change(world: World, refuse: int, code: str, to_do: str):
    async with ScriptedModel(refuse=refuse) as model:
        result = await world.look(engine.sessions, world.with_(OPENAI_BASE_URL=model.url))
    assert result.status == "failed"
    assert result.found.startswith(f"ada: {code}")
    assert result.to_do.startswith(to_do)


async def test_each_agent_s_session_is_opened_and_closed_without_a_word(world: World):
    assert (await world.look(engine.sessions)).status == "ok"
    [session] = world.model.sessions
    assert [received.event["type"] for received in session.events] == ["session.update"]
    await session.closed


async def test_a_model_that_is_shut_down_is_known(world: World):
    when = 1_800_000_000  # 2027-01-15
    world.write_agent("model: gpt-realtime")
    result = await world.look(agents.models, clock=lambda: when)
    assert (result.status, result.to_do) == ("warning", "change the agent's file")
    assert "gpt-realtime will be shut down on 2027-01-20" in result.found
    result = await world.look(agents.models, clock=lambda: when + 10 * 86_400)
    assert result.status == "failed"


async def test_tools_of_mcp_servers_that_are_not_there_are_told(world: World):
    def named(tools: str, program: str = str(SHOP)) -> None:
        world.write_agent(f"mcp: {{shop: {{command: [{sys.executable}, {program}], tools: [{tools}]}}}}")

    named("add")
    assert await world.look(agents.mcp_servers) == ok("shop connected, with all tools that are named")
    named("ad")
    result = await world.look(agents.mcp_servers)
    assert (result.status, result.found) == ("failed", "ada: mcp.shop: the server has no tool ad")
    named("add", "nowhere.py")
    result = await world.look(agents.mcp_servers)
    assert result.status == "failed"
    assert result.found.startswith("ada: mcp.shop: ")


async def test_a_file_with_a_mistake_is_named(world: World):
    world.write_agent("voice: nobody")
    result = await world.look(agents.agent_files)
    assert result.status == "failed"
    assert "ada.md:2" in result.found
    (world.folder / "tools").mkdir()
    (world.folder / "tools" / "broken.py").write_text("import nothing_of_that_name\n")
    assert "broken.py" in (await world.look(agents.tools)).found


# Twilio


async def test_wrong_credentials_say_which_to_check(world: World):
    result = await world.look(telephone.keys, world.with_(TWILIO_AUTH_TOKEN="54321"))
    assert result.status == "failed"
    assert "check TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN" in result.found


async def test_a_trial_account_fails(world: World):
    async with FakeTwilio(rng=random.Random(2), auth_token=AUTH_TOKEN, account_type="Trial") as trial:
        settings = world.with_(TWILIO_ACCOUNT_SID=trial.account_sid, PHONEAGENT_TWILIO_API_URL=trial.api_url)
        result = await world.look(telephone.account, settings)
    assert (result.status, result.to_do) == ("failed", "upgrade it in the Twilio console")


async def test_a_number_that_goes_elsewhere_can_be_pointed_here(world: World):
    world.twilio.number("+15550101", voice_url="https://old.example.com/voice")
    world.write_agent('numbers: ["+15550101"]')
    check = Check("it", telephone.webhooks)
    async with world.patient() as examined:
        result = await check.run(examined)
        assert result.status == "warning"
        assert "+15550101 is an agent's, but goes to https://old.example.com/voice" in result.found
        assert f"{NUMBER} comes here, but no agent answers it" in result.found
        assert result.fix is not None
        assert "+15550101 (now https://old.example.com/voice)" in result.fix.question
        after = await mended(examined, check, result.fix)
        assert "+15550101" not in after.found
        numbers = {number.number: number for number in await examined.again().numbers()}
    assert numbers["+15550101"].voice_url == f"{world.front.url}/incoming"


async def test_a_number_of_somebody_else_s_is_named(world: World):
    world.write_agent('numbers: ["+15550199"]')
    result = await world.look(telephone.webhooks)
    assert "+15550199 is an agent's, but not of this account" in result.found


# This machine


async def test_a_clock_that_is_wrong_is_said(world: World):
    assert (await world.look(machine.clock)).status == "ok"
    result = await world.look(machine.clock, clock=lambda: time.time() - 120)
    assert result.status == "warning"
    assert "behind of Twilio's" in result.found


async def test_a_missing_data_folder_can_be_made(world: World):
    check = Check("it", machine.data_folder)
    async with world.patient() as examined:
        result = await check.run(examined)
        assert result.status == "warning"
        assert result.fix is not None
        assert (await mended(examined, check, result.fix)).status == "ok"
    assert (world.folder / "data").is_dir()


async def test_a_mistake_in_the_settings_leaves_the_rest_unknown():
    [(_, first), *others] = unexamined(["PHONEAGENT_PORT must be a number"])
    assert (first.status, first.found) == ("failed", "PHONEAGENT_PORT must be a number")
    assert {result.status for _, result in others} == {"not checked"}
    assert len(others) == len(CHECKS) - 1


# Checks themselves


async def test_a_check_that_breaks_or_hangs_hides_nothing_of_the_others(world: World):
    async def breaks(examined: Patient) -> Result:
        raise KeyError("x")

    async def hangs(examined: Patient) -> Result:
        await asyncio.Event().wait()
        return ok("never")

    async def works(examined: Patient) -> Result:
        return ok("fine")

    checks = (Check("a", breaks), Check("b", hangs, timeout_s=0.05), Check("c", works))
    async with world.patient() as examined:
        results = [result async for _, result in examine(examined, checks)]
    assert [result.found for result in results] == [
        "the check itself broke: KeyError: 'x'",
        "no result within 0.05 s",
        "fine",
    ]
    assert [result.status for result in results] == ["not checked", "not checked", "ok"]
