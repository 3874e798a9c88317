"""What calls come to, day by day: for charts, and as tables for spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from fastapi import Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from phoneagent.core.figures import Figures
from phoneagent.core.histogram import Histogram
from phoneagent.records.spreadsheet import csv_line
from phoneagent.store.statistics import Report
from phoneagent.web.api.backend import Backend, Given
from phoneagent.web.api.guard import needs
from phoneagent.web.api.models import Name, Usd
from phoneagent.web.api.router import router

routes = router("statistics", needs("read"))

Chart = Literal["calls", "minutes", "cost", "outcomes", "latency", "first_word", "interruptions", "tools"]

MOST_DAYS = 800
USUAL_DAYS = 30
SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(text: object) -> object:
    if not isinstance(text, str) or _DAY.fullmatch(text) is None:
        raise ValueError("must be a day, such as 2026-11-21")
    return text


Day = Annotated[date, BeforeValidator(_day)]


class StatisticsQuery(BaseModel):
    """Of which days and calls."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[Day | None, Field(description=f"The first day (UTC); else {USUAL_DAYS} days are counted.")] = None
    before: Annotated[Day | None, Field(description="The day after the last; else tomorrow.")] = None
    agent: Annotated[Name | None, Field(description="Who answered.")] = None
    number: Annotated[Name | None, Field(description="Ours. In a URL + is written %2B.")] = None

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        before = self.before or datetime.now(UTC).date() + timedelta(days=1)
        since = self.since or before - timedelta(days=min(USUAL_DAYS, before.toordinal() - 1))
        if since >= before:
            raise ValueError("since must be before before")
        if (before - since).days > MOST_DAYS:
            raise ValueError(f"at most {MOST_DAYS} days can be asked for at once")
        self.since, self.before = since, before
        return self

    @property
    def days(self) -> tuple[date, date]:
        """The first, and the one after the last."""
        assert self.since
        assert self.before
        return self.since, self.before


class Percentiles(BaseModel):
    """How long something took, milliseconds: half of them p50 or less, and so on; each within 2.5 %."""

    count: Annotated[int, Field(description="Of how many.")]
    p50: int
    p90: int
    p95: int
    p99: int


class CallFigures(BaseModel):
    """What calls come to."""

    calls: Annotated[int, Field(description="That began then, also if they still go on.")]
    minutes: Annotated[float, Field(description="On the stream, of calls that are over.")]
    usd: Usd
    outcomes: Annotated[dict[str, int], Field(description="Calls that are over, by how they ended.")]
    interruptions: Annotated[int, Field(description="Barge-ins, of calls that are over.")]
    tool_runs: int
    tool_failures: int
    latency_ms: Annotated[
        Percentiles | None, Field(description="From the end of the caller's speech to the agent's first audio played.")
    ]
    first_word_ms: Annotated[Percentiles | None, Field(description="From the webhook to the agent's first audio.")]


class DayFigures(CallFigures):
    """What the calls of a day (UTC) come to."""

    day: date


class AgentFigures(CallFigures):
    """What the calls of an agent come to."""

    agent: str


class NumberFigures(CallFigures):
    """What the calls on a number of ours come to."""

    number: str


class CallStatistics(BaseModel):
    """What calls come to. Calls that were deleted are still counted."""

    since: date
    before: date
    day_usd: Annotated[Usd | None, Field(description="What these calls may cost on a day; null: there is no limit.")]
    stale_days: Annotated[
        int,
        Field(description="Of these days, how many are still being summed up and count for too little: ask again."),
    ]
    total: CallFigures
    days: Annotated[list[DayFigures], Field(description="All days, in their order.")]
    agents: Annotated[
        list[AgentFigures], Field(description="Of the number that is asked for, and of any agent; the busiest first.")
    ]
    numbers: Annotated[
        list[NumberFigures], Field(description="Of the agent that is asked for, and any number; the busiest first.")
    ]


async def _report(query: StatisticsQuery, backend: Backend, *, complete: bool) -> Report:
    since, before = query.days
    last = before - timedelta(days=1)
    return await backend.store.statistics.report(since, last, agent=query.agent, number=query.number, complete=complete)


@routes.get("/statistics")
async def get_statistics(query: Annotated[StatisticsQuery, Query()], backend: Given) -> CallStatistics:
    """What calls come to: by day, agent and number of ours, with percentiles of latencies."""
    found = await _report(query, backend, complete=False)
    return CallStatistics(
        since=query.days[0],
        before=query.days[1],
        day_usd=backend.day_limit(query.agent, query.number),
        stale_days=found.stale,
        total=CallFigures(**_shown(found.total)),
        days=[DayFigures(day=day, **_shown(one)) for day, one in found.days.items()],
        agents=[AgentFigures(agent=agent, **_shown(one)) for agent, one in found.agents.items()],
        numbers=[NumberFigures(number=number, **_shown(one)) for number, one in found.numbers.items()],
    )


@routes.get(
    "/statistics/{chart}.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def get_statistics_for_a_spreadsheet(
    chart: Chart, query: Annotated[StatisticsQuery, Query()], backend: Given
) -> Response:
    """What one of the console's charts shows, as a table: a line for each day."""
    found = await _report(query, backend, complete=True)  # a table has no place to say that something is missing
    lines = _TABLES[chart](found.days, backend.day_limit(query.agent, query.number))
    headers = {"Content-Disposition": f'attachment; filename="{chart}.csv"'}
    return Response("".join(map(csv_line, lines)), headers=headers, media_type="text/csv")


def _shown(one: Figures) -> dict[str, Any]:
    return {
        "calls": one.calls,
        "minutes": one.seconds / 60,
        "usd": one.usd,
        "outcomes": one.outcomes,
        "interruptions": one.barge_ins,
        "tool_runs": one.tool_runs,
        "tool_failures": one.tool_failures,
        "latency_ms": _percentiles(one.latency),
        "first_word_ms": _percentiles(one.first_word),
    }


def _percentiles(histogram: Histogram) -> Percentiles | None:
    if (found := histogram.percentiles(SHARES.values())) is None:
        return None
    return Percentiles(count=histogram.total, **dict(zip(SHARES, found, strict=True)))


# The tables: a heading, and a line for each day. An empty cell is nothing that could be counted.

Days = Mapping[date, Figures]
Lines = Iterable[Iterable[Any]]


def _each(heading: tuple[str, ...], cells: Callable[[Figures], Iterable[Any]]) -> Callable[..., Lines]:
    def lines(days: Days, limit: Decimal | None) -> Iterator[Iterable[Any]]:
        yield ("day", *heading)
        for day, one in days.items():
            yield (day, *cells(one))

    return lines


def _cost(days: Days, limit: Decimal | None) -> Lines:
    text = None if limit is None else f"{limit:f}"
    return _each(("usd", "limit_usd"), lambda one: (f"{one.usd:f}", text))(days, limit)


def _outcomes(days: Days, limit: Decimal | None) -> Lines:
    names = sorted({name for one in days.values() for name in one.outcomes})
    return _each(tuple(names), lambda one: (one.outcomes[name] for name in names))(days, limit)


def _durations(of: Callable[[Figures], Histogram]) -> Callable[..., Lines]:
    def cells(one: Figures) -> Iterable[Any]:
        histogram = of(one)
        return histogram.total, *(histogram.percentiles(SHARES.values()) or (None,) * len(SHARES))

    return _each(("count", *(f"{share}_ms" for share in SHARES)), cells)


_TABLES: Mapping[Chart, Callable[[Days, Decimal | None], Lines]] = {
    "calls": _each(("calls",), lambda one: (one.calls,)),
    "minutes": _each(("minutes",), lambda one: (round(one.seconds / 60, 2),)),
    "cost": _cost,
    "outcomes": _outcomes,
    "latency": _durations(lambda one: one.latency),
    "first_word": _durations(lambda one: one.first_word),
    "interruptions": _each(
        ("interruptions", "calls_over", "per_call"),
        lambda one: (one.barge_ins, one.over, round(one.barge_ins / one.over, 3) if one.over else None),
    ),
    "tools": _each(("runs", "failures"), lambda one: (one.tool_runs, one.tool_failures)),
}
