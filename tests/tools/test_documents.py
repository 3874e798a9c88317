"""The example of docs/tools.md does what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from phoneagent.core.agents import Agent, Filler, Line, ToolPolicy
from phoneagent.tools import Call, Toolbox, Workers, load_tools
from phoneagent.tools.builtin import BUILTIN

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")


async def test_the_example_runs(tmp_path: Path):
    (tmp_path / "clinic.py").write_text(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])
    loaded = load_tools(tmp_path)
    assert loaded.problems == ()
    workers = Workers(tmp_path, loaded.tools)
    toolbox = Toolbox(workers.tools, workers=workers)
    agent = Agent("ada", tools=("book_appointment", "look_up_caller"))
    assert toolbox.policies(agent)["book_appointment"] == ToolPolicy(
        5, Filler(Line("One moment, I am looking.")), side_effects=True
    )
    notes: dict[str, Any] = {}

    async def run(name: str, key: str, **arguments: str) -> Any:
        call = Call("CA1", "+15550199", "+15550100", agent, key, notes)
        return json.loads((await toolbox.run(name, json.dumps(arguments), call)).output)

    await toolbox.start()
    try:
        assert await run("look_up_caller", "0") == {"result": "Ada Lovelace, last seen in May"}
        for key in ("1", "1", "2"):
            answer = await run("book_appointment", key, day="monday", reason="A cough")
            assert answer == {"result": {"booked": "monday"}}
        full = await run("book_appointment", "3", day="monday", reason="A cough")
        assert full == {"error": "failed", "message": "There is nothing left on monday."}
        assert notes == {"appointment": "monday"}
    finally:
        await toolbox.close()


def test_every_built_in_tool_is_explained():
    explained = set(re.findall(r"^\| `(\w+)[`(]", PAGE.partition("## Built-in tools")[2], re.MULTILINE))
    assert explained == {*BUILTIN, "look_up_caller"}
