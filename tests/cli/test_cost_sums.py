"""`phoneagent costs` without an estimate: what the calls in the store have cost."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phoneagent.cli import main
from phoneagent.core.records import CallOver, Charge, Entry
from tests.store import entries
from tests.store.new_database import store_at

FIRST = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def call(call_id: str, began: datetime, agent: str, *charges: Charge) -> list[Entry]:
    """A call of three minutes."""
    begun = replace(entries.began(call_id, began), agent=agent)
    end = CallOver(call_id, began + timedelta(minutes=3), "completed", "", 180.0, (), charges, {})
    return [begun, end]


def usd(part: str, amount: str | None, model: str = "") -> Charge:
    return Charge(part, model, None if amount is None else Decimal(amount))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two calls on either side of midnight, and one with a model that has no price."""
    calls = [
        *call("c1", FIRST, "ada", usd("model", "0.5", "gpt-realtime"), usd("telephone", "0.0255")),
        *call("c2", FIRST + timedelta(hours=1), "bob", usd("model", "0.25", "gpt-realtime"), usd("telephone", "0.01")),
        *call("c3", FIRST + timedelta(hours=2), "ada", usd("model", None, "mine"), usd("after_call", "0.001", "nano")),
    ]

    async def keep() -> None:
        store = await store_at(tmp_path / "phoneagent.db")
        await store.entries.apply("i1", calls)
        await store.close()

    asyncio.run(keep())
    return tmp_path


def typed(data: Path, *arguments: str) -> Result:
    environ = {"COLUMNS": "200", "PHONEAGENT_DATA": str(data)}
    return CliRunner().invoke(main, ["costs", *arguments], env=environ, catch_exceptions=False)


def rows(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.split("\n\n")[0].splitlines()]


def test_days_are_summed_up_with_their_parts(data: Path):
    result = typed(data)
    assert rows(result) == [
        ["day", "calls", "minutes", "model", "telephone", "after", "call", "total"],
        ["2026-11-20", "1", "3.0", "0.5000", "0.0255", "0.0000", "0.5255"],
        ["2026-11-21", "*", "2", "6.0", "0.2500", "0.0100", "0.0010", "0.2610"],
        ["all", "3", "9.0", "0.7500", "0.0355", "0.0010", "0.7865"],
    ]
    assert "US dollars. * Some of it has no price and is left out." in result.stdout


def test_agents_numbers_and_models_come_the_dearest_first(data: Path):
    assert [row[0] for row in rows(typed(data, "--by", "agent"))] == ["agent", "ada", "bob", "all"]
    assert [row[0] for row in rows(typed(data, "--by", "number"))] == ["number", "+15550100", "all"]
    models = typed(data, "--by", "model")
    assert [row[0] for row in rows(models)] == ["model", "gpt-realtime", "nano", "mine"]
    assert "What is no model's, such as the telephone, is left out." in models.stdout


@pytest.mark.parametrize(
    ("options", "days"),
    [
        (("--since", "2026-11-21"), ["2026-11-21"]),
        (("--until", "2026-11-20"), ["2026-11-20"]),
        (("--since", "2026-11-20", "--until", "2026-11-21"), ["2026-11-20", "2026-11-21"]),
    ],
)
def test_only_the_wanted_days_count(data: Path, options: tuple[str, ...], days: list[str]):
    assert [json.loads(line)["key"] for line in typed(data, *options, "--json").stdout.splitlines()] == days


def test_other_programs_read_amounts_as_they_are(data: Path):
    first, second = map(json.loads, typed(data, "--json").stdout.splitlines())
    assert first == {
        "key": "2026-11-20",
        "calls": 1,
        "minutes": 3.0,
        "usd": "0.5255",
        "parts": {"model": "0.5", "telephone": "0.0255"},
        "unpriced": False,
    }
    assert second["unpriced"] is True


def test_without_calls_it_says_so(tmp_path: Path):
    assert typed(tmp_path).stdout == "No calls.\n"
    assert typed(tmp_path, "--json").stdout == ""


def test_days_the_wrong_way_round_are_refused(data: Path):
    result = typed(data, "--since", "2026-11-21", "--until", "2026-11-20")
    assert result.exit_code == 2
    assert "must not be before --since" in result.stderr
