from __future__ import annotations

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from phoneagent.agents.prompt import MAX_VALUE_LENGTH, call_values, render, unknown_variables
from phoneagent.core.agents import Agent

SATURDAY = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


def test_a_prompt_knows_the_call_in_the_agents_time_zone():
    ada = Agent(name="ada", timezone="Europe/Berlin")
    values = call_values(
        ada, caller="+15550199", called="+15550100", now=SATURDAY, parameters={"CallerName": "EVE  STONE"}
    )
    prompt = "{{agent}}: {{caller}} ({{ param.CallerName }}) rang {{called}}. {{now}}.{{param.City}}"
    assert render(prompt, values) == (
        "ada: +15550199 (EVE STONE) rang +15550100. Sunday 22 November 2026, 00:30 (Europe/Berlin)."
    )


def test_a_withheld_number_is_unknown():
    values = call_values(Agent("ada"), caller="", called="+15550100", now=SATURDAY, parameters={})
    assert render("{{caller}}", values) == "unknown"


def test_a_call_that_was_placed_has_variables_of_its_own():
    values = call_values(
        Agent("ada"), caller="", called="", now=SATURDAY, parameters={"name": "a"}, variables={"name": "Eve\n# System"}
    )
    assert render("{{var.name}} {{param.name}} {{ var.other }}.", values) == "Eve # System a ."
    assert list(unknown_variables("{{var.name}}")) == []


def test_what_is_no_variable_is_named_with_its_place():
    assert list(unknown_variables("{{caller}} {{Caller}} {{param.X}} {{param.}}")) == [
        (11, "unknown variable {{Caller}}: did you mean {{caller}}?"),
        (
            34,
            "unknown variable {{param.}}: there are {{caller}}, {{called}}, {{now}}, {{agent}}, {{param.Name}} "
            "and {{var.name}}",
        ),
    ]


def test_a_long_value_is_cut():
    assert render("<{{caller}}>", {"caller": "x" * 5000}) == f"<{'x' * MAX_VALUE_LENGTH}>"


@given(st.text())
def test_a_value_is_data_one_bounded_line_that_is_never_expanded(value: str):
    values = {"caller": value, "agent": "SECRET"}
    filled = render("<{{caller}}>", values)
    assert "SECRET" not in filled or "SECRET" in value
    assert len(filled) <= MAX_VALUE_LENGTH + 2
    assert filled.splitlines() == [filled]


@given(st.lists(st.sampled_from(["{{agent}}", "{{caller}}", "{{", "}}", "{", "}", "agent", "\n", " "])).map("".join))
def test_braces_in_a_value_stay_braces(value: str):
    flat = re.sub(r"\s+", " ", value).strip()[:MAX_VALUE_LENGTH]
    assert render("<{{caller}}>", {"caller": value, "agent": "SECRET"}) == f"<{flat}>"
