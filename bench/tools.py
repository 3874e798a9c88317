"""Measures what tools that block, spin, fill the memory and return far too much do to the other calls' audio:
`python -m bench.tools --help`."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import click
import uvloop
from picows import WSUpgradeRequest
from rich.console import Console
from rich.table import Table

from bench import load, servers
from bench.__main__ import take_cpus
from bench.load import Figures
from phoneagent.simulate.load import percentile
from phoneagent.simulate.realtime_events import ToolCall, caller_turn_ended, response, transcribed
from phoneagent.simulate.realtime_server import RealtimeServer
from phoneagent.simulate.talking_model import TalkingModel, TalkingSession

TOOLS = '''
import re, time
from phoneagent.tools import tool

@tool(while_running="One moment, please.")
def block_10_s() -> None:
    """Block."""
    time.sleep(10)

@tool(while_running="One moment, please.")
def catastrophic_regex() -> None:
    """Hold the GIL for ever."""
    re.match("(a+)+$", "a" * 64 + "b")

@tool(while_running="One moment, please.")
def allocate_2_gb() -> int:
    """Take memory, and write to all of it."""
    return len([bytearray(b"x" * 2**20) for _ in range(2048)])

@tool(while_running="One moment, please.")
def return_5_mb() -> str:
    """Return far too much."""
    return "All work and no play makes Jack a dull boy. " * 120_000
'''
NAMES = ("block_10_s", "catastrophic_regex", "allocate_2_gb", "return_5_mb")
AGENT = servers.AGENT.replace("greeting:", f"tools: [{', '.join(NAMES)}]\ngreeting:")


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's output. `kind` is that of its error, or "result"; `filled`: the caller was told something meanwhile."""

    tool: str
    kind: str
    after_s: float
    filled: bool


class ToolUsingSession(TalkingSession):
    """Talks; and in the first calls, one for each tool, answers the caller with that tool as soon as it is back."""

    answers: ClassVar[list[Answer]] = []  # of all sessions
    tool_users = True

    def __init__(self, request: WSUpgradeRequest, number: int) -> None:
        super().__init__(request, number, load.TALK, time.monotonic)
        self._asked_at: float | None = None
        self._filled = False
        self._tool_calls = 0

    def receive(self, event: dict[str, Any]) -> None:
        """Take an event; note what came of a tool."""
        item = event.get("item", {})
        if item.get("type") == "function_call_output" and self._asked_at is not None:
            kind = json.loads(item["output"]).get("error", "result")
            self.answers.append(Answer(NAMES[self.call or 0], kind, self.clock() - self._asked_at, self._filled))
            self._asked_at = None
        super().receive(event)

    def _asked(self) -> None:
        self._filled = self._asked_at is not None
        super()._asked()

    def _answer_caller(self) -> None:
        idle = self._asked_at is None and self._speaking is None
        if not (self.tool_users and idle and self.call is not None and self.call < len(NAMES)):
            super()._answer_caller()
            return
        self._asked_at, self._filled = self.clock(), False
        self._tool_calls += 1
        item_id = f"item_caller_{self._turn}"
        self._turn += 1
        call_id = f"call_{self._tool_calls}"
        called = ToolCall(NAMES[self.call], call_id=call_id, item_id=f"item_{call_id}")
        for event in (
            *caller_turn_ended(item_id),
            transcribed("Yes, please.", item_id),
            *response(called, response_id=f"resp_{call_id}"),
        ):
            self.emit(event)


class QuietSession(ToolUsingSession):
    """Talks only, to compare with."""

    tool_users = False


class Model(TalkingModel):
    """A talking model with sessions of one of these kinds."""

    def __init__(self, kind: type[ToolUsingSession]) -> None:
        RealtimeServer.__init__(self, kind)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", default=50, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="How long each run is measured.")
@click.option("--repeat", default=3, show_default=True, help="How often; with and without tools take turns.")
def main(calls: int, seconds: float, repeat: int) -> None:
    """Hold many calls, in four of which a tool misbehaves all the time, and the same calls without; print what the
    others' audio was delayed by.

    \b
    Example: python -m bench.tools --calls 50
    """
    uvloop.run(_bench(calls, seconds, repeat))


async def _bench(calls: int, seconds: float, repeat: int) -> None:
    server_cpu = take_cpus()
    logging.disable(logging.WARNING)
    gc.disable()  # ours: a pause of the meter would be read as one of the server
    results: dict[str, list[Figures]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tools").mkdir()
        (folder / "tools" / "misbehaving.py").write_text(TOOLS)
        for kind in (QuietSession, ToolUsingSession) * repeat:
            async with (
                Model(kind) as model,
                servers.started("ours", model.url, folder, server_cpu, {}, AGENT) as server,
            ):
                await asyncio.sleep(1)  # what the start left to do
                figures = await load.measure(server, model, calls, seconds, leave_out=range(len(NAMES)))
            results["with tools" if kind.tool_users else "without"].append(figures)
            gc.collect()
    console = Console(width=110)
    console.print(_delays(calls - len(NAMES), results))
    console.print(_outcomes(ToolUsingSession.answers))


def _delays(calls: int, results: dict[str, list[Figures]]) -> Table:
    table = Table(title=f"the audio of {calls} calls that use no tools", title_justify="left")
    table.add_column(no_wrap=True)
    for name in results:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("added", justify="right", no_wrap=True)
    for what, values_of in (
        ("caller to model", lambda run: run.load.to_model_ms),
        ("model to caller", lambda run: run.load.to_phone_ms),
        ("barge-in to clear", lambda run: run.load.barge_in_ms),
    ):
        for percent in (50, 99, 100):
            row = [percentile([ms for run in runs for ms in values_of(run)], percent) for runs in results.values()]
            name = "at most" if percent == 100 else f"p{percent}"
            table.add_row(f"{what}, ms {name}", *(f"{ms:.2f}" for ms in row), f"{row[1] - row[0]:.2f}")
    for what, value_of in (
        ("frames lost", lambda run: run.lost),
        ("audio stale after a clear", lambda run: run.load.stale),
        ("barge-ins without a clear", lambda run: run.load.missed),
        ("calls failed", lambda run: run.failed),
    ):
        table.add_row(what, *(str(sum(map(value_of, runs))) for runs in results.values()), "")
    late = (max(run.load.late_phone_ms for run in runs) for runs in results.values())
    table.add_row("the phones' own delay, ms at most", *(f"{ms:.1f}" for ms in late), "")
    return table


def _outcomes(answers: Sequence[Answer]) -> Table:
    table = Table(title="the tools", title_justify="left")
    for heading in ("tool", "answered with", "times", "after s, median / at most", "with a filler before"):
        table.add_column(heading)
    for tool, kind in sorted({(answer.tool, answer.kind) for answer in answers}):
        these = [answer for answer in answers if (answer.tool, answer.kind) == (tool, kind)]
        after_s = [answer.after_s for answer in these]
        spread = f"{median(after_s):.2f} / {max(after_s):.2f}"
        table.add_row(tool, kind, str(len(these)), spread, str(sum(answer.filled for answer in these)))
    return table


if __name__ == "__main__":
    main()
