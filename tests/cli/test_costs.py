"""`phoneagent costs`, typed into a terminal; and docs/costs.md, which is true to the code."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from phoneagent import prices
from phoneagent.cli import main
from phoneagent.cli.costs import estimates
from phoneagent.core.agents import Destination
from phoneagent.core.costs import Cost, Price, Rate, Service, Usage
from phoneagent.core.estimate import ASSUMED
from phoneagent.core.spending import NEARLY, SERVICE_LIMIT
from tests.agents.folder import Folder

PAGE = (Path(__file__).parents[2] / "docs/costs.md").read_text(encoding="utf-8")


def typed(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["costs", *arguments], env={"COLUMNS": "80", **environ}, catch_exceptions=False)


def example(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def rows(result: Result) -> dict[str, list[str]]:
    """The numbers of each model."""
    lines = [line.split() for line in result.stdout.split("\n\n")[0].splitlines()[1:]]
    return {words[0]: words[-5:] for words in lines}


def test_models_are_compared_the_cheapest_first():
    result = typed("--estimate", "minutes=5")
    compared = rows(result)
    assert next(iter(compared)) == "local"
    assert compared.keys() == prices.load().models.keys()
    totals = [Decimal(numbers[3]) for numbers in compared.values()]
    assert totals == sorted(totals)
    # five minutes of telephone and stream at 0.0125; GPT-Live bills five minutes at 0.05
    assert compared["local"] == ["0.0000", "0.0000", "0.0625", "0.0625", "0.0125"]
    assert compared["gpt-live-1"] == ["0.2500", "0.0000", "0.0625", "0.3125", "0.0625"]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_minute_with_the_default_model_by_hand():
    """36 s of the caller and 24 s of the agent in four exchanges: 90 and 120 tokens each, and 1,000 of prompt."""
    read = 90 + (90 + 210) + (90 + 420) + (90 + 630)
    read_before = 90 + (90 + 210) + (90 + 420)
    cached = round(read_before * 0.9)
    audio = (read - cached) * 32 + cached * Decimal("0.40") + 480 * 64
    text = (4000 - 2700) * 4 + 2700 * Decimal("0.40") + 84 * 24
    [estimate] = [e for e in estimates(prices.load(), Decimal(1), Decimal("0.4")) if e.model == "gpt-realtime-2.1"]
    assert estimate.cost == Cost(
        model=(audio + text) / 1_000_000,
        transcription=Decimal("0.017") * 36 / 60,
        telephone=Decimal("0.0085"),
        streams=Decimal("0.004"),
    )


def test_an_agent_that_talks_more_costs_more():
    little, much = (rows(typed("--estimate", "minutes=5", "--talk", talk)) for talk in ("0.2", "0.8"))
    assert Decimal(little["gpt-realtime-2.1"][0]) < Decimal(much["gpt-realtime-2.1"][0])
    assert little["gpt-realtime-2.1"][1] > much["gpt-realtime-2.1"][1]  # less of the caller's to transcribe
    assert little["gpt-live-1"] == much["gpt-live-1"]


def test_own_prices_are_compared(tmp_path: Path):
    own = tmp_path / "prices.toml"
    own.write_text(example("toml"))
    compared = rows(typed("--estimate", "minutes=5", PHONEAGENT_PRICES=str(own)))
    assert "reception-deployment" in compared
    assert compared["local"][2] == "0.0700"  # 5 * (0.01 + 0.004)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--estimate", "5"), "write the length of the call as minutes=5, 60 at most; got '5'"),
        (("--estimate", "minutes=0"), "got 'minutes=0'"),
        (("--estimate", "minutes=61"), "got 'minutes=61'"),
        (("--estimate", "minutes=nan"), "got 'minutes=nan'"),
        (("--estimate", "minutes=1e-9999999"), "got 'minutes=1e-9999999'"),
        (("--until", "9999-12-31"), "must be in the years 2 to 9998"),
        (("--estimate", "minutes=5", "--talk", "40%"), "must be a share from 0 to 1, such as 0.4; got '40%'"),
        (("--estimate", "minutes=5", "--talk", "1.1"), "got '1.1'"),
    ],
)
def test_a_slip_is_explained(arguments: tuple[str, ...], reason: str):
    result = typed(*arguments)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_a_broken_price_file_is_explained_with_its_line(tmp_path: Path):
    own = tmp_path / "prices.toml"
    own.write_text("\n[telephone.inbund-local]\n")
    result = typed("--estimate", "minutes=5", PHONEAGENT_PRICES=str(own))
    assert result.exit_code == 2
    assert f"PHONEAGENT_PRICES: {own}:2: telephone.inbund-local is not one of" in result.stderr


# docs/costs.md


@pytest.mark.parametrize("command", example("sh").splitlines())
def test_the_commands_of_the_page_work(command: str, tmp_path: Path):
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("phoneagent", "costs")
    assert typed(*arguments, PHONEAGENT_DATA=str(tmp_path)).exit_code == 0


def test_the_price_file_of_the_page_is_read(tmp_path: Path):
    own = tmp_path / "prices.toml"
    own.write_text(example("toml"))
    listed = prices.load(own)
    assert listed.models["gpt-realtime-2.1"].of(Usage(audio_in=1_000_000)) == Decimal("28.80")
    assert listed.telephone["inbound-local"].minute == Decimal("0.01")


def test_the_agent_of_the_page_has_its_limits(tmp_path: Path):
    folder = Folder(tmp_path)
    (folder.path / "ada.md").write_text(example("markdown"))
    directory = folder.open(tools={"end_call", "transfer_call"})
    agent = directory.by_name("ada")
    assert agent is not None, folder.problems(directory)
    limits = agent.limits
    assert (limits.call_usd, limits.day_usd, limits.number_day_usd) == (Decimal("1.00"), Decimal(50), Decimal(20))
    assert limits.over_limit is not None
    assert isinstance(agent.transfer[limits.over_limit], Destination)


def test_the_page_has_the_assumptions_of_the_code():
    found = re.findall(r"^\|.*\| ([\d.]+) \|$", PAGE[PAGE.index("| assumption |") :], re.MULTILINE)
    assert found == [str(getattr(ASSUMED, f.name)) for f in fields(ASSUMED)]


def test_the_page_names_what_there_is():
    named = set(re.findall(r"`([a-z_A-Z-]+)`", PAGE))
    assert {f.name for kind in (Price, Rate) for f in fields(kind)} - {"as_of", "source"} <= named
    assert {f.name for f in fields(Cost)} <= named
    assert set(get_args(Service)) <= named
    assert {SERVICE_LIMIT} <= named
    assert f"At {NEARLY:.0%} of a limit".replace("%", " %") in PAGE
