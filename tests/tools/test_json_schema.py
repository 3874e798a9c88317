from __future__ import annotations

import time
from typing import Any

import pytest

from phoneagent.tools.json_schema import Arguments, closed, problems
from phoneagent.tools.runnable import BadArgumentsError

TABLE = {
    "type": "object",
    "properties": {
        "people": {"type": "integer", "minimum": 1},
        "day": {"enum": ["monday", "tuesday"], "default": "monday"},
        "code": {"type": "string", "pattern": "^(a+)+$"},
        "days": {"type": "array", "uniqueItems": True},
    },
    "required": ["people"],
}


def test_arguments_are_read_and_defaults_filled_in():
    arguments = Arguments(closed(TABLE))
    assert arguments.parse('{"people": 2}') == {"people": 2, "day": "monday"}
    assert arguments.parse(' {"people": 2, "day": "tuesday", "code": "aa"} ') == {
        "people": 2,
        "day": "tuesday",
        "code": "aa",
    }
    assert Arguments({"type": "object"}).parse("") == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('{"people": "2"}', "people: '2' is not of type 'integer'"),
        ("{}", "arguments: 'people' is a required property"),
        ('{"people": 0}', "people: 0 is less than the minimum of 1"),
        ('{"people": 2, "day": "friday"}', "day: 'friday' is not one of ['monday', 'tuesday']"),
        ('{"people": 2, "x": 1}', "arguments: Additional properties are not allowed ('x' was unexpected)"),
        ('{"people": 2, "code": "b"}', "code: does not match '^(a+)+$'"),
        ("[2]", "arguments: [2] is not of type 'object'"),
        ('{"people": 2', "arguments: not JSON: unexpected end of data: line 1 column 13 (char 12)"),
        (
            '{"people": NaN}',
            "arguments: not JSON: unexpected character, expected a JSON value: line 1 column 12 (char 11)",
        ),
        ("[" * 17_000, "arguments: too long"),
        ('{"people": 2, "days": [{"a": 1, "b": [2]}, {"b": [2], "a": 1}]}', "days: has the same item twice"),
    ],
)
def test_bad_arguments_are_named(given: str, message: str):
    with pytest.raises(BadArgumentsError) as raised:
        Arguments(closed(TABLE)).parse(given)
    assert str(raised.value) == message


def test_what_is_said_of_bad_arguments_is_short():
    many = {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(50)}}
    with pytest.raises(BadArgumentsError) as raised:
        Arguments(many).parse("{" + ",".join(f'"p{n}": "{"x" * 300}"' for n in range(50)) + "}")
    assert len(str(raised.value)) in range(1000, 1100)


def test_no_arguments_hold_up_the_calls():
    checked = Arguments(closed({"type": "object", "properties": {"x": {"type": "array", "uniqueItems": True}}}))
    began = time.thread_time()
    checked.parse('{"x": [' + ",".join(f'{{"a":{n}}}' for n in range(1500)) + "]}")
    assert time.thread_time() - began < 1  # comparing each with each takes several


def test_a_pattern_takes_no_longer_than_the_text_is_long():
    began = time.thread_time()
    with pytest.raises(BadArgumentsError):
        Arguments(closed(TABLE)).parse('{"people": 2, "code": "' + "a" * 5000 + '!"}')
    assert time.thread_time() - began < 10  # Python's own would take years


@pytest.mark.parametrize("key", ["allOf", "anyOf", "oneOf"])
def test_a_schema_that_is_put_together_stays_open(key: str):
    assert "additionalProperties" not in closed({"type": "object", key: [{"properties": {"a": {}}}]})
    assert closed({"type": "object", "additionalProperties": True})["additionalProperties"] is True


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "array"}, "must be of type object"),
        ({"type": "object", "properties": 3}, "properties: 3 is not of type 'object'"),
        ({"type": "object", "patternProperties": {"(a+)+": {}}}, "patternProperties is not supported"),
        (
            {"type": "object", "properties": {"a": {"pattern": "(?=a)"}}},
            "pattern '(?=a)' is not supported: no look-around, no back-references",
        ),
        (
            {"type": "object", "properties": {"a": {"items": [{"$ref": "file:///etc/passwd"}]}}},
            "properties.a.items: [{'$ref': 'file:///etc/passwd'}] is not of type 'object', 'boolean'",
        ),
        (
            {"type": "object", "allOf": [{"$ref": "file:///etc/passwd"}]},
            "$ref 'file:///etc/passwd' is not supported: it must point into the schema itself",
        ),
    ],
)
def test_a_schema_that_can_not_be_used_says_why(schema: dict[str, Any], problem: str):
    assert problems(schema) == [problem]
    with pytest.raises(ValueError, match=r"not|must"):
        Arguments(schema)


def test_a_schema_that_is_nested_too_deeply_is_refused():
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"items": deep}
    assert problems({"type": "object", "properties": {"a": deep}}) == ["is nested too deeply"]


def test_arguments_that_are_nested_too_deeply_are_refused():
    checked = Arguments({"type": "object", "properties": {"next": {"$ref": "#"}}})
    with pytest.raises(BadArgumentsError, match="nested too deeply"):
        checked.parse('{"next":' * 500 + "{}" + "}" * 500)


def test_a_schema_may_refer_to_itself():
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
        "additionalProperties": False,
    }
    assert Arguments(tree).parse('{"children": [{"children": []}]}') == {"children": [{"children": []}]}
    with pytest.raises(BadArgumentsError, match=r"children\.0"):
        Arguments(tree).parse('{"children": [{"x": 1}]}')
