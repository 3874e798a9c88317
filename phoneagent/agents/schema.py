"""The JSON Schema of the front matter: for editors, and for saying which key was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from phoneagent.agents.front_matter import FrontMatter
from phoneagent.core import models


def json_schema() -> dict[str, Any]:
    """The schema, JSON Schema draft 2020-12, with descriptions."""
    return {"$schema": GenerateJsonSchema.schema_dialect} | FrontMatter.model_json_schema(schema_generator=_ForEditors)


def editors_schema(*, tools: Iterable[str], agents: Iterable[str]) -> dict[str, Any]:
    """The schema with what can be named here as examples, which editors offer: tools, agents, models, time zones."""
    schema = json_schema()
    of = schema["properties"]
    of["tools"]["items"]["examples"] = sorted(tools)
    of["handoff"]["items"]["examples"] = of["extends"]["examples"] = sorted(agents)
    of["model"]["examples"] = list(models.CURRENT)
    of["transcription"]["examples"] = ["off", *models.TRANSCRIBING]
    of["language"]["examples"] = _LANGUAGES
    of["timezone"]["examples"] = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return schema


_LANGUAGES = ["de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt-BR", "zh"]


def keys_at(path: Sequence[str | int]) -> list[str]:
    """The keys that the mapping at `path` may have."""
    schema = _schema()
    nodes = [schema]
    for step in path:
        nodes = [child for node in nodes for child in _children(node, step, schema)]
    return [key for node in nodes for form in _forms(node, schema) for key in form.get("properties", {})]


class _ForEditors(GenerateJsonSchema):
    """Without titles that only repeat the key, and with defaults as the file would have them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        described = super().default_schema(schema)
        serialization: dict[str, Any] = schema["schema"].get("serialization", {})
        if "default" in schema and serialization.get("type") == "function-plain":
            described["default"] = serialization["function"](schema["default"])
        return described


_schema = cache(json_schema)


def _forms(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The node itself and the forms that it may take."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    yield node
    for form in node.get("anyOf", ()):
        yield from _forms(form, schema)


def _children(node: dict[str, Any], step: str | int, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for form in _forms(node, schema):
        if isinstance(step, int):
            yield form.get("items", {})
        elif step in form.get("properties", {}):
            yield form["properties"][step]
        else:
            yield from form.get("patternProperties", {}).values()
            if isinstance(others := form.get("additionalProperties"), dict):
                yield others
