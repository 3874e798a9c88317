"""`phoneagent call` and `phoneagent keys`, typed into a terminal: whole calls, from the command to the telephone."""

from __future__ import annotations

import asyncio
import random
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from phoneagent.agents.directory import AgentDirectory
from phoneagent.cli import main
from phoneagent.simulate.fake_twilio import Busy, FakeTwilio, Fault, NoAnswer, Person, Unreachable, Voicemail
from phoneagent.simulate.realtime_events import Speech, response
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from phoneagent.store import open_store
from tests.calls.service import AUTH_TOKEN, NUMBER, serving, tone, write_agent
from tests.house.tree import ROOT
from tests.ports import refusing_port

ADA = "+12125550123"
SALES = "tools: [end_call]\ngreeting: Hello.\nidle: none"


@dataclass
class Desk:
    """A terminal beside a service that is running."""

    folder: Path
    url: str
    twilio: FakeTwilio
    model: ScriptedModel
    agents: AgentDirectory

    async def type(self, *arguments: str, **environ: str) -> tuple[int, list[str], str]:
        """Exit code, lines and errors of a command, which has a thread and a loop of its own."""
        environ = {"PHONEAGENT_DATA": str(self.folder / "data"), "COLUMNS": "200", **environ}
        run = await asyncio.to_thread(
            CliRunner().invoke, main, arguments, env=environ, prog_name="phoneagent", catch_exceptions=False
        )
        return run.exit_code, run.stdout.splitlines(), run.stderr

    async def call(self, *more: str, to: str = ADA, **environ: str) -> tuple[int, list[str], str]:
        return await self.type("call", to, "--agent", "sales", "--url", self.url, *more, **environ)

    async def key_names(self) -> list[str]:
        store = await open_store(f"sqlite:///{self.folder}/data/phoneagent.db")
        names = [key.name for key in await store.keys.list()]
        await store.close()
        return names


@asynccontextmanager
async def desk(folder: Path, front_matter: str = SALES, **settings: str) -> AsyncIterator[Desk]:
    write_agent(folder, front_matter, "sales", "You sell to {{var.name}}.")
    says = [
        expect("response.create").then(
            *response(Speech("Hello.", ms=100, item_id=f"item_agent_{n}"), response_id=f"resp_{n}")
        )
        for n in range(3)
    ]
    async with (
        ScriptedModel(says) as model,
        FakeTwilio(rng=random.Random(1), auth_token=AUTH_TOKEN, speed=20, speak=tone) as twilio,
        serving(
            folder,
            model,
            PHONEAGENT_DATA=str(folder / "data"),
            PHONEAGENT_TWILIO_API_URL=twilio.api_url,
            PHONEAGENT_CALLS_PER_SECOND="100",
            **({"TWILIO_ACCOUNT_SID": twilio.account_sid} | settings),
        ) as service,
    ):
        twilio.serves(service.url)
        twilio.number(NUMBER)
        yield Desk(folder, service.url, twilio, model, service.agents.directory)


async def test_the_agent_calls_and_talks_to_whom_it_was_told_of(tmp_path):
    async with desk(tmp_path, SALES + "\noutbound: {timeout_s: 300}") as at:
        at.twilio.answers(ADA, Person(ring_s=200, hangs_up_after_s=60))
        code, lines, errors = await at.call("--var", "name=Ada Lovelace")
        assert (code, errors) == (0, "")
        assert lines[-2:] == ["answered", "ended"]
        assert "ringing" in lines
        [call] = at.twilio.calls_to(ADA)
        assert call.from_ == NUMBER
        session = await at.model.session()
        assert "You sell to Ada Lovelace." in session.all("session.update")[0]["session"]["instructions"]
        assert await at.key_names() == []  # the key of the command is gone


@pytest.mark.parametrize(
    ("callee", "last"),
    [
        (Busy(), "busy: the line is busy, or the call was declined"),
        (NoAnswer(), "no answer: nobody answered"),
        (Unreachable(), "failed: the number is not in use"),
    ],
)
async def test_a_call_that_nobody_takes_says_so(tmp_path, callee: Any, last):
    async with desk(tmp_path, SALES + "\noutbound: {timeout_s: 5}") as at:
        at.twilio.answers(ADA, callee)
        code, lines, _ = await at.call()
        assert code == 1
        assert lines[-1].startswith(last)


async def test_a_machine_hears_the_message_after_the_beep(tmp_path):
    leave = 'outbound: {on_machine: {leave_message: "Please call us back."}}'
    async with desk(tmp_path, f"{SALES}\n{leave}") as at:
        at.twilio.answers(ADA, Voicemail(greeting_s=4, hangs_up_after_s=60))
        code, lines, _ = await at.call()
        assert (code, lines[-1]) == (1, "ended: an answering machine answered")
        [*_, last] = (await at.model.session()).all("response.create")
        assert "Please call us back." in str(last)


async def test_a_machine_is_hung_up_on_if_that_is_wanted(tmp_path):
    async with desk(tmp_path, SALES + "\noutbound: {on_machine: hang_up}") as at:
        at.twilio.answers(ADA, Voicemail(greeting_s=4, hangs_up_after_s=None))
        code, lines, _ = await at.call()
        assert (code, lines[-1]) == (1, "ended: an answering machine answered")


@pytest.mark.parametrize("returned_after_s", [0.0, 0.5])
async def test_the_call_may_be_answered_before_it_was_placed(tmp_path, returned_after_s):
    async with desk(tmp_path) as at:
        at.twilio.answers(ADA, Person(ring_s=0, hangs_up_after_s=30))
        at.twilio.create_returns_after(returned_after_s)
        assert (await at.call())[0] == 0


async def test_it_need_not_be_waited_for(tmp_path):
    async with desk(tmp_path) as at:
        at.twilio.answers(ADA, Person(hangs_up_after_s=1))
        code, lines, _ = await at.call("--no-wait")
        assert (code, lines) == (0, ["waits for its turn"])
        await at.twilio.until(lambda: at.twilio.calls_to(ADA))


@pytest.mark.parametrize(
    ("arguments", "to", "why"),
    [
        ((), "+19005551234", "premium-rate"),
        (("--agent", "sails"), ADA, "there are: sales"),
        (("--from", "+15550199"), ADA, "none of the numbers"),
        (("--var", "Ada"), ADA, "must be NAME=VALUE"),
        (("--key", "pa_x_y"), ADA, "no API key of this service; make one with phoneagent keys create"),
        (("--url", "https://127.0.0.1:x"), ADA, "--url"),
    ],
)
async def test_a_call_that_is_refused_says_what_to_do(tmp_path, arguments, to, why):
    async with desk(tmp_path) as at:
        code, _, errors = await at.call(*arguments, to=to)
        assert code != 0
        assert why in errors
        assert not at.twilio.calls


@pytest.mark.parametrize(("code", "what_to_do"), [(21215, "Geo Permissions"), (21216, "blocked by Twilio")])
async def test_what_twilio_refuses_says_what_to_do(tmp_path, code, what_to_do):
    async with desk(tmp_path) as at:
        at.twilio.refuses(ADA, code)
        exit_code, lines, _ = await at.call()
        assert exit_code == 1
        assert what_to_do in lines[-1]


async def test_an_answer_of_twilios_that_is_lost_is_no_second_call(tmp_path):
    async with desk(tmp_path) as at:
        at.twilio.answers(ADA, Person(ring_s=10, hangs_up_after_s=60))
        at.twilio.fail("POST", "/Calls.json", with_=Fault.reset_after)
        code, lines, _ = await at.call()
        assert (code, lines[-2:]) == (0, ["answered", "ended"])
        assert len(at.twilio.calls_to(ADA)) == 1


async def test_a_service_without_an_account_says_what_to_set(tmp_path):
    async with desk(tmp_path, TWILIO_ACCOUNT_SID="") as at:
        code, _, errors = await at.call()
        assert code == 1
        assert "TWILIO_ACCOUNT_SID" in errors


async def test_without_a_service_it_says_how_to_start_one(tmp_path):
    with refusing_port() as port:
        run = await asyncio.to_thread(
            CliRunner().invoke,
            main,
            ["call", ADA, "--agent", "sales"],
            env={"PHONEAGENT_DATA": str(tmp_path), "PHONEAGENT_PORT": str(port)},
        )
    assert run.exit_code == 1
    assert f"no service answers at http://127.0.0.1:{port}: start it with phoneagent serve" in run.stderr


async def test_keys_are_made_listed_used_and_revoked(tmp_path):
    async with desk(tmp_path) as at:
        at.twilio.answers(ADA, Person(hangs_up_after_s=1))
        code, [key], errors = await at.type("keys", "create", "shop[/]")
        assert code == 0
        assert re.fullmatch(r"pa_[0-9a-f]{8}_[\w-]{43}", key)
        assert "not shown again" in errors
        assert (await at.call("--no-wait", "--key", key))[0] == 0
        _, lines, _ = await at.type("keys", "list")
        assert [line.split()[1] for line in lines if "never" in line or "20" in line] == ["shop[/]"]
        assert not any(key.split("_")[2] in line for line in lines)
        code, [reader], _ = await at.type("keys", "create", "reader", "--scope", "read")
        code, _, errors = await at.call("--no-wait", "--key", reader)
        assert (code, "scope" in errors) == (1, True)
        _, lines, _ = await at.type("keys", "list")
        assert [line.split()[2:4] for line in lines if " shop" in line] == [["read", "call"]]
        assert [line.split()[2] for line in lines if " reader" in line] == ["read"]
        assert (await at.type("keys", "create", "shop", "--scope", "write"))[0] == 2
        code, lines, errors = await at.type("keys", "create", " ")
        assert (code, lines, "must not be empty" in errors) == (2, [], True)
        assert (await at.type("keys", "revoke", "shop[/]"))[:2] == (0, ["1 revoked"])
        code, _, errors = await at.call("--no-wait", "--key", key)
        assert (code, "revoked" in errors) == (1, True)
        code, _, errors = await at.type("keys", "revoke", "shop")
        assert (code, "phoneagent keys list" in errors) == (1, True)


async def test_the_examples_of_the_documentation_work(tmp_path):
    page = (ROOT / "docs/outbound.md").read_text(encoding="utf-8")
    agent, command, program = (
        re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
        for kind in ("markdown", "sh", "python")
    )
    async with desk(tmp_path) as at:
        at.twilio.answers(ADA, Person(hangs_up_after_s=20))
        (tmp_path / "agents" / "sales.md").write_text(agent)
        at.agents.reload()
        assert at.agents.problems == ()
        code, lines, _ = await at.type(*shlex.split(command)[1:], "--url", at.url)
        assert (code, lines[-1]) == (0, "ended")
        _, [key], _ = await at.type("keys", "create", "shop")
        names: dict[str, Any] = {"URL": at.url, "KEY": key}
        await asyncio.to_thread(exec, program, names)
        assert names["dial"]["state"] == "completed"
        session = at.model.sessions[-1]
        assert "about the appointment on Friday" in session.all("session.update")[0]["session"]["instructions"]


@pytest.mark.parametrize("command", [["call"], ["keys", "create"], ["keys", "list"], ["keys", "revoke"]])
def test_every_command_explains_itself_with_an_example(command):
    assert "Example: " in CliRunner().invoke(main, [*command, "--help"]).stdout
