"""A call for others to read: as JSON, as a text, and as a folder with all that belongs to it (docs/records.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from phoneagent.core.costs import Usage
from phoneagent.core.records import RecordingKept
from phoneagent.core.transcript import Turn
from phoneagent.store.blobs import BlobError, Blobs
from phoneagent.store.calls import CallDetail, CallRow

DEEPEST = 100  # levels of JSON in JSON; the tools of others may answer with any


class ExportError(Exception):
    """A call can't be exported; the text says why."""


def row_document(row: CallRow) -> dict[str, Any]:
    """A call of a list, as JSON says it: moments in ISO 8601, money as text."""
    return {name: _plain(value) for name, value in _fields(row).items()}


def call_document(call: CallDetail) -> dict[str, Any]:
    """A call with all that is known of it, as JSON says it."""
    return row_document(call.row) | {
        "stream_sid": call.stream_sid,
        "session_id": call.session_id,
        "counters": dict(call.counters),
        "after": call.after,
        "after_problem": call.after_problem,
        "extracted": call.extracted,
        "transcript_deleted": _plain(call.transcript_deleted),
        "turns": [_turn(turn) for turn in call.turns],
        "tools": [
            {
                "name": tool.name,
                "arguments": parsed(tool.arguments),
                "output": parsed(tool.output),
                "failed": tool.failed,
                "at_s": _plain(tool.at_s),
                "duration_ms": tool.duration_ms,
            }
            for tool in call.tools
        ],
        "events": [{"kind": event.kind, "at_s": event.at_s, "data": dict(event.data)} for event in call.events],
        "charges": [
            {
                "part": charge.part,
                "model": charge.model or None,
                "usd": _plain(charge.usd),
                "usage": charge.usage and _plain(_fields(charge.usage)),
            }
            for charge in call.charges
        ],
        "recordings": [
            {name: _plain(value) for name, value in _fields(stored.kept).items() if name != "call_id"}
            | {"place": stored.place}
            for stored in call.recordings
        ],
        "notes": [
            {"id": note.id, "author": note.author, "text": note.text, "created": _plain(note.created)}
            for note in call.notes
        ],
    }


def transcript(call: CallDetail) -> str:
    """Who said what and when, a line each; words of the agent that the caller did not hear stand in brackets."""
    if call.transcript_deleted is not None:
        return f"The transcript was deleted on {call.transcript_deleted:%Y-%m-%d}.\n"
    return "".join(f"{clock(turn.at_s)}  {turn.speaker + ':':8}{words(turn)}\n" for turn in call.turns)


def words(turn: Turn) -> str:
    """What was said in a turn, with what was not heard in brackets."""
    unheard = f"[not heard: {turn.unheard}]" if turn.unheard else ""
    return " ".join(part for part in (turn.text, unheard) if part)


def clock(seconds: float) -> str:
    """Minutes and seconds of a call, such as 12:07."""
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


async def export(call: CallDetail, folder: Path, recordings: Blobs) -> list[Path]:
    """Write a call into a folder, which is made; nothing that is there is touched. Returns the files.

    Raises ExportError if there is a file in the way, a recording can't be had, or the disk refuses it.
    """
    try:
        written = await asyncio.to_thread(_write_texts, call, folder)
        for stored in call.recordings:
            if stored.place != "gone":
                written.append(folder / _base(stored.kept.name))
                await fetch(stored.kept.name, written[-1], recordings)
    except FileExistsError as error:
        raise ExportError(f"{error.filename} is there already: name another folder") from None
    except (OSError, BlobError) as error:
        raise ExportError(str(error)) from error
    return written


async def fetch(name: str, path: Path, recordings: Blobs) -> None:
    """Copy a recording into a new file. Raises OSError and BlobError."""
    blob = await recordings.read(name)
    with path.open("xb") as file:
        async for chunk in blob.chunks:
            file.write(chunk)


def _write_texts(call: CallDetail, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        Path("call.json"): json.dumps(call_document(call), indent=2, ensure_ascii=False) + "\n",
        Path("transcript.txt"): transcript(call),
    }
    texts |= {Path("agent", _base(name)): text for name, text in (call.agent_files or {}).items()}
    if call.agent_files:
        (folder / "agent").mkdir(exist_ok=True)
    return [_write(folder / path, text) for path, text in texts.items()]


def _write(path: Path, text: str) -> Path:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path


def _base(name: str) -> str:
    """The last part of a name, which leads nowhere else."""
    return PurePosixPath(name).name or "unnamed"


def _turn(turn: Turn) -> dict[str, Any]:
    return {name: _plain(value) for name, value in _fields(turn).items() if name not in ("turn_id", "final")}


def parsed(text: str) -> Any:
    """What JSON text says; text that is none stays as it is, and so does what nobody can write again for its depth."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return text
    level = [given]
    for _ in range(DEEPEST):
        if not level:
            return given
        level = [item for value in level for item in _items(value)]
    return text


def _items(value: Any) -> Collection[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"  # str() may say 1E-9
        case float():
            return round(value, 3)  # seconds
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


def _fields(value: CallRow | Turn | Usage | RecordingKept) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value)}  # asdict() copies all, while calls go on
