"""`phoneagent costs`: what calls cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from phoneagent.cli.kept import DAY, plain, run, with_store
from phoneagent.core.agents import Transcription
from phoneagent.core.costs import Cost
from phoneagent.core.estimate import ASSUMED, caller_speech, conversation
from phoneagent.core.models import speaks_realtime
from phoneagent.settings import load

if TYPE_CHECKING:
    from phoneagent.prices import Prices
    from phoneagent.store.calls import CallFilter
    from phoneagent.store.costs import CostSum, Sums


def _length(context: click.Context, option: click.Parameter, value: str | None) -> Decimal | None:
    if value is None:
        return None
    minutes = _number(value.removeprefix("minutes="))
    if not value.startswith("minutes=") or not Decimal("0.01") <= minutes <= 60:
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
    "--by",
    type=click.Choice(["day", "number", "agent", "model"]),
    default="day",
    show_default=True,
    help="What is summed up: days, numbers of ours, agents, models.",
)
@click.option("--since", type=DAY, help="The first day (UTC).")
@click.option("--until", type=DAY, help="The last day (UTC).")
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each sum, in a line of its own.")
@click.option(
    "--estimate",
    "minutes",
    callback=_length,
    metavar="minutes=N",
    help="Compare models for a call of this length, instead.",
)
@click.option(
    "--talk",
    callback=_share,
    metavar="SHARE",
    default="0.4",
    show_default=True,
    help="In an estimate: of the time, for which the agent speaks.",
)
def costs(
    by: Sums, since: datetime | None, until: datetime | None, as_json: bool, minutes: Decimal | None, talk: Decimal
) -> None:
    """Sum up what calls have cost, in US dollars; or compare what one is likely to cost with each model.

    Estimates are by the prices of PHONEAGENT_PRICES over the built-in ones.

    \b
    Example: phoneagent costs --by agent --since 2026-11-01 --until 2026-11-30
    Example: phoneagent costs --estimate minutes=5 --talk 0.4
    """
    if minutes is not None:
        _compare(minutes, talk)
        return
    found = run(with_store(lambda store: store.costs.sums(by, _calls_of(since, until))))
    if as_json:
        for one in found:
            click.echo(json.dumps(_as_json(one)))
    elif not found:
        click.echo("No calls.")
    else:
        _show(found, by)


def _calls_of(since: datetime | None, until: datetime | None) -> CallFilter:
    from phoneagent.store.calls import CallFilter

    if since and until and until < since:
        raise click.BadParameter("must not be before --since", param_hint="--until")
    return CallFilter(
        since=since and since.replace(tzinfo=UTC),
        before=until and until.replace(tzinfo=UTC) + timedelta(days=1),
    )


def _as_json(one: CostSum) -> dict[str, Any]:
    parts = {part: f"{usd:f}" for part, usd in one.parts.items()}
    minutes = round(one.minutes, 2)
    return asdict(one) | {"minutes": minutes, "usd": f"{one.usd:f}", "parts": parts}


def _show(sums: list[CostSum], by: Sums) -> None:
    """A column for each part that costs something."""
    parts = [f.name for f in fields(Cost) if any(one.parts.get(f.name) for one in sums)]
    table = Table(by, box=None, padding=(0, 1, 0, 0))
    for column in ("calls", "minutes", *(part.replace("_", " ") for part in parts), "total"):
        table.add_column(column, justify="right")
    for one in sums:
        amounts = [*(one.parts.get(part, Decimal(0)) for part in parts), one.usd]
        name = f"{one.key} *" if one.unpriced else one.key
        table.add_row(plain(name), str(one.calls), f"{one.minutes:.1f}", *(f"{usd:.4f}" for usd in amounts))
    if by != "model":  # a call that used several models is in the sums of each
        calls, minutes = sum(one.calls for one in sums), sum(one.minutes for one in sums)
        of_parts = [sum((one.parts.get(part, Decimal(0)) for one in sums), Decimal(0)) for part in parts]
        amounts = [*of_parts, sum((one.usd for one in sums), Decimal(0))]
        table.add_row("all", str(calls), f"{minutes:.1f}", *(f"{usd:.4f}" for usd in amounts))
    console = Console(highlight=False)
    console.print(table)
    notes = ["US dollars."]
    if any(one.unpriced for one in sums):
        notes.append("* Some of it has no price and is left out.")
    if by == "model":
        notes.append("What is no model's, such as the telephone, is left out.")
    console.print("\n" + " ".join([*notes, "More: docs/costs.md"]))


def _compare(minutes: Decimal, talk: Decimal) -> None:
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
