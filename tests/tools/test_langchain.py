"""Tools that are written for LangChain, found and run like ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from phoneagent.core.agents import Agent
from phoneagent.tools import Call, Toolbox, Workers, load_tools

TOOLS = '''
from typing import Annotated, Literal
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, ToolException, tool
from pydantic import BaseModel, Field

@tool
def multiply(a: int, b: Annotated[int, "how often"] = 2) -> int:
    """Multiply two numbers."""
    return a * b

@tool
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello {name}!"

class Order(BaseModel):
    number: int = Field(ge=1, description="the number on the receipt")
    kind: Literal["new", "old"] = "new"

class OrderStatus(BaseTool):
    name: str = "order_status"
    description: str = "Tell where an order is."
    args_schema: type[BaseModel] = Order

    def _run(self, number: int, kind: str = "new") -> dict:
        if number == 13:
            raise ToolException("There is no order 13.")
        return {"number": number, "kind": kind}

order_status = OrderStatus()

@tool
def crash() -> str:
    """Crash."""
    raise KeyError("secret")

@tool
def search(query: str, user: Annotated[str, InjectedToolArg] = "nobody") -> str:
    """Search."""
    return f"{query} for {user}"

from_a_server = StructuredTool.from_function(
    func=lambda city: f"sunny in {city}", name="weather", description="Tell the weather.",
    args_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chain.py").write_text(TOOLS)
    return tmp_path


def test_the_model_is_told_of_them_as_of_ours(folder: Path):
    loaded = load_tools(folder)
    assert loaded.problems == ()
    assert sorted(loaded.tools) == ["crash", "greet", "multiply", "order_status", "search", "weather"]
    multiply = loaded.tools["multiply"].spec
    assert multiply.description == "Multiply two numbers."
    assert multiply.parameters["required"] == ["a"]
    assert multiply.parameters["properties"]["b"]["description"] == "how often"
    assert multiply.parameters["additionalProperties"] is False
    assert loaded.tools["order_status"].spec.description == "Tell where an order is."
    assert list(loaded.tools["search"].spec.parameters["properties"]) == ["query"]
    for tool in loaded.tools.values():
        Draft202012Validator.check_schema(dict(tool.spec.parameters))


async def test_they_run_in_the_workers_with_arguments_that_were_checked(folder: Path):
    loaded = load_tools(folder)
    workers = Workers(folder, loaded.tools)
    toolbox = Toolbox(workers.tools, workers=workers)
    agent = Agent("ada", tools=tuple(loaded.tools))

    async def run(name: str, /, **arguments: Any) -> dict[str, Any]:
        result = await toolbox.run(name, json.dumps(arguments), Call("CA1", "", "", agent, "key"))
        told: dict[str, Any] = json.loads(result.output)
        return told

    await toolbox.start()
    try:
        assert await run("multiply", a=4) == {"result": 8}
        assert await run("greet", name="Eve") == {"result": "Hello Eve!"}
        assert await run("order_status", number=7) == {"result": {"number": 7, "kind": "new"}}
        assert await run("weather", city="Rome") == {"result": "sunny in Rome"}
        assert await run("order_status", number=13) == {"error": "failed", "message": "There is no order 13."}
        assert await run("crash") == {"error": "failed", "message": "The tool failed (KeyError)."}
        for name, arguments in (
            ("multiply", {"a": "4"}),
            ("multiply", {"a": 4, "c": 1}),
            ("greet", {}),
            ("order_status", {"number": 0}),
            ("search", {"query": "x", "user": "admin"}),
            ("weather", {"city": 4}),
        ):
            assert (await run(name, **arguments))["error"] == "bad_arguments", name
    finally:
        await toolbox.close()


def test_one_that_can_not_be_told_is_a_problem_of_its_file(tmp_path: Path):
    (tmp_path / "chain.py").write_text(
        "from langchain_core.tools import StructuredTool\n"
        "odd = StructuredTool.from_function(func=len, name='a name', description='Odd.', args_schema={})\n"
    )
    (tmp_path / "same.py").write_text(
        "from langchain_core.tools import tool\n@tool\ndef end_call() -> str:\n    'End it.'\n    return ''\n"
    )
    assert [problem.message for problem in load_tools(tmp_path).problems] == [
        "a name: a tool's name may have ASCII letters, digits, _ and - only, 64 at most",
        "the tool 'end_call' is already in phoneagent itself",
    ]
