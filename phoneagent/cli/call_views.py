"""Calls on the screen: a list of them, one of them; for people, programs, spreadsheets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from phoneagent.cli.kept import console, moment, plain
from phoneagent.core.transcript import Turn
from phoneagent.records.export import call_document, clock, row_document
from phoneagent.records.spreadsheet import call_lines

if TYPE_CHECKING:
    from phoneagent.store.calls import CallDetail, CallRow

SHORT_ID = 8


async def json_lines(rows: AsyncIterator[CallRow]) -> None:
    """An object in each line."""
    async for row in rows:
        click.echo(json.dumps(row_document(row), ensure_ascii=False))


async def csv_lines(rows: AsyncIterator[CallRow]) -> None:
    """A heading, and a line for each."""
    async for line in call_lines(rows):
        click.echo(line, nl=False)


async def table(rows: AsyncIterator[CallRow]) -> None:
    """A table for people."""
    found = [row async for row in rows]
    if not found:
        click.echo("No calls.")
        return
    shown = Table("call", "began", "", "number", "agent", "outcome", box=None)
    shown.add_column("lasted", justify="right")
    shown.add_column("USD", justify="right")
    shown.add_column("summary", overflow="fold")
    for row in found:
        shown.add_row(
            row.id[:SHORT_ID],
            moment(row.began),
            {"inbound": "from", "outbound": "to"}.get(row.direction, row.direction),
            plain(row.caller),
            plain(row.agent),
            plain(row.outcome or "goes on"),
            "" if row.duration_s is None else clock(row.duration_s),
            f"{row.usd:.4f}",
            plain(_line(row.summary)),
        )
    console().print(shown)


def json_document(call: CallDetail) -> None:
    """All that is known of it."""
    click.echo(json.dumps(call_document(call), indent=2, ensure_ascii=False))


def page(call: CallDetail) -> None:
    """A call for people. Words that were not heard stand in brackets, and are struck through where that is possible."""
    out = console()
    out.print(_header(call))
    if call.row.summary:
        _section(out, "summary", plain(call.row.summary))
    if call.extracted:
        _section(out, "extracted", _pairs({key: _json(value) for key, value in call.extracted.items()}))
    if call.transcript_deleted is not None:
        _section(out, "transcript", Text(f"deleted on {moment(call.transcript_deleted)}"))
    elif call.turns:
        _section(out, "transcript", _turns(call.turns))
    if call.tools:
        shown = Table.grid(padding=(0, 2))
        for tool in call.tools:
            failed = Text("failed", "red") if tool.failed else Text()
            said = (plain(tool.name), plain(tool.arguments), plain(tool.output))
            shown.add_row(clock(tool.at_s), *said, f"{tool.duration_ms} ms", failed)
        _section(out, "tools", shown)
    if call.events:
        shown = Table.grid(padding=(0, 2))
        for event in call.events:
            shown.add_row(clock(event.at_s), event.kind, plain(_json(dict(event.data)) if event.data else ""))
        _section(out, "events", shown)
    if call.charges:
        _section(out, "cost", _charges(call))
    for stored in call.recordings:
        kept = stored.kept
        _section(out, "recording", Text(f"{kept.name}, {clock(kept.duration_s)}, {_PLACES[stored.place]}"))
    for note in call.notes:
        _section(out, f"note of {moment(note.created)} by {note.author}", plain(note.text))


_PLACES = {"local": "on the service's machine", "remote": "in the bucket", "gone": "deleted"}


def _header(call: CallDetail) -> Table:
    row = call.row
    ended = "goes on" if row.ended is None else f"{row.outcome}: {row.reason}" if row.reason else row.outcome or ""
    lasted = "" if row.duration_s is None else f", {clock(row.duration_s)}"
    who = {"inbound": f"{row.caller} called {row.called}"}.get(row.direction, f"{row.called} called {row.caller}")
    facts = {
        "call": f"{row.id} ({row.call_sid})",
        "began": moment(row.began) + lasted,
        "who": who,
        "agent": f"{row.agent} {row.agent_version[:12]}, {row.engine}, {row.model}",
        "ended": ended,
        "latency": "" if row.latency_ms is None else f"{row.latency_ms} ms",
        "counted": ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in call.counters.items() if count),
        "afterwards": ": ".join(part for part in (call.after, call.after_problem) if part),
        "held": "nothing deletes it until phoneagent calls release" if row.held else "",
    }
    return _pairs({name: fact for name, fact in facts.items() if fact})


def _turns(turns: tuple[Turn, ...]) -> Table:
    shown = Table.grid(padding=(0, 2))
    for turn in turns:
        words = plain(turn.text)
        if turn.unheard:
            words.append(" " if turn.text else "")
            words.append(plain(f"[not heard: {turn.unheard}]", "dim strike"))
        latency = "" if turn.latency_ms is None else f"{turn.latency_ms} ms"
        shown.add_row(clock(turn.at_s), turn.speaker, words, Text(latency, "dim"))
    return shown


def _charges(call: CallDetail) -> Table:
    shown = Table.grid(padding=(0, 2))
    for charge in call.charges:
        usd = "no price" if charge.usd is None else f"{charge.usd:.6f}"
        shown.add_row(charge.part, plain(charge.model), Text(usd, justify="right"))
    shown.add_row("total", "", Text(f"{call.row.usd:.6f} USD", justify="right"))
    return shown


def _section(out: Console, name: str, content: Table | Text) -> None:
    out.print()
    out.print(plain(name, "bold"))
    out.print(content)


def _pairs(pairs: dict[str, str]) -> Table:
    shown = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        shown.add_row(plain(name, "dim"), plain(value))
    return shown


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
