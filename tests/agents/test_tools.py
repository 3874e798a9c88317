"""What an agent file says of tools: names, options, HTTP tools, MCP servers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from phoneagent.agents.crosschecks import Finding
from phoneagent.agents.tool_keys import ToolOptions
from phoneagent.core.agents import Agent, Filler, HttpTool, Line, McpServer, ToolPolicy
from tests.agents.folder import Folder

KNOWN = {"end_call", "book", "transfer_call", "hand_over", "send_sms"}


def ada(folder: Folder, front: str, **options: Any) -> Agent:
    """The agent of a front matter without problems."""
    folder.write("ada", front)
    directory = folder.open(tools=KNOWN, **options)
    assert folder.problems(directory) == []
    agent = directory.by_name("ada")
    assert agent is not None
    return agent


def problems(folder: Folder, front: str, **options: Any) -> list[str]:
    folder.write("ada", front)
    return folder.problems(folder.open(**{"tools": KNOWN} | options))


# Options


def test_a_tool_may_have_options_and_only_those_that_are_there_are_set(folder: Folder):
    agent = ada(
        folder,
        """
        tools:
          - end_call
          - book: {confirm: true, timeout_s: 5, while_running: "One moment, please."}
          - send_sms: {}
        """,
    )
    assert agent.tools == ("end_call", "book", "send_sms")
    assert agent.tool_options == {
        "book": {"confirm": True, "timeout_s": 5, "while_running": Filler(Line("One moment, please."))}
    }
    assert ToolPolicy(**agent.tool_options["book"]).confirm


def test_every_option_of_a_policy_can_be_set():
    assert set(ToolOptions.model_fields) == {option.name for option in fields(ToolPolicy)}


@pytest.mark.parametrize(
    ("written", "filler"),
    [
        ("Let me see.", Filler(Line("Let me see."))),
        ("{instruction: Say that you are looking.}", Filler(Line("Say that you are looking.", exact=False))),
        ("music", Filler(None)),
        ("{after_ms: 800, say: Let me see.}", Filler(Line("Let me see."), 800)),
        ("{after_ms: 800, say: {instruction: Hum.}}", Filler(Line("Hum.", exact=False), 800)),
        ("{say: music}", Filler(None)),
        ("off", None),
    ],
)
def test_what_is_heard_while_a_tool_runs(folder: Folder, written: str, filler: Filler | None):
    agent = ada(folder, f"tools:\n  - book: {{while_running: {written}}}")
    assert agent.tool_options == {"book": {"while_running": filler}}


# HTTP tools

ORDER_STATUS = """
tools:
  - order_status:
      description: Look up an order.
      parameters:
        order: {type: string, description: The order's number}
        detailed: {type: boolean, default: false}
      http:
        method: POST
        url: https://api.example.com/orders/{order}
        query: {lang: en, page: 1}
        headers: {Authorization: "Bearer ${SHOP_TOKEN}"}
        body: {detailed: "{detailed}", tags: [a, 1, null]}
        result: status
        allow_redirects: true
      while_running: {after_ms: 800, say: Let me look that up.}
"""


def test_an_http_tool_is_declared_where_it_is_listed(folder: Folder):
    agent = ada(folder, ORDER_STATUS, secrets={"SHOP_TOKEN"})
    assert agent.tools == ("order_status",)
    assert agent.tool_options == {"order_status": {"while_running": Filler(Line("Let me look that up."), 800)}}
    assert agent.http_tools == {
        "order_status": HttpTool(
            description="Look up an order.",
            method="POST",
            url="https://api.example.com/orders/{order}",
            parameters={
                "type": "object",
                "properties": {
                    "order": {"type": "string", "description": "The order's number"},
                    "detailed": {"type": "boolean", "default": False},
                },
                "required": ["order"],
                "additionalProperties": False,
            },
            query={"lang": "en", "page": 1},
            headers={"Authorization": "Bearer ${SHOP_TOKEN}"},
            body={"detailed": "{detailed}", "tags": ["a", 1, None]},
            result="status",
            allow_redirects=True,
        )
    }


def test_what_is_required_can_be_said_and_the_schema_be_a_whole_one(folder: Folder):
    front = "tools:\n  - look:\n      description: Look.\n      http: {url: https://example.com}\n      "
    some = ada(folder, f"{front}parameters: {{a: {{type: string}}, b: {{type: string}}}}\n      required: [b]")
    assert some.http_tools["look"].parameters["required"] == ["b"]
    whole = ada(folder, f"{front}parameters: {{type: object, properties: {{a: {{}}}}, additionalProperties: true}}")
    assert whole.http_tools["look"].parameters == {
        "type": "object",
        "properties": {"a": {}},
        "additionalProperties": True,
    }
    none = ada(folder, front)
    assert none.http_tools["look"].parameters["properties"] == {}
    assert none.http_tools["look"].method == "GET"


def test_a_further_check_tells_where_in_the_file_it_found_something(folder: Folder):
    folder.write("base", ORDER_STATUS)
    folder.write("ada", "extends: base")
    directory = folder.open(
        tools=KNOWN,
        check=lambda agent: [Finding(("tools", name, "http", "url"), "leads nowhere") for name in agent.http_tools],
    )
    assert folder.problems(directory) == [
        "ada.md:2:10: extends: 'base' has errors of its own",
        "base.md:10:14: tools[1].order_status.http.url: leads nowhere",
    ]


# MCP servers


def test_mcp_servers_are_programs_or_addresses(folder: Folder):
    agent = ada(
        folder,
        """
        mcp:
          crm:
            url: https://crm.example.com/mcp
            headers: {X-Key: "${CRM}"}
            tools: [find]
            run_by: model
            confirm: true
          files: {command: [python, server.py], env: {ROOT: /srv}}
          here: {url: "http://127.0.0.1:9000/mcp", allow_private: true}
        """,
        secrets={"CRM"},
    )
    assert agent.mcp == {
        "crm": McpServer(
            url="https://crm.example.com/mcp",
            headers={"X-Key": "${CRM}"},
            tools=("find",),
            run_by="model",
            confirm=True,
        ),
        "files": McpServer(command=("python", "server.py"), env={"ROOT": "/srv"}),
        "here": McpServer(url="http://127.0.0.1:9000/mcp", allow_private=True),
    }
    assert agent.tools == ("end_call",)
    assert agent.remote_policies == {"crm_find": ToolPolicy(confirm=True)}


def test_what_is_inherited_can_be_changed_in_part(folder: Folder):
    folder.write("base", 'mcp: {crm: {url: "https://crm.example.com/mcp", tools: [find]}}')
    agent = ada(folder, "extends: base\nmcp: {crm: {tools: [find, note]}}")
    assert agent.mcp == {"crm": McpServer(url="https://crm.example.com/mcp", tools=("find", "note"))}


# Mistakes

HTTP = "tools:\n  - look:\n      description: Look.\n      http: {url: https://example.com}\n"
URL = 'url: "https://example.com/mcp"'


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        ("tools: [{book: {confirm: yes please}}]", "2:26: tools[1].book.confirm: must be boolean, got 'yes please'"),
        ("tools: [{book: {timeout_s: 0}}]", "2:28: tools[1].book.timeout_s: must be greater than 0, got 0"),
        (
            "tools: [{book: {confrim: true}}]",
            "2:17: tools[1].book.confrim: unknown key, did you mean 'confirm'?",
        ),
        ("tools: [{bok: {confirm: true}}]", "2:9: tools[1]: no tool 'bok', did you mean 'book'?"),
        (
            "tools:\n  - book: {}\n    end_call: {}",
            "3:5: tools[1]: must be the name of a tool, or one name and its options: `- book_table: {confirm: true}`",
        ),
        ("tools:\n  - book:", "3:10: tools[1].book: must be lines of `key: value`"),
        ("tools: [book, {book: {confirm: true}}]", "2:8: tools: the tool 'book' is there twice"),
        (
            HTTP.replace("look", "lo ok"),
            "3:5: tools[1].lo ok: is not in the form that it must have, got 'lo ok'",
        ),
        ("tools: [{book: {while_running: {after_ms: 5}}}]", "2:32: tools[1].book.while_running.say: is missing"),
        (
            'tools: [{book: {while_running: "Hello {{caller}}"}}]',
            "2:32: tools[1].book.while_running: {{…}} is filled in in the prompt only",
        ),
        (HTTP.replace("look", "book"), "3:5: tools[1]: there is another tool 'book' already: choose another name"),
        (HTTP.replace("description: Look.", "silent: true"), "4:7: tools[1].look.description: is missing"),
        (
            HTTP.replace("}", ", metod: GET}"),
            "5:40: tools[1].look.http.metod: unknown key, did you mean 'method'?",
        ),
        (
            HTTP + "      parameters: {day: date}",
            "4:7: tools[1].look: parameters.day must be a JSON Schema, as in {type: string, description: …}",
        ),
        (
            HTTP + "      required: [day]",
            "4:7: tools[1].look: required: day is not among the parameters",
        ),
        (
            HTTP + "      parameters: {type: object}\n      required: []",
            "4:7: tools[1].look: required stands in the schema, where `parameters` is a whole one",
        ),
        (
            HTTP.replace("}", ", body: {day: [2026-01-01]}}"),
            "5:46: tools[1].look.http.body: 2026-01-01 must be a text: write it in quotes",
        ),
        (
            HTTP.replace("}", ", body: {1: a}}"),
            "5:46: tools[1].look.http.body: a key must be a text: write 1 in quotes",
        ),
        (
            HTTP.replace("}", ", query: {a: .inf}}"),
            "5:51: tools[1].look.http.query.a: inf is no number of JSON",
        ),
        ("mcp: {crm: {}}", "2:12: mcp.crm: must have a url, or a command, and not both"),
        (f"mcp: {{crm: {{{URL}, command: [a]}}}}", "2:12: mcp.crm: must have a url, or a command, and not both"),
        (f"mcp: {{1a: {{{URL}}}}}", "2:7: mcp.1a: is not in the form that it must have, got '1a'"),
        (
            "mcp: {crm: {url: crm.example.com}}",
            "2:12: mcp.crm: the url must be like https://host/mcp, got 'crm.example.com'",
        ),
        (
            'mcp: {crm: {url: "https://[::1/mcp"}}',
            "2:12: mcp.crm: the url must be like https://host/mcp, got 'https://[::1/mcp'",
        ),
        (
            'mcp: {crm: {url: "http://crm.example.com/mcp"}}',
            "2:12: mcp.crm: the url must begin with https://, or set allow_private",
        ),
        (
            f"mcp: {{crm: {{{URL}, run_by: model, allow_private: true}}}}",
            "2:12: mcp.crm: the model's service reaches no private address: leave allow_private out, or run_by",
        ),
        (
            f"mcp: {{crm: {{{URL}, run_by: model, confirm: true}}}}",
            "2:12: mcp.crm: name its tools: what the model's service runs can be confirmed by name only",
        ),
        (
            "mcp: {crm: {command: [a], run_by: model}}",
            "2:12: mcp.crm: a command is run by this service: run_by: model needs a url",
        ),
        (
            "mcp: {crm: {command: [a], headers: {X: a}}}",
            "2:12: mcp.crm: headers and allow_private belong to a url",
        ),
        (f"mcp: {{crm: {{{URL}, env: {{X: a}}}}}}", "2:12: mcp.crm: env belongs to a command"),
        ("mcp: {crm: {command: []}}", "2:22: mcp.crm.command: must not be empty"),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Folder, front: str, problem: str):
    assert problems(folder, front) == [f"ada.md:{problem}"]


def test_a_secret_that_agents_may_not_have_is_named(folder: Folder):
    header = ', headers: {X-Key: "${A} ${HOME}"}}'
    front = HTTP.replace("}", header) + 'mcp: {files: {command: [a], env: {B: "${C}"}}}'
    assert problems(folder, front, secrets={"A"}) == [
        "ada.md:5:57: tools[1].look.http.headers.X-Key: ${HOME} is not among the variables that "
        "PHONEAGENT_TOOL_SECRETS lists",
        "ada.md:6:38: mcp.files.env.B: ${C} is not among the variables that PHONEAGENT_TOOL_SECRETS lists",
    ]
    assert problems(folder, front) == []
