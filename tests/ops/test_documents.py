"""docs/ngrok.md is true to the code: its commands parse, its files are as it says."""

import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from phoneagent.cli import main
from phoneagent.ops.dev import LOANS
from phoneagent.ops.reloading import DRAIN_S
from phoneagent.ops.webhooks import INCOMING, STATUS
from phoneagent.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/ngrok.md").read_text(encoding="utf-8")
NGROK = (ROOT / "ngrok.yml.example").read_text(encoding="utf-8")

FENCED = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^(?:#\s+)?phoneagent (.*)$", f"{FENCED}\n{NGROK}", re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_understood(command: str):
    name, *arguments = shlex.split(command, comments=True)
    assert main.commands[name].make_context(name, arguments)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z]+)", PAGE))))
def test_the_options_exist(option: str):
    parameters = [parameter for name in ("dev", "numbers", "doctor") for parameter in main.commands[name].params]
    assert option in {name for parameter in parameters for name in parameter.opts}


def test_all_three_commands_have_an_example():
    assert {command.split()[0] for command in COMMANDS} == {"dev", "numbers", "doctor"}


def test_the_names_and_times_are_those_of_the_code():
    assert f"`{LOANS}`" in PAGE
    assert f"`{INCOMING}`" in PAGE
    assert f"`{STATUS}`" in PAGE
    assert f"{DRAIN_S:g} s longer" in PAGE


def test_the_configuration_of_ngrok_s_agent_leads_to_our_port():
    config = YAML(typ="safe").load(NGROK)
    [endpoint] = config["endpoints"]
    assert config["version"] == 3
    assert endpoint["upstream"]["url"] == f"http://127.0.0.1:{Settings().port}"
    assert f"ngrok start --config ngrok.yml {endpoint['name']}" in FENCED
    assert endpoint["url"] in FENCED
