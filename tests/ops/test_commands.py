"""The commands `dev`, `numbers` and `doctor`, typed into a terminal."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from phoneagent.cli import main
from phoneagent.simulate.fake_twilio import FakeTwilio
from phoneagent.simulate.scripted_model import ScriptedModel

NUMBER, HERE, OLD = "+15550100", "https://voice.example.com", "https://old.example.com/voice"


class Terminal:
    """A folder with an agent, an account at Twilio, and a model."""

    def __init__(self, folder: Path, twilio: FakeTwilio, model: ScriptedModel) -> None:
        (folder / "agents").mkdir()
        (folder / "agents" / "ada.md").write_text(f'---\nnumbers: ["{NUMBER}"]\n---\nYou are Ada.\n')
        self.folder = folder
        self.twilio = twilio
        self.environ = {
            "COLUMNS": "200",
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": model.url,
            "PHONEAGENT_AGENTS": str(folder / "agents"),
            "PHONEAGENT_DATA": str(folder / "data"),
            "PHONEAGENT_PUBLIC_URL": HERE,
            "PHONEAGENT_TWILIO_API_URL": twilio.api_url,
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": "12345",
        }

    async def type(self, *arguments: str, answer: str = "", **environ: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a command; `answer` is typed in."""
        # in a thread, for the command has an event loop of its own, and Twilio and the model are on this one
        run = await asyncio.to_thread(
            CliRunner().invoke, main, arguments, input=answer, env=self.environ | environ, prog_name="phoneagent"
        )
        return run.exit_code, run.stdout, run.stderr


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.getLogger("uvicorn.access").disabled = False


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    async with FakeTwilio(rng=random.Random(1), auth_token="12345") as twilio, ScriptedModel() as model:
        yield Terminal(tmp_path, twilio, model)


async def test_numbers_shows_and_connects(terminal: Terminal):
    number = terminal.twilio.number(NUMBER, voice_url=OLD, trunk_sid="TK1")
    code, output, _ = await terminal.type("numbers")
    assert code == 0
    assert "the SIP trunk TK1" in output
    code, output, errors = await terminal.type("numbers", "--connect", NUMBER, answer="n\n")
    assert (code, number.trunk_sid, number.voice_url) == (1, "TK1", OLD)
    assert f"Error: {NUMBER} stays with the SIP trunk TK1, and nothing was changed" in errors
    code, output, _ = await terminal.type("numbers", "--connect", NUMBER, answer="y\n")
    assert (code, number.trunk_sid, number.voice_url) == (0, "", f"{HERE}/incoming")
    assert f"calls: {OLD} -> {HERE}/incoming" in output
    assert "warning" not in output


async def test_who_connects_a_number_is_warned_if_nobody_answers_it(terminal: Terminal):
    terminal.twilio.number("+15550101", voice_url=OLD)
    code, output, _ = await terminal.type("numbers", "--connect", "+15550101")
    assert code == 0
    assert "warning: no agent answers +15550101: add it to `numbers` of an agent's file" in output


@pytest.mark.parametrize(
    ("arguments", "environ", "reason"),
    [
        (["--connect", NUMBER, "--fallback", f"{HERE}/x"], {}, "--fallback must be something that is not this service"),
        (["--connect", NUMBER], {"PHONEAGENT_PUBLIC_URL": ""}, "PHONEAGENT_PUBLIC_URL must be the https address"),
        ([], {"TWILIO_ACCOUNT_SID": ""}, "the account at Twilio is not known"),
        ([], {"TWILIO_AUTH_TOKEN": "wrong"}, "the credentials are wrong"),
    ],
)
async def test_a_mistake_is_a_line(terminal: Terminal, arguments: list[str], environ: dict[str, str], reason: str):
    code, _, errors = await terminal.type("numbers", *arguments, **environ)
    assert code == 1
    assert reason in errors
    assert len(errors.splitlines()) == 1


async def test_dev_wants_an_https_address(terminal: Terminal):
    code, _, errors = await terminal.type("dev", "--url", "http://voice.example.com")
    assert (code, errors.count("\n")) == (1, 1)
    assert "--url must be the https address" in errors


async def test_the_doctor_prints_a_line_for_each_check_and_fixes_what_it_may(terminal: Terminal):
    number = terminal.twilio.number(NUMBER, voice_url=OLD)
    local = {"PHONEAGENT_PUBLIC_URL": "https://localhost:9"}
    code, output, errors = await terminal.type("doctor", "--json", **local)
    results = {line["check"]: line for line in json.loads(output)}
    assert (code, errors) == (1, "")
    assert results["public URL"]["status"] == "failed"
    assert results["model sessions"]["status"] == "ok"
    code, output, _ = await terminal.type("doctor", "--fix", answer="y\ny\n", **local)
    assert code == 1  # nothing is at the public URL
    assert (terminal.folder / "data").is_dir()
    assert number.voice_url == "https://localhost:9/incoming"
    assert f"ok          number webhooks    {NUMBER} comes here" in output


async def test_the_doctor_ends_well_where_nothing_has_failed(terminal: Terminal):
    code, output, _ = await terminal.type("doctor", PHONEAGENT_PUBLIC_URL="", TWILIO_ACCOUNT_SID="")
    assert code == 0
    assert output.splitlines()[-1].startswith("9 ok, ")


async def test_the_doctor_says_what_is_wrong_with_the_settings_and_looks_no_further(terminal: Terminal):
    code, output, errors = await terminal.type("doctor", PHONEAGENT_PORT="x")
    assert (code, errors) == (1, "")
    assert "failed      settings           PHONEAGENT_PORT must be a whole number" in output
    assert "not checked public URL         the settings are wrong" in output
