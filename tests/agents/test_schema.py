from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from ruamel.yaml import YAML

from phoneagent.agents.front_matter import FrontMatter
from phoneagent.agents.schema import json_schema, keys_at
from tests.agents.folder import Folder


def test_it_is_a_schema_that_an_editor_can_use():
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    described = {key for key, value in schema["properties"].items() if value.get("description") or "$ref" in str(value)}
    assert described == set(FrontMatter.model_fields)


def test_every_default_is_written_as_the_file_would_have_it():
    schema = json_schema()
    groups = {"": schema["properties"]} | {name: group.get("properties", {}) for name, group in schema["$defs"].items()}
    for group, properties in groups.items():
        for key, value in properties.items():
            if value.get("default") is not None:
                faults = list(Draft202012Validator(value | {"$defs": schema["$defs"]}).iter_errors(value["default"]))
                assert faults == [], (group, key)
    assert schema["properties"]["barge_in"]["default"] == "always"
    assert schema["properties"]["max_output_tokens"]["default"] == "inf"
    assert schema["$defs"]["Idle"]["properties"]["prompt"]["default"] == "Are you still there?"


@pytest.mark.parametrize(
    ("front", "fits"),
    [
        ({"voice": "marin", "numbers": ["+15550100", "*"], "greeting": {"instruction": "Hi"}}, True),
        ({"voice": {"id": "voice_1"}, "barge_in": {"after_ms": 200}, "idle": "off"}, True),
        ({"transcription": "off", "max_output_tokens": "inf", "truncation": 0.5}, True),
        ({"voice": "nova"}, False),
        ({"voise": "marin"}, False),
        ({"barge_in": "sometimes"}, False),
        ({"idle": {"after_s": 0}}, False),
    ],
)
def test_it_accepts_what_the_service_accepts(front: dict[str, Any], fits: bool):
    assert Draft202012Validator(json_schema()).is_valid(front) is fits


def test_the_keys_of_a_mapping_are_found_through_every_form_that_it_may_take():
    assert set(keys_at(())) == set(FrontMatter.model_fields)
    assert "after_s" in keys_at(("idle",))
    assert keys_at(("greeting",)) == ["instruction"]
    assert "phrases" in keys_at(("dialogue", "intents", "book"))
    assert keys_at(("speed", "nonsense")) == []


def test_every_mapping_refuses_unknown_keys():
    def models(of: type[BaseModel]) -> set[type[BaseModel]]:
        inner = {
            kind
            for info in of.model_fields.values()
            for kind in (info.annotation, *get_args(info.annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        }
        return {of}.union(*(models(kind) for kind in inner))

    assert all(model.model_config["extra"] == "forbid" for model in models(FrontMatter))


PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
def test_the_examples_of_the_page_on_agent_files_are_read_without_a_problem(folder: Folder, example: str):
    if "tool: book_table" in example:  # a dialogue's tools are the agent's
        example += "tools: [end_call, book_table]\n"
    folder.write("ada", example)
    tools = {"end_call", "book_table", "transfer_call", "send_sms", "take_message"}
    assert folder.problems(folder.open(tools=tools, secrets={"SHOP_TOKEN", "CRM_TOKEN"})) == []
    assert Draft202012Validator(json_schema()).is_valid(YAML(typ="safe").load(example))
