"""How pages say what is kept."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from phoneagent.web.console import wording
from phoneagent.web.console.wording import OUTCOMES, duration, in_short, latency, money, outcome, pretty

FORMAT = Path(wording.__file__).parent / "static" / "lib" / "format.js"


def test_outcomes_are_called_the_same_by_templates_and_scripts():
    written = re.search(r"const OUTCOMES = ({.*?});", FORMAT.read_text(encoding="utf-8"), re.DOTALL)
    assert written is not None
    as_json = re.sub(r"(\w+): \[", r'"\1": [', written[1]).replace(",\n}", "\n}")
    assert {word: tuple(words) for word, words in json.loads(as_json).items()} == OUTCOMES


def test_an_outcome_that_is_new_is_said_all_the_same():
    assert outcome("ran_away") == ("Ran away", "")
    assert outcome(None) == ("Live", "accent")


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (0, "0:00"), (75.9, "1:15"), (3700, "1:01:40"), (-1, "0:00")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(("ms", "said"), [(None, ""), (839.6, "840 ms"), (1240, "1.2 s")])
def test_latencies(ms, said):
    assert latency(ms) == said


@pytest.mark.parametrize(
    ("usd", "said"),
    [("0", "$0.00"), ("0.0803", "$0.0803"), ("0.1", "$0.10"), ("0.00001", "$0.00"), ("1234.567", "$1,234.57")],
)
def test_money(usd, said):
    assert money(Decimal(usd)) == said


def test_what_tools_say_is_laid_out_if_it_can_be():
    assert pretty('{"a": [1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty("no JSON") == "no JSON"
    assert pretty('"a text"') == "a text"
    assert pretty("[" * 5000 + "]" * 5000) == "[" * 5000 + "]" * 5000


def test_fields_are_said_in_a_line_if_they_can_be():
    assert [in_short(value) for value in (None, True, 3, "text", [], ["a", 1], {"a": 1})] == [
        *("–", "yes", "3", "text", "–", "a, 1", '{\n  "a": 1\n}'),
    ]
