"""What README.md, .env.example and docs/ say is what the code does."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from phoneagent import settings
from phoneagent.agents.schema import json_schema
from tests.house.tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def settings_table() -> str:
    rows = [f"| `{s.variable}` | {s.default} | {s.description} |" for s in settings.described()]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def test_the_readme_shows_every_setting() -> None:
    assert settings_table() in README, f"README.md should hold this table:\n\n{settings_table()}"


def test_the_example_file_names_every_setting_once_and_no_other() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)
    assert sorted(named) == sorted(s.variable for s in settings.described())


def test_the_example_file_shows_the_defaults(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    all_set = tmp_path / ".env"
    all_set.write_text(re.sub(r"^#(?=[A-Z])", "", example, flags=re.MULTILINE), encoding="utf-8")
    assert settings.load({}, all_set) == settings.load({}, ROOT / ".env.example") == settings.load({}, None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", " ".join(code(page.read_text(encoding="utf-8")))))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target} does not exist"


def code(text: str) -> list[str]:
    """What stands in code fences and between backquotes."""
    fenced = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    return [*fenced, *re.findall(r"`[^`\n]+`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))]


async def test_the_tests_that_a_user_may_copy_pass(tmp_path: Path) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/testing.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "ada.md").write_text('---\nnumbers: ["+15550100"]\n---\nYou are Ada.\n')
    (tmp_path / "test_ada.py").write_text("\n".join(examples))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "--strict-markers", "-p", "no:schemathesis", "test_ada.py"),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    assert "3 passed" in output.decode()


def test_every_key_of_an_agent_file_is_explained() -> None:
    page = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    schema = json_schema()
    models = {"FrontMatter": schema, **schema["$defs"]}
    named = set(re.findall(r"[a-z_]+", " ".join(code(page))))
    for model, keys in models.items():
        missing = keys.get("properties", {}).keys() - named
        assert not missing, f"docs/agents.md does not explain {', '.join(sorted(missing))} of {model}"
