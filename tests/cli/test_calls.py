"""`phoneagent calls`, typed into a terminal."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phoneagent.cli import main
from phoneagent.core.records import CallBegan, CallOver, Entry, MessageTaken, RecordingKept, TurnKept
from phoneagent.core.transcript import Turn
from phoneagent.store import Store
from phoneagent.store.audit import Deed
from tests.store import entries
from tests.store.new_database import store_at

FIRST, SECOND, OPEN = "a" * 32, "ab" * 16, "c" * 32
ADA, BOB = "+15550199", "+15550188"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two calls, and one that goes on."""

    async def work(store: Store) -> None:
        await store.entries.apply("i", called(FIRST, ADA))
        await store.entries.apply("i", called(SECOND, BOB))
        await store.entries.apply(
            "i", [replace(entries.began(OPEN), caller=ADA, began=entries.NOON + timedelta(days=9))]
        )

    in_store(tmp_path, work)
    for call_id in (FIRST, SECOND):
        path = tmp_path / "recordings" / f"2026/11/21/{call_id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"sound of {call_id}".encode())
    return tmp_path


def called(call_id: str, caller: str) -> list[Entry]:
    """A whole call, with an answer that was cut off."""
    answer = Turn("item2", "agent", "We are open", "until [red]nine[/].", 2.0, 850, interrupted=True, final=True)
    changed: list[Entry] = [TurnKept(call_id, answer)]
    for entry in entries.call(call_id):
        match entry:
            case CallBegan():
                changed.insert(0, replace(entry, caller=caller))
            case CallOver():
                changed.append(replace(entry, turns=("item1", "item2")))
            case MessageTaken():
                changed.append(replace(entry, message_id=call_id, caller=caller, text="=1+1"))
            case RecordingKept():
                changed.append(replace(entry, name=f"2026/11/21/{call_id}.wav"))
            case _:
                changed.append(entry)
    return changed


def in_store(folder: Path, work: Callable[[Store], Awaitable[object]]) -> None:
    async def working() -> None:
        store = await store_at(folder / "phoneagent.db")
        await work(store)
        await store.close()

    asyncio.run(working())


def typed(folder: Path, *arguments: str, **more: str) -> Result:
    environ = {"PHONEAGENT_DATA": str(folder), "COLUMNS": "200", "PATH": str(folder / "bin"), **more}
    return CliRunner().invoke(main, ["calls", *arguments], env=environ, catch_exceptions=False, input=more.get("typed"))


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


def test_calls_are_listed_the_newest_first(folder: Path):
    heading, newest, *_ = typed(folder, "list").stdout.splitlines()
    assert heading.split() == ["call", "began", "number", "agent", "outcome", "lasted", "USD", "summary"]
    began = (entries.NOON + timedelta(days=9)).astimezone()
    assert newest.split() == [
        "cccccccc",
        *f"{began:%Y-%m-%d %H:%M}".split(),
        "from",
        ADA,
        "ada",
        "goes",
        "on",
        "0.0000",
    ]
    assert len(typed(folder, "list").stdout.splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("--number=+1 555 0188", [SECOND]),
        ("--number=555 0188", [SECOND]),
        ("--agent=ada", [OPEN, SECOND, FIRST]),
        ("--agent=eve", []),
        ("--day=2026-11-21", [SECOND, FIRST]),
        ("--since=2026-11-22", [OPEN]),
        ("--until=2026-11-21", [SECOND, FIRST]),
        ("--since=2026-11-20 --until=2026-11-20", []),
        ("--outcome=completed", [SECOND, FIRST]),
        ("--text=OPEN", [SECOND, FIRST]),
        ("--limit=1", [OPEN]),
        ("--limit=0", [OPEN, SECOND, FIRST]),
    ],
)
def test_those_that_are_wanted_are_listed(folder: Path, options: str, found: list[str]):
    given = [f"--{option}" for option in options.strip("-").split(" --")]
    assert ids(typed(folder, "list", "--json", *given, PHONEAGENT_REGION="US")) == found


def test_a_spreadsheet_runs_nothing(folder: Path):
    for call_id, agent in (("d", "=HYPERLINK()"), ("e", "\n=1+1"), ("f", "＝1+1"), ("g", "a;@b\n\t-1")):
        began = replace(entries.began(call_id), agent=agent)
        in_store(folder, lambda store, began=began: store.entries.apply("i", [began]))
    rows = list(csv.DictReader(io.StringIO(typed(folder, "list", "--csv").stdout)))
    assert {row["caller"] for row in rows} == {f"'{ADA}", f"'{BOB}"}
    assert {row["agent"] for row in rows} == {"ada", "'=HYPERLINK()", "'\n'=1+1", "'＝1+1", "a;'@b\n'\t-1"}
    assert rows[0]["id"] == OPEN


def test_nothing_that_was_said_or_written_steers_the_terminal(folder: Path):
    said = TurnKept(FIRST, Turn("item2", "caller", "Hello\x1b]0;title\x07", "\x9b2J", 2.0, final=True))
    in_store(folder, lambda store: store.entries.apply("i", [said]))
    in_store(folder, lambda store: store.calls.add_note(FIRST, "\x1b[2J", "one\ntwo\x1b[8m"))
    shown = typed(folder, "show", FIRST).stdout
    assert "Hello\ufffd]0;title\ufffd" in shown
    assert "one\ntwo\ufffd" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--number", "12"], "too few"),
        (["--day", "today"], "%Y-%m-%d"),
        (["--day", "2026-11-21", "--since", "2026-11-21"], "name --day, or"),
    ],
)
def test_what_can_not_be_meant_is_refused(folder: Path, arguments: list[str], why: str):
    result = typed(folder, "list", *arguments, PHONEAGENT_REGION="US")
    assert result.exit_code == 2
    assert why in result.stderr


def test_without_any_it_says_so(tmp_path: Path):
    assert typed(tmp_path, "list").stdout == "No calls.\n"


def test_a_call_is_shown_with_all_that_belongs_to_it(folder: Path):
    typed(folder, "note", "ab", "knows [b]us[/]", "--author", "eve")
    shown = typed(folder, "show", "ab").stdout
    for words in [
        f"{BOB} called +15550100",
        "completed: caller hung up",
        "We are open [not heard: until [red]nine[/].]",
        "850 ms",
        'book  {"at": "8"}',
        "heard_ms",
        "no price",
        f"2026/11/21/{SECOND}.wav, 00:59",
        "by eve",
        "knows [b]us[/]",
    ]:
        assert words in shown


def test_a_call_is_found_by_either_id_or_the_beginning_of_ours(folder: Path):
    for name in (FIRST, "aa", f"CA{FIRST}"):
        assert json.loads(typed(folder, "show", "--json", name).stdout)["id"] == FIRST
    for name, why in [
        ("a", "several calls begin"),
        ("f", "there is no call 'f': phoneagent calls list"),
        ("%", "no call"),
    ]:
        result = typed(folder, "show", name)
        assert (result.exit_code, why in result.stderr) == (1, True)


def test_an_empty_name_is_not_taken_for_the_only_call(tmp_path: Path):
    in_store(tmp_path, lambda store: store.entries.apply("i", called(FIRST, ADA)))
    result = typed(tmp_path, "delete", "", "--yes")
    assert (result.exit_code, "must not be empty" in result.stderr) == (2, True)
    assert typed(tmp_path, "show", FIRST).exit_code == 0


def test_a_call_is_exported_and_nothing_is_written_over(folder: Path):
    target = folder / "for" / "ada"
    result = typed(folder, "export", "aa", str(target))
    assert result.exit_code == 0, result.output
    written = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert written == {"call.json", "transcript.txt", f"{FIRST}.wav", "agent/ada.md"}
    call = json.loads((target / "call.json").read_text())
    assert call == json.loads(typed(folder, "show", "--json", "aa").stdout)
    assert call["turns"][1]["unheard"] == "until [red]nine[/]."
    assert "00:02  agent:  We are open [not heard: until [red]nine[/].]\n" in (target / "transcript.txt").read_text()
    assert (target / f"{FIRST}.wav").read_text() == f"sound of {FIRST}"
    again = typed(folder, "export", "ab", str(target))
    assert (again.exit_code, "call.json is there already" in again.stderr) == (1, True)
    assert json.loads((target / "call.json").read_text()) == call


def test_files_stay_in_the_folder_whatever_they_are_called(folder: Path):
    from phoneagent.core.records import AgentKept

    kept = AgentKept("v2", "ada", {"../../evil.md": "x", "/": "y"}, entries.NOON)
    in_store(folder, lambda store: store.entries.apply("i", [kept, replace(entries.began("d"), agent_version="v2")]))
    assert typed(folder, "export", "d", str(folder / "to")).exit_code == 0
    assert {path.name for path in (folder / "to" / "agent").iterdir()} == {"evil.md", "unnamed"}


def test_a_recording_is_played_by_what_the_machine_has(folder: Path):
    result = typed(folder, "play", "aa")
    assert (result.exit_code, "no program that plays sound" in result.stderr) == (1, True)
    player = folder / "bin" / "ffplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\nfor file; do :; done; read sound < "$file"; echo "$sound" > {folder}/heard\n')
    player.chmod(0o755)
    assert typed(folder, "play", "aa").exit_code == 0
    assert (folder / "heard").read_text() == f"sound of {FIRST}\n"
    result = typed(folder, "play", OPEN)
    assert (result.exit_code, "there is no recording" in result.stderr) == (1, True)


def test_a_call_is_deleted_after_a_yes(folder: Path):
    assert typed(folder, "delete", "aa", typed="n\n").exit_code == 1
    assert typed(folder, "show", FIRST).exit_code == 0
    assert typed(folder, "delete", "aa", typed="y\n").exit_code == 0
    assert typed(folder, "show", FIRST).exit_code == 1
    assert [path.name for path in (folder / "recordings").rglob("*.*")] == [f"{SECOND}.wav"]


def test_a_call_that_is_held_or_goes_on_is_not_deleted(folder: Path):
    assert "nothing deletes it" in typed(folder, "hold", "aa").stdout
    result = typed(folder, "delete", "aa", "--yes")
    assert (result.exit_code, f"phoneagent calls release {FIRST}" in result.stderr) == (1, True)
    typed(folder, "release", "aa")
    assert typed(folder, "delete", "aa", "--yes").exit_code == 0
    result = typed(folder, "delete", OPEN, "--yes")
    assert (result.exit_code, "goes on" in result.stderr) == (1, True)


def test_seconds_are_said_to_the_thousandth(folder: Path):
    turn = Turn("item1", "caller", "When?", at_s=0.03675545600071928, final=True)
    in_store(folder, lambda store: store.entries.apply("i", [TurnKept(OPEN, turn)]))
    assert json.loads(typed(folder, "show", "--json", OPEN).stdout)["turns"][0]["at_s"] == 0.037


def test_a_database_that_refuses_is_named_without_a_traceback(folder: Path):
    with closing(sqlite3.connect(folder / "phoneagent.db")) as database:
        database.execute("DROP TABLE notes")
        result = typed(folder, "note", "aa", "…")
    assert (result.exit_code, result.stderr) == (1, "Error: the database: OperationalError: no such table: notes\n")


def test_it_can_be_swept_by_hand(folder: Path):
    agents = folder / "agents"
    agents.mkdir()
    (agents / "ada.md").write_text(
        '---\nnumbers: ["+15550100"]\nretention: {recording_days: 1, call_days: 30000}\n---\nBe Ada.\n'
    )
    swept = typed(folder, "sweep", PHONEAGENT_AGENTS=str(agents))
    assert swept.exit_code == 0, swept.output
    assert swept.stdout.startswith("deleted: 0 calls, 0 transcripts, ")


COMMANDS = ["list", "show", "play", "export", "delete", "hold", "release", "note", "sweep"]


def test_what_is_done_to_calls_is_in_the_audit_log(folder: Path):
    for arguments in (["note", FIRST, "Called back."], ["hold", FIRST], ["release", FIRST], ["delete", FIRST, "--yes"]):
        assert typed(folder, *arguments).exit_code == 0
    deeds: list[Deed] = []

    async def read(store: Store) -> None:
        deeds.extend((await store.audit.page()).deeds)

    in_store(folder, read)
    assert [deed.action for deed in reversed(deeds)] == ["call.note", "call.hold", "call.release", "call.delete"]
    assert {(deed.kind, deed.call_id) for deed in deeds} == {("cli", FIRST)}
    assert "Called back" not in str(deeds)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_every_command_explains_itself_with_an_example(command):
    assert "Example: " in CliRunner().invoke(main, ["calls", *command, "--help"]).stdout
