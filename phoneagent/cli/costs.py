"""`phoneagent costs`: what calls cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from phoneagent.core.agents import Transcription
from phoneagent.core.costs import Cost
from phoneagent.core.estimate import ASSUMED, caller_speech, conversation
from phoneagent.core.models import speaks_realtime
from phoneagent.settings import load

if TYPE_CHECKING:
    from phoneagent.prices import Prices


def _length(context: click.Context, option: click.Parameter, value: str) -> Decimal:
    minutes = _number(value.removeprefix("minutes="))
    if not value.startswith("minutes=") or not 0 < minutes <= 60:
        raise click.BadParameter(f"write the length of the call as minutes=5, 60 at most; got {value!r}")
    return minutes


def _share(context: click.Context, option: click.Parameter, value: str) -> Decimal:
    if not 0 <= (share := _number(value)) <= 1:
        raise click.BadParameter(f"must be a share from 0 to 1, such as 0.4; got {value!r}")
    return share


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    return number if number.is_finite() else Decimal(-1)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call with a model is likely to cost. `engine` is what can hold it; empty if nothing here can, yet."""

    model: str
    engine: str
    cost: Cost


def estimates(prices: Prices, minutes: Decimal, talk: Decimal) -> Iterator[Estimate]:
    """Of an inbound call to a local number, with each model that has a price."""
    from phoneagent.prices import LOCAL

    seconds = float(minutes * 60)
    transcriber = prices.transcription[Transcription().model or LOCAL]
    telephone = prices.telephone["inbound-local"].of(seconds)
    streams = prices.telephone["media-streams"].of(seconds)
    for model, price in prices.models.items():
        realtime = model != LOCAL and speaks_realtime(model)
        cost = Cost(
            model=price.of(conversation(minutes, talk)),
            transcription=transcriber.of(caller_speech(minutes, talk)) if realtime else Decimal(0),
            telephone=telephone,
            streams=streams,
        )
        yield Estimate(model, "openai, azure" if realtime else LOCAL if model == LOCAL else "", cost)


@click.command()
@click.option(
    "--estimate",
    "minutes",
    callback=_length,
    metavar="minutes=N",
    required=True,
    help="Compare models for a call of this length.",
)
@click.option(
    "--talk",
    callback=_share,
    metavar="SHARE",
    default="0.4",
    show_default=True,
    help="Of the time, for which the agent speaks.",
)
def costs(minutes: Decimal, talk: Decimal) -> None:
    """Compare what a call is likely to cost with each model, in US dollars.

    The prices are those of PHONEAGENT_PRICES over the built-in ones.

    \b
    Example: phoneagent costs --estimate minutes=5 --talk 0.4
    """
    from phoneagent import prices

    listed = prices.load(load().prices)
    table = Table("model", "engine", box=None, padding=(0, 1, 0, 0))
    for column in ("speech", "transcript", "telephone", "total", "a minute"):
        table.add_column(column, justify="right")
    for estimate in sorted(estimates(listed, minutes, talk), key=lambda estimate: estimate.cost.total):
        cost = estimate.cost
        amounts = (cost.model, cost.transcription, cost.telephone + cost.streams, cost.total, cost.total / minutes)
        table.add_row(estimate.model, estimate.engine or "none yet", *(f"{usd:.4f}" for usd in amounts))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"\nUS dollars, by prices as of {listed.as_of}. "
        f"Assumed: {ASSUMED.exchanges_per_minute} exchanges a minute, {ASSUMED.prompt_tokens} tokens of prompt and "
        f"tools, {ASSUMED.cached:.0%} of what was read before cached; an inbound call to a local number. "
        "More: docs/costs.md",
    )
