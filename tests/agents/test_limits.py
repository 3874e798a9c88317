"""What an agent file says of money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from phoneagent.agents.schema import json_schema
from phoneagent.core.agents import Limits
from tests.agents.folder import Folder

PEOPLE = 'numbers: ["+15550100"]\ntools: [transfer_call]\ntransfer: {reception: "+15550111"}\n'


def limits(folder: Folder, front: str) -> Limits:
    """The limits of a front matter without errors."""
    folder.write("ada", front)
    directory = folder.open(tools={"transfer_call"})
    agent = directory.by_name("ada")
    assert agent is not None, folder.problems(directory)
    return agent.limits


def test_without_a_word_there_is_no_limit_in_money(folder: Folder):
    found = limits(folder, "limits: {max_minutes: 3}")
    assert (found.call_usd, found.day_usd, found.number_day_usd, found.over_limit) == (None, None, None, None)


def test_amounts_are_what_is_written(folder: Folder):
    found = limits(folder, "limits: {call_usd: 1.10, day_usd: 50, number_day_usd: 0.3}")
    assert (found.call_usd, found.day_usd, found.number_day_usd) == (Decimal("1.1"), Decimal(50), Decimal("0.3"))


@pytest.mark.parametrize(("policy", "name"), [("goodbye", None), ("{transfer: reception}", "reception")])
def test_what_happens_when_the_money_is_used_up(folder: Folder, policy: str, name: str | None):
    assert limits(folder, PEOPLE + f"limits: {{call_usd: 1, over_limit: {policy}}}").over_limit == name


def test_limits_are_inherited_each_by_itself(folder: Folder):
    folder.write("base", "limits: {call_usd: 1, day_usd: 50}")
    found = limits(folder, "extends: base\nlimits: {call_usd: 2}")
    assert (found.call_usd, found.day_usd) == (2, 50)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{call_usd: 0}", "limits.call_usd: must be an amount in US dollars above 0, such as 1.50, got 0"),
        ("{call_usd: -1}", "got -1"),
        ("{day_usd: .nan}", "got nan"),
        ("{day_usd: true}", "got True"),
        ("{day_usd: $5}", "limits.day_usd: must be an amount in US dollars above 0, such as 1.50, got '$5'"),
        ("{over_limit: hang_up}", "limits.over_limit: must be goodbye or {transfer: a name}, got 'hang_up'"),
        ("{over_limit: {transfer: owner}}", "limits.over_limit.transfer: must be one of the names in transfer, got"),
        ("{over_limit: {call: owner}}", "limits.over_limit.call: unknown key; there are transfer"),
    ],
)
def test_a_slip_is_refused_with_its_line(folder: Folder, written: str, problem: str):
    folder.write("ada", PEOPLE + f"limits: {written}")
    problems = folder.problems(folder.open(tools={"transfer_call"}))
    assert [line for line in problems if line.startswith("ada.md:5:") and problem in line], problems


def test_editors_are_told_of_them():
    found = json_schema()["$defs"]["Limits"]["properties"]
    assert found["call_usd"]["anyOf"][0] == {"exclusiveMinimum": 0, "maximum": 1_000_000, "type": "number"}
    assert found["over_limit"]["default"] == "goodbye"
