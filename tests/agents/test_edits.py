"""Settings change in the text, and nothing else does."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.agents.edits import NotEditableError, _meant, edited
from phoneagent.agents.source import take_apart

TEXT = """\
---
# who answers
numbers: [+15550100, "0301234"]   # the front desk
voice: marin  # warm
turn_detection: {type: server_vad, threshold: 0.5}
tools:
  # without this a call has no end
  - end_call   # always
  - book_table: {confirm: true}
  - send_sms

transcription:
  model: gpt-live-transcribe
  keywords:
  - Blue Door   # the name

greeting: >
  Hello,
  this is Ada.
limits:
    max_minutes: 10
---

You are Ada.  Two blanks.
"""


def changed(changes: dict[str, Any], text: str = TEXT) -> list[str]:
    """The lines that an edit takes out, and then those that it puts in."""
    after = edited(text, changes)
    lines = [line for line in difflib.ndiff(text.splitlines(), after.splitlines()) if line[0] in "+-"]
    return sorted(lines, key=lambda line: line[0] == "+")


def test_a_value_is_changed_where_it_stands():
    assert changed({"voice": "cedar"}) == ["- voice: marin  # warm", "+ voice: cedar  # warm"]
    assert changed({"turn_detection.threshold": 0.65}) == [
        "- turn_detection: {type: server_vad, threshold: 0.5}",
        "+ turn_detection: {type: server_vad, threshold: 0.65}",
    ]
    assert changed({"transcription.model": "gpt-transcribe"}) == [
        "-   model: gpt-live-transcribe",
        "+   model: gpt-transcribe",
    ]
    assert changed({"greeting": "Hi: there"}) == [
        "- greeting: >",
        "-   Hello,",
        "-   this is Ada.",
        '+ greeting: "Hi: there"',
    ]


def test_a_key_that_is_missing_is_added_to_its_group():
    assert changed({"language": "de"}) == ["+ language: de"]
    assert changed({"limits.warn_s": 30}) == ["+     warn_s: 30"]
    assert changed({"turn_detection.silence_duration_ms": 700}) == [
        "- turn_detection: {type: server_vad, threshold: 0.5}",
        "+ turn_detection: {type: server_vad, threshold: 0.5, silence_duration_ms: 700}",
    ]
    assert changed({"idle.after_s": 5}) == ["+ idle: {after_s: 5}"]
    assert changed({"voice.id": "voice_1"}) == ["- voice: marin  # warm", "+ voice: {id: voice_1}  # warm"]


def test_a_key_is_taken_out_and_a_group_that_is_empty_with_it():
    assert changed({"voice": None}) == ["- voice: marin  # warm"]
    assert changed({"limits.max_minutes": None}) == ["- limits:", "-     max_minutes: 10"]
    assert changed({"turn_detection.type": None}) == [
        "- turn_detection: {type: server_vad, threshold: 0.5}",
        "+ turn_detection: {threshold: 0.5}",
    ]
    assert changed({"idle": None, "limits.warn_s": None, "voice.id": None}) == []


def test_of_a_list_the_items_that_stay_keep_their_place_and_comments():
    assert changed({"tools": ["end_call", "send_sms", "take_message"]}) == [
        "-   - book_table: {confirm: true}",
        "+   - take_message",
    ]
    assert changed({"tools": ["end_call", "book_table", "send_sms", "take_message"]}) == ["+   - take_message"]
    assert changed({"tools": ["end_call"]}) == ["-   - book_table: {confirm: true}", "-   - send_sms"]
    assert changed({"numbers": ["0301234"]}) == [
        '- numbers: [+15550100, "0301234"]   # the front desk',
        '+ numbers: ["0301234"]   # the front desk',
    ]
    assert changed({"numbers": ["+15550100", "*"]}) == [
        '- numbers: [+15550100, "0301234"]   # the front desk',
        '+ numbers: [+15550100, "*"]   # the front desk',
    ]
    assert changed({"tools": []})[-1] == "+ tools: []"
    assert changed({"tools": ["send_sms", "end_call"]})[-1] == "+ tools: [send_sms, end_call]"


def test_several_changes_are_made_together():
    changes = {"turn_detection": {"type": "semantic_vad"}, "turn_detection.eagerness": "low", "speed": 1.1}
    assert changed(changes)[1:] == ["+ turn_detection: {type: semantic_vad, eagerness: low}", "+ speed: 1.1"]


@pytest.mark.parametrize("front", ["", "# nothing yet\n", "{}\n", "{voice: marin}\n", "voice:\n", "voice:  # which?\n"])
def test_any_front_matter_can_be_added_to(front: str):
    text = edited(f"---\n{front}---\nHello\n", {"voice": "ash", "limits.warn_s": 3})
    assert take_apart("", text.encode()).front == {"voice": "ash", "limits": {"warn_s": 3}}
    assert ("#" in front) == ("#" in text)


def test_the_ends_of_lines_stay_those_of_the_file():
    after = edited(TEXT.replace("\n", "\r\n"), {"voice": "ash"})
    assert after == TEXT.replace("\n", "\r\n").replace("marin", "ash")


@pytest.mark.parametrize(
    ("front", "changes"),
    [
        ("a: &x 1\nspeed: *x\n", {"speed": 2}),
        ("a: &x {b: 1}\nc: *x\n", {"c.b": 2}),
        ("voice: [\n", {"voice": "ash"}),
        ("a: &x 1\nspeed: *x\n", {"a": None}),
        ("speed: 1\n", {"speed": float("nan")}),
        ("voice: ash\n", {"voice": "\ud800"}),
    ],
)
def test_what_can_not_be_changed_safely_is_refused(front: str, changes: dict[str, Any]):
    with pytest.raises(NotEditableError):
        edited(f"---\n{front}---\nHello\n", changes)


KEYS = ["voice", "speed", "tools", "turn_detection", "turn_detection.threshold", "limits.warn_s", "new.group.key"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ITEMS = st.lists(st.sampled_from(["end_call", "send_sms", "x y", "#", "null", {"book_table": {"confirm": True}}]))


@given(st.sampled_from(KEYS), VALUES | ITEMS | st.dictionaries(st.text(min_size=1), VALUES, max_size=3))
def test_whatever_is_set_is_there_afterwards_and_all_comments_and_other_values_too(key: str, value: Any):
    before = take_apart("", TEXT.encode())
    try:
        text = edited(TEXT, {key: value})
    except NotEditableError:
        return
    after = take_apart("", text.encode())
    top = key.split(".")[0]
    assert {k: v for k, v in after.front.items() if k != top} == {k: v for k, v in before.front.items() if k != top}
    found: Any = after.front
    for step in key.split("."):
        found = (found or {}).get(step)
    assert found == (_meant(value, before.front["tools"]) if key == "tools" else value)
    assert after.prompt == before.prompt
    for comment in ("# who answers", "# the front desk", "# the name"):
        assert comment in text
