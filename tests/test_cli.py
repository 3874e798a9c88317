"""The commands as a user types them: in a process of their own, in a folder of the user's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from phoneagent.core.dials import Dial
from phoneagent.simulate.fake_twilio import FakeTwilio
from phoneagent.simulate.realtime_events import Speech, response
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from phoneagent.store import open_store

ROOT = Path(__file__).parent.parent
CLIP = ROOT / "phoneagent" / "simulate" / "clips" / "4-goodbye.wav"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with one agent, where commands are run."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "ada.md").write_text('---\nnumbers: ["+15550100"]\ngreeting: Hello.\n---\nYou are Ada.\n')
    return tmp_path


async def phoneagent(home: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoneagent", *arguments,
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("command", ["serve", "demo", "check", "schema", "simulate", "engine"])
async def test_every_command_explains_itself_with_an_example(home, command):
    code, output, _ = await phoneagent(home, command, "--help")
    assert code == 0
    assert "Example: " in output


async def test_check_shows_who_answers_what(home):
    code, output, _ = await phoneagent(home, "check")
    assert code == 0
    assert "+15550100" in output
    assert "ada" in output


async def test_check_names_every_problem_and_fails(home):
    (home / "agents" / "bob.md").write_text("---\nvoise: marin\ngreting: Hi\n---\n")
    code, output, _ = await phoneagent(home, "check")
    assert code == 1
    assert "agents/bob.md:2" in output
    assert "agents/bob.md:3" in output
    assert "did you mean" in output


async def test_check_refuses_a_schema_that_is_none(home):
    (home / "agents" / "bob.md").write_text("---\nafter_call:\n  extract: {day: {type: dat}}\n---\nYou are Bob.\n")
    code, output, _ = await phoneagent(home, "check")
    assert code == 1
    assert "agents/bob.md:3:12: after_call.extract: properties.day" in output
    assert "'dat' is not valid" in output


async def test_check_warns_of_summaries_that_nobody_writes(home):
    (home / "agents" / "bob.md").write_text("---\nafter_call: {summary: true}\n---\nYou are Bob.\n")
    code, output, _ = await phoneagent(home, "check")
    assert code == 0
    assert "bob.md:2:13: warning: after_call: is skipped as long as PHONEAGENT_AFTER_CALL_MODEL is not set" in output
    model = {"PHONEAGENT_AFTER_CALL_MODEL": "llama", "PHONEAGENT_AFTER_CALL_URL": "http://127.0.0.1:11434/v1"}
    assert "warning" not in (await phoneagent(home, "check", **model))[1]


async def test_schema_is_json(home):
    code, output, _ = await phoneagent(home, "schema")
    assert code == 0
    assert "greeting" in json.loads(output)["properties"]


async def test_wrong_settings_are_told_in_a_line_each(home):
    code, _, errors = await phoneagent(
        home, "serve", PHONEAGENT_PORT="many", PHONEAGENT_PUBLIC_URL="http://example.com"
    )
    assert code == 2
    assert len(errors.splitlines()) == 2
    assert "PHONEAGENT_PORT must be a whole number" in errors
    assert "PHONEAGENT_PUBLIC_URL must begin with https://" in errors


async def test_a_port_in_use_is_no_traceback(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, errors = await phoneagent(
            home, "serve", PHONEAGENT_PORT=str(taken.getsockname()[1]), OPENAI_API_KEY="sk-test"
        )
    assert code == 2
    assert "is in use by another program" in errors
    assert "Traceback" not in errors


async def test_a_second_signal_ends_the_service_without_a_traceback(home):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "phoneagent", "serve"),
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-test", "PHONEAGENT_PORT": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while b'"listening"' not in await asyncio.wait_for(process.stderr.readline(), 60):
        pass
    process.send_signal(signal.SIGTERM)  # perhaps in the middle of writing that line
    process.send_signal(signal.SIGINT)
    errors = (await asyncio.wait_for(process.communicate(), 60))[1].decode()
    assert process.returncode is not None
    assert "Traceback" not in errors


async def test_a_folder_that_is_not_there_is_named(home):
    code, _, errors = await phoneagent(home, "serve", PHONEAGENT_AGENTS="nowhere", OPENAI_API_KEY="sk-test")
    assert code == 2
    assert "there is no folder" in errors
    assert "nowhere" in errors


async def test_simulate_calls_an_agent_by_name_and_keeps_the_recording(home):
    script = [
        expect("response.create").then(
            *response(Speech(words, 600, item_id=words[:3]), response_id=f"resp_{words[:3]}")
        )
        for words in ("Hello.", "You pressed one.")
    ]
    async with ScriptedModel(script) as model:
        code, output, errors = await phoneagent(
            home,
            *("simulate", "--agent", "ada", "--recordings", "calls", "--press", "1#"),
            OPENAI_BASE_URL=model.url,
            PHONEAGENT_ENGINE="openai",
        )
        assert "caller hung up" in output, errors
        assert "Hello." in output
        assert "You pressed one." in output
        assert code == 0
        assert len(list((home / "calls").glob("*.wav"))) == 1


async def test_simulate_leaves_the_calls_that_wait_to_the_service_itself(home):
    (home / "data").mkdir()
    store = await open_store(f"sqlite:///{home}/data/phoneagent.db")
    waiting = Dial("one", "nonce", "ada", "+12125550123", "+15550100", {}, created=datetime.now(UTC))
    await store.dials.add(waiting)
    script = [expect("response.create").then(*response(Speech("Hello.", 600)))]
    api_key = ("SK" + "0" * 32, "secret")
    async with ScriptedModel(script) as model, FakeTwilio(rng=Random(1), auth_token="12345", api_key=api_key) as twilio:
        twilio.number("+15550100")
        await phoneagent(
            home,
            *("simulate", "--agent", "ada"),
            OPENAI_BASE_URL=model.url,
            PHONEAGENT_ENGINE="openai",
            PHONEAGENT_TWILIO_API_URL=twilio.api_url,
            TWILIO_ACCOUNT_SID=twilio.account_sid,
            TWILIO_API_KEY=api_key[0],
            TWILIO_API_SECRET=api_key[1],
        )
        assert await store.dials.get("one") == waiting
    await store.close()


async def test_simulate_says_that_nobody_answers(home):
    code, output, _ = await phoneagent(home, "simulate", "--to", "+15550177", OPENAI_API_KEY="sk-test")
    assert code == 1
    assert "rejected" in output


async def test_simulate_names_the_agents_that_there_are_and_what_is_wrong_with_the_others(home):
    (home / "agents" / "eve.md").write_text("---\nvoise: marin\n---\n")
    code, _, errors = await phoneagent(home, "simulate", "--agent", "eve", OPENAI_API_KEY="sk-test")
    assert code == 2
    assert "no agent 'eve' in agents; there are: ada" in errors
    assert "agents/eve.md:2:1: voise: unknown key" in errors


async def test_words_that_cannot_be_played_are_no_traceback(home):
    code, _, errors = await phoneagent(
        home, "simulate", "--agent", "ada", "--say", "none.wav", OPENAI_API_KEY="sk-test"
    )
    assert code == 2
    assert "--say: cannot read the sound file none.wav" in errors
    assert "Traceback" not in errors


async def test_a_folder_that_cannot_be_written_is_told_before_the_demonstration(home):
    code, output, errors = await phoneagent(home, "demo", PHONEAGENT_DATA="agents/ada.md")
    assert (code, output) == (2, "")
    assert "PHONEAGENT_DATA: agents/ada.md/demo-call.wav cannot be written" in errors


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("PHONEAGENT_HOST", "192.0.2.1", "PHONEAGENT_HOST: 192.0.2.1 is no address of this machine"),
        ("PHONEAGENT_PRICES", "nowhere.toml", "PHONEAGENT_PRICES: nowhere.toml cannot be read"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named(home, setting, value, said):
    code, _, errors = await phoneagent(home, "serve", **{"OPENAI_API_KEY": "sk-test", setting: value})
    assert code == 2
    assert said in errors


async def test_check_of_a_folder_without_agents_says_so(home):
    (home / "agents" / "ada.md").unlink()
    code, output, _ = await phoneagent(home, "check")
    assert code == 0
    assert "No agents in agents." in output


async def test_simulate_wants_to_know_whom_to_call(home):
    code, _, errors = await phoneagent(home, "simulate", "--say", str(CLIP))
    assert code == 2
    assert "--agent" in errors


async def test_ctrl_c_ends_the_demo_at_once(home):
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "phoneagent", "demo"),
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert demo.stdout is not None
    async with asyncio.timeout(90):
        while b"the line is open" not in await demo.stdout.readline():
            pass
        demo.send_signal(signal.SIGINT)
        _, errors = await demo.communicate()
    assert demo.returncode == 130
    assert b"Traceback" not in errors
