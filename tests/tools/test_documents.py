"""The examples of docs/tools.md do what the page says."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from phoneagent.agents.directory import AgentDirectory
from phoneagent.core.agents import Agent
from phoneagent.tools import Call, Toolbox, Workers, load_tools
from phoneagent.tools.http import HttpTools
from phoneagent.tools.mcp import McpServers
from tests.house.tree import ROOT
from tests.tools.web import answer, names, serving, trusting, watched

PAGE = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")


def example(section: str, language: str) -> str:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def agent_of(folder: Path, front: str) -> Agent:
    (folder / "ada.md").write_text(f'---\nnumbers: ["+15550100"]\n{front}---\nYou are Ada.\n')
    directory = AgentDirectory(folder, tools={"end_call"})
    assert directory.problems == ()
    agent = directory.by_name("ada")
    assert agent is not None
    return agent


def call_of(agent: Agent) -> Call:
    return Call("CA1", "+15550199", "+15550100", agent, "CA1/call_1")


async def test_the_python_functions_of_the_page(tmp_path: Path):
    (tmp_path / "clinic.py").write_text(example("Python functions", "python"))
    tools, problems = load_tools(tmp_path)
    assert problems == ()
    workers = Workers(tmp_path, tools)
    toolbox = Toolbox(workers.tools, workers=workers)
    ada = call_of(Agent("ada", tools=("book_appointment", "look_up_caller")))

    async def told(name: str, call: Call, **arguments: str) -> object:
        answered: object = json.loads((await toolbox.run(name, json.dumps(arguments), call)).output)
        return answered

    await toolbox.start()
    calls = [replace(ada, idempotency_key=f"CA1/call_{number}") for number in (1, 1, 2)]
    for call in calls:
        assert await told("book_appointment", call, day="monday", reason="a cough") == {"result": {"booked": "monday"}}
    assert await told("book_appointment", call, day="sunday", reason="a cough") == {
        "error": "bad_arguments",
        "message": "day: Input should be 'monday' or 'tuesday'",
    }
    full = replace(ada, idempotency_key="CA1/call_3")
    assert await told("book_appointment", full, day="monday", reason="a cough") == {
        "error": "failed",
        "message": "There is nothing left on monday.",
    }
    assert await told("look_up_caller", ada) == {"result": "Ada Lovelace, last seen in May"}
    await toolbox.close()


async def test_the_http_tool_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    agent = agent_of(tmp_path, example("HTTP tools", "yaml"))
    secrets = {"SHOP_TOKEN": "s3cr3t-0123456789"}
    toolbox = Toolbox({}, http=HttpTools(secrets, ssl_context=trusting(), resolve=names()))
    network = watched(monkeypatch)
    order = {"status": "shipped", "delivery": {"day": "Monday", "by": "bike"}, "price": 12}
    async with serving(lambda request: answer(order), tls=True) as server:
        network.port = server.port
        result = await toolbox.run("order_status", '{"order": "A1234"}', call_of(agent))
        refused = await toolbox.run("order_status", '{"order": "../admin"}', call_of(agent))
    [request] = server.received
    assert (request.method, request.path) == ("GET", "/orders/A1234?lang=en")
    assert request.headers["authorization"] == "Bearer s3cr3t-0123456789"
    assert result.output.replace(" ", "") == '{"result":{"status":"shipped","arrives":"Monday"}}'
    assert "bad_arguments" in refused.output
    await toolbox.close()


async def test_the_mcp_server_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "crm_server.py").write_text(example("MCP servers", "python"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents").mkdir()
    agent = agent_of(tmp_path / "agents", example("MCP servers", "yaml").replace("[python,", f"[{sys.executable},"))
    servers = McpServers({"CRM_TOKEN": "s3cr3t-0123456789"})
    toolbox = Toolbox({}, mcp=servers)
    await servers.refresh([agent])
    assert servers.problems == []
    assert [spec.name for spec in toolbox.specs(agent)] == ["end_call", "crm_find_customer"]
    result = await toolbox.run("crm_find_customer", '{"number": "+15550199"}', call_of(agent))
    assert result.output.replace(" ", "") == '{"result":{"number":"+15550199","name":"AdaLovelace"}}'
    await toolbox.close()
