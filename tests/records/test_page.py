"""docs/after-the-call.md is true to the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from phoneagent.records.chat import TRIES
from phoneagent.settings import load
from phoneagent.store.calls import After
from phoneagent.store.summaries import CLAIM
from phoneagent.tools.json_schema import problems
from tests.agents.folder import Folder

PAGE = (Path(__file__).parents[2] / "docs/after-the-call.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_its_agents_are_read_and_their_schemas_are_some(tmp_path: Path):
    folder = Folder(tmp_path)
    [agent] = examples("markdown")
    (tmp_path / "ada.md").write_text(agent)
    for number, front in enumerate(examples("yaml")):
        folder.write(f"example{number}", front)
    directory = folder.open()
    assert folder.problems(directory) == []
    for agent in directory.agents.values():
        assert agent.after_call.extract is not None
        assert problems(agent.after_call.extract) == []


def test_its_settings_are_settings():
    for example in examples("sh"):
        environ = dict(line.split("#")[0].strip().split("=") for line in example.splitlines())
        assert load({"OPENAI_API_KEY": "sk-test", **environ}, None).after_call_url


def test_it_names_every_state_and_how_long_things_take():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(get_args(After))
    assert TRIES == 4
    assert "is asked four times" in PAGE
    assert CLAIM.total_seconds() == 600
    assert "that takes ten minutes" in PAGE
