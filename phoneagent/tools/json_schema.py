"""Arguments against a JSON Schema: what a model writes is checked before anything else sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema
import orjson
from jsonschema import Draft202012Validator, ValidationError, validators
from pydantic_core import SchemaError, SchemaValidator, core_schema
from pydantic_core import ValidationError as PydanticError
from referencing import Registry

from phoneagent.tools.runnable import BadArgumentsError

_MOST_CHARACTERS = 16 * 1024  # checked on the event loop, at 1 ms for 1,000
_MOST_FAULTS = 5
_LONGEST_FAULT = 200
_OPEN = {"additionalProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "if", "$ref", "$dynamicRef"}


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object, which takes no other properties than those it names unless it says otherwise."""
    return {"properties": {}, **({} if _OPEN & schema.keys() else {"additionalProperties": False}), **schema}


def problems(schema: Mapping[str, Any]) -> list[str]:
    """What keeps a JSON Schema (2020-12) from describing the arguments of a tool."""
    if schema.get("type") != "object":
        return ["must be of type object"]
    try:
        Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = ".".join(map(str, error.absolute_path))
        return [f"{where and where + ': '}{error.message[:_LONGEST_FAULT]}"]
    except RecursionError:
        return ["is nested too deeply"]
    return list(dict.fromkeys(_unsupported(schema)))


def _unsupported(schema: Any) -> Iterator[str]:
    """What would reach out to the network, or let a caller's words stop the service: Python's `re` can take ages."""
    match schema:
        case list():
            for item in schema:
                yield from _unsupported(item)
        case Mapping():
            for key, value in schema.items():
                match key, value:
                    case "patternProperties", Mapping():
                        yield "patternProperties is not supported"
                    case "pattern", str() if _linear(value) is None:
                        yield f"pattern {value!r} is not supported: no look-around, no back-references"
                    case "$ref" | "$dynamicRef", str() if not value.startswith("#"):
                        yield f"{key} {value!r} is not supported: it must point into the schema itself"
                    case _:
                        yield from _unsupported(value)


def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that need not be given, as they are then."""
    return {
        name: described["default"]
        for name, described in schema.get("properties", {}).items()
        if isinstance(described, Mapping) and "default" in described
    }


class Arguments:
    """The arguments of a tool, as its schema says. Raises ValueError, with the reasons, for one that can't be used."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        if found := problems(schema):
            raise ValueError("; ".join(found))
        self._validator = _Validator(schema, registry=Registry())
        self._defaults = defaults(schema)

    def parse(self, text: str) -> dict[str, Any]:
        """The arguments from JSON text, with the defaults of those left out. Raises BadArgumentsError."""
        if len(text) > _MOST_CHARACTERS:
            raise BadArgumentsError("arguments: too long")
        try:
            given = orjson.loads(text.strip() or "{}")
        except orjson.JSONDecodeError as error:
            raise BadArgumentsError(f"arguments: not JSON: {error}") from error
        arguments = self._defaults | given if isinstance(given, dict) else given
        try:
            faults = list(islice(self._validator.iter_errors(arguments), _MOST_FAULTS))
        except RecursionError:
            raise BadArgumentsError("arguments: nested too deeply") from None
        if faults:
            raise BadArgumentsError("; ".join(map(_told, faults)))
        return dict(arguments)


def _told(fault: ValidationError) -> str:
    where = ".".join(map(str, fault.absolute_path)) or "arguments"
    return f"{where}: {fault.message}"[:_LONGEST_FAULT]


@lru_cache(256)
def _linear(pattern: str) -> SchemaValidator | None:
    """A pattern for an engine whose time is linear in the length of the text; None for one that it can't do."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        return None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, str):
        return
    linear = _linear(pattern)
    assert linear is not None  # such a schema is refused
    try:
        linear.validate_python(instance)
    except PydanticError:
        yield ValidationError(f"does not match {pattern!r}")


def _unique(validator: Any, unique: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """In linear time: the package compares each item with each."""
    if unique and isinstance(instance, list):
        different = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in instance}
        if len(different) < len(instance):
            yield ValidationError("has the same item twice")


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique}
)
