"""Fills a store with calls and says how long each list and chart takes: `python -m bench.store --help`."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import click
import uvloop
from rich.console import Console
from rich.table import Table
from sqlalchemy import Table as SqlTable
from sqlalchemy import insert, text

from phoneagent.store import Store, open_store
from phoneagent.store.calls import CallFilter, Cursor
from phoneagent.store.database import Database, open_database
from phoneagent.store.day_sums import mark_stale
from phoneagent.store.models import agent_versions, call_words, calls, charges, metadata, tool_runs, turns
from phoneagent.store.words import document
from tests.store import postgres

DAYS, AGENTS, NUMBERS, CALLERS, TURNS, VOCABULARY, VERSIONS = 90, 5, 10, 20_000, 12, 20_000, 20
AT_ONCE = 1000  # calls that are written in one transaction
OUTCOMES = {"caller_hung_up": 700, "agent_hung_up": 200, "transferred": 80, "failed": 17, "lost": 2, "cost_limit": 1}
LAST_DAY = datetime(2026, 11, 21, tzinfo=UTC)
RARE = "xylophone"  # said in one call of ten thousand

Row = dict[str, Any]


class Story:
    """Calls that nobody made: words as frequent as people's are, by Zipf."""

    def __init__(self, seed: int = 5) -> None:
        self._random = random.Random(seed)
        self.words = ["".join(self._random.choices("etaoinshrdlucmfwypvbgk", k=2 + n % 9)) for n in range(VOCABULARY)]
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))

    def tell(self, count: int) -> Iterator[dict[SqlTable, list[Row]]]:
        """The rows of so many calls, some calls at a time, the oldest first."""
        for start in range(0, count, AT_ONCE):
            rows: dict[SqlTable, list[Row]] = {calls: [], turns: [], charges: [], tool_runs: [], call_words: []}
            for number in range(start, min(start + AT_ONCE, count)):
                self._call(number, LAST_DAY - timedelta(days=DAYS * (1 - number / count)), rows)
            yield rows

    def _call(self, number: int, began: datetime, rows: dict[SqlTable, list[Row]]) -> None:
        chance, call_id = self._random, f"{number:032x}"
        seconds = chance.lognormvariate(4.7, 0.6)
        line = chance.randrange(NUMBERS)
        said = [self._turn(call_id, n, seconds) for n in range(max(2, round(chance.gauss(TURNS, 4))))]
        if number % 10_000 == 77:
            said[0]["text"] += f" {RARE}"
        usd = Decimal(round(seconds * 500)) / 1_000_000
        rows[calls].append({
            "id": call_id, "call_sid": f"CA{call_id}", "instance": "i1", "direction": "inbound",
            "caller": f"+1555{chance.randrange(CALLERS):07}", "called": f"+1666555{line:04}",
            "agent": f"agent-{line % AGENTS}", "agent_version": f"v{number % VERSIONS}",
            "engine": "openai", "model": "gpt-realtime", "began": began,
            "streamed": began + timedelta(seconds=1), "ended": began + timedelta(seconds=seconds),
            "outcome": chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0], "reason": "",
            "duration_s": seconds, "turn_count": len(said), "barge_ins": chance.randrange(4),
            "first_audio_ms": chance.randrange(300, 900), "latency_ms": 700, "counters": {"errors": 0}, "usd": usd,
            "summary": " ".join(self._words(40)),
        })  # fmt: skip
        rows[turns] += said
        rows[charges] += [
            {"call_id": call_id, "part": part, "model": model, "usd": usd / 2, "usage": None}
            for part, model in (("model", "gpt-realtime"), ("telephone", ""))
        ]
        if number % 2:
            rows[tool_runs].append({
                "call_id": call_id, "tool_call_id": "t1", "name": "look_up", "arguments": "{}", "output": '"yes"',
                "failed": chance.random() < 0.03, "at_s": 5.0, "duration_ms": 200,
            })  # fmt: skip
        rows[call_words].append({"call_id": call_id, "words": document(turn["text"] for turn in said)})

    def _turn(self, call_id: str, number: int, seconds: float) -> Row:
        is_agent = number % 2 == 0
        return {
            "call_id": call_id, "turn_id": f"item_{number}", "position": number,
            "speaker": "agent" if is_agent else "caller", "text": " ".join(self._words(14)), "unheard": "",
            "at_s": number * seconds / 30, "interrupted": False, "final": True,
            "latency_ms": round(self._random.lognormvariate(6.6, 0.4)) if is_agent and number else None,
        }  # fmt: skip

    def _words(self, count: int) -> list[str]:
        return self._random.choices(self.words, cum_weights=self._weights, k=count)


async def fill(database: Database, story: Story, count: int) -> None:
    """Write so many calls."""
    for rows in story.tell(count):
        async with database.begin() as connection:
            for table, values in rows.items():
                if values:
                    await connection.execute(insert(table), values)
            await mark_stale(connection, {row["began"] for row in rows[calls]})
    async with database.begin() as connection:
        versions = [
            {"version": f"v{n}", "name": "agent-3", "files": {}, "first_used": LAST_DAY} for n in range(VERSIONS)
        ]
        await connection.execute(insert(agent_versions), versions)
        if connection.dialect.name == "postgresql":
            for table in metadata.tables.values():  # as its own housekeeping does, some time later
                await connection.execute(text(f"ANALYZE {table.name}"))


Question = Callable[[], Awaitable[Any]]


def questions(store: Store, story: Story, count: int) -> dict[str, Question]:
    """All that the console asks, by name."""
    middle = LAST_DAY - timedelta(days=DAYS / 2)
    usual, seldom = story.words[0], story.words[3000]
    deep = Cursor(middle, "")

    def page(after: Cursor | None = None, **wanted: Any) -> Question:
        return lambda: store.calls.page(CallFilter(**wanted), after=after)

    def costs(by: Any, **wanted: Any) -> Question:
        return lambda: store.costs.sums(by, CallFilter(**wanted))

    def report(days: int, **chosen: str) -> Question:
        last = LAST_DAY.date()
        return lambda: store.statistics.report(last - timedelta(days=days), last, **chosen)

    return {
        "the newest": page(),
        "deep in the list": page(deep),
        "of a caller": page(number="+15550000042"),
        "of a number of ours": page(number="+16665550003"),
        "of a number of ours, deep": page(deep, number="+16665550003"),
        "of an agent": page(agent="agent-3"),
        "of an agent, deep": page(deep, agent="agent-3"),
        "of an agent on another's number": page(agent="agent-3", number="+16665550004"),
        "with a usual outcome": page(outcome="caller_hung_up"),
        "with a rare outcome": page(outcome="cost_limit"),
        "with an outcome that never was": page(outcome="nonsense"),
        "of an agent, with a rare outcome": page(agent="agent-3", outcome="cost_limit"),
        "of a week": page(since=middle, before=middle + timedelta(days=7)),
        "of a week and an agent, with a rare outcome": page(
            agent="agent-1", outcome="lost", since=middle, before=middle + timedelta(days=7)
        ),
        "live": page(open=True),
        "over": page(open=False),
        "a usual word": page(text=usual),
        "a usual word, deep": page(deep, text=usual),
        "a beginning": page(text=usual[:1]),
        "a word of some calls": page(text=seldom),
        "a rare word": page(text=RARE),
        "a word that nobody said": page(text="zzzzzz"),
        "two usual words": page(text=f"{story.words[1]} {story.words[2]}"),
        "a usual and a rare word": page(text=f"{usual} {RARE}"),
        "a rare word, of an agent": page(text=RARE, agent="agent-2"),
        "a usual word, of a caller": page(text=usual, number="+15550000042"),
        "a usual word, with a rare outcome": page(text=usual, outcome="cost_limit"),
        "a word of some calls, with a rare outcome": page(text=seldom, outcome="cost_limit"),
        "one call": lambda: store.calls.get(f"{count // 2:032x}"),
        "one call by its CallSid": lambda: store.calls.get(f"CA{count // 2:032x}"),
        "statistics of 7 days": report(7),
        "statistics of 30 days": report(30),
        "statistics of 90 days": report(90),
        "statistics of 90 days, an agent": report(90, agent="agent-3"),
        "costs by day": costs("day"),
        "costs by agent": costs("agent"),
        "costs by number": costs("number"),
        "costs by model": costs("model"),
        "costs by day, of a month": costs("day", since=LAST_DAY - timedelta(days=30)),
        "costs by day, of an agent": costs("day", agent="agent-3"),
        "costs by model, of a number of ours": costs("model", number="+16665550003"),
        "costs by day, of a caller": costs("day", number="+15550000042"),
        "costs by agent, of days that are cut": costs("agent", since=middle + timedelta(hours=5), before=LAST_DAY),
        "versions of an agent": lambda: store.agent_versions.of("agent-3"),
        "spent today": lambda: store.calls.spent(LAST_DAY.date() - timedelta(days=1)),
    }


@asynccontextmanager
async def address(kind: Literal["sqlite", "postgresql"]) -> AsyncIterator[str]:
    """An empty database."""
    if kind == "postgresql":
        with postgres.server() as server:
            yield server.format("postgres")
    else:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield f"sqlite:///{Path(folder, 'phoneagent.db')}"


async def measure(kind: Literal["sqlite", "postgresql"], count: int, times: int) -> None:
    """Fill a store, ask it everything, and print how long that took."""
    table = Table(f"{count} calls, {kind}", box=None)
    for column in ("median ms", "worst ms"):
        table.add_column(column, justify="right")
    story = Story()
    async with address(kind) as url:
        store, database = await open_store(url), await open_database(url)
        began = time.perf_counter()
        await fill(database, story, count)
        table.add_row("(to fill it, s)", f"{time.perf_counter() - began:.0f}", "")
        began = time.perf_counter()
        await store.statistics.report((LAST_DAY - timedelta(days=DAYS)).date(), LAST_DAY.date(), complete=True)
        table.add_row("(to sum up all days, once)", f"{(time.perf_counter() - began) * 1000:.0f}", "")
        for name, ask in questions(store, story, count).items():
            await ask()
            took_ms = []
            for _ in range(times):
                began = time.perf_counter()
                await ask()
                took_ms.append((time.perf_counter() - began) * 1000)
            table.add_row(name, f"{statistics.median(took_ms):.1f}", f"{max(took_ms):.1f}")
        await database.close()
        await store.close()
    Console().print(table)


@click.command()
@click.option("--calls", "count", default=100_000, show_default=True, type=click.IntRange(1000))
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--times", default=9, show_default=True, help="How often each is asked.")
def main(count: int, database: Literal["sqlite", "postgresql"], times: int) -> None:
    """Fill a store with calls of 90 days, and time every list and chart of the console.

    \b
    Example: python -m bench.store --calls 100000 --database postgresql
    """
    uvloop.run(measure(database, count, times))


if __name__ == "__main__":
    main()
