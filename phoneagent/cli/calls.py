"""`phoneagent calls`: what is kept of calls, in the terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phoneagent.cli.kept import DAY, moment, note_deed, operator, run, with_store
from phoneagent.settings import Settings, load

if TYPE_CHECKING:
    from phoneagent.records.erasure import Deleted
    from phoneagent.records.files import Files
    from phoneagent.store import Store
    from phoneagent.store.calls import CallDetail

PLAYERS = (  # what may be installed, the first is taken
    ("play", "-q"),  # sox
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("paplay",),
    ("aplay", "-q"),
)

a_call = click.argument("wanted", metavar="CALL")


@click.group()
def calls() -> None:
    """The calls that were, and those that go on.

    CALL is a call's id, the first characters of it, or the carrier's id of it (CallSid).

    \b
    Example: phoneagent calls list --agent reception --day 2026-11-21
    """


@calls.command("list")
@click.option("--number", help="The other side's number, or ours.")
@click.option("--agent", help="Who answered.")
@click.option("--day", type=DAY, help="When it began, such as 2026-11-21.")
@click.option("--since", type=DAY, help="The first day.")
@click.option("--until", type=DAY, help="The last day.")
@click.option("--outcome", help="How it ended, such as caller_hung_up.")
@click.option("--text", help="Words that were said in it, or their beginnings.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0), help="How many at most; 0 for all.")
@click.option("--json", "form", flag_value="json", help="A JSON object for each, in a line of its own.")
@click.option("--csv", "form", flag_value="csv", help="For a spreadsheet.")
def list_(
    number: str | None,
    agent: str | None,
    day: datetime | None,
    since: datetime | None,
    until: datetime | None,
    outcome: str | None,
    text: str | None,
    limit: int,
    form: str | None,
) -> None:
    """List calls, the newest first.

    Days are those of this machine's time zone. In CSV, cells that a spreadsheet might take for a formula begin with an
    apostrophe; numbers such as +1… are among them.

    \b
    Example: phoneagent calls list --number +12125550123 --since 2026-11-01 --csv > calls.csv
    """
    from phoneagent.cli import call_views
    from phoneagent.store.calls import CallFilter

    if day is not None and (since is not None or until is not None):
        raise click.UsageError("name --day, or --since and --until")
    first, last = (day, day) if day is not None else (since, until)
    wanted = CallFilter(
        number=None if number is None else _number(number, load()),
        agent=agent,
        since=first and first.astimezone(),
        before=last and (last + timedelta(days=1)).astimezone(),
        outcome=outcome,
        text=text,
    )
    show = {"json": call_views.json_lines, "csv": call_views.csv_lines, None: call_views.table}[form]
    run(with_store(lambda store: show(store.calls.each(wanted, most=limit or None))))


@calls.command()
@a_call
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as in an export.")
def show(wanted: str, as_json: bool) -> None:
    """Show a call: who said what, what was done, what it cost.

    \b
    Example: phoneagent calls show 3f9a2b
    """
    from phoneagent.cli import call_views

    call = run(with_store(partial(call_of, wanted=wanted)))
    call_views.json_document(call) if as_json else call_views.page(call)


@calls.command()
@a_call
def play(wanted: str) -> None:
    """Play a call's recording: left the caller, right what they heard.

    \b
    Example: phoneagent calls play 3f9a2b
    """
    from phoneagent.records.export import fetch
    from phoneagent.storage import recording_files
    from phoneagent.store.blobs import BlobError

    settings = load()
    call = run(with_store(partial(call_of, wanted=wanted)))
    names = [stored.kept.name for stored in call.recordings if stored.place != "gone"]
    if not names:
        why = "the recording was deleted" if call.recordings else "there is no recording"
        raise click.ClickException(f"{why} of {call.row.id}")
    player = next((player for player in PLAYERS if shutil.which(player[0])), None)
    if player is None:
        raise click.ClickException(
            f"no program that plays sound is installed, such as sox (its play) or ffmpeg (its ffplay); "
            f"phoneagent calls export {call.row.id} DIR writes the file"
        )
    files = recording_files(settings)
    with tempfile.TemporaryDirectory(prefix="phoneagent-") as folder:
        for number, name in enumerate(names):
            path = settings.data.absolute() / "recordings" / name
            if not path.exists():  # it is in the bucket
                path = Path(folder, f"{number}{path.suffix}")
                try:
                    run(fetch(name, path, files))
                except BlobError as error:
                    raise click.ClickException(str(error)) from None
            if (code := subprocess.run([*player, str(path)], check=False).returncode) != 0:  # noqa: S603
                sys.exit(code)


@calls.command()
@a_call
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def export(wanted: str, folder: Path) -> None:
    """Write a call into a folder: call.json, transcript.txt, its recording, the agent's files as they were.

    \b
    Example: phoneagent calls export 3f9a2b ./for-ada
    """
    from phoneagent.records.export import ExportError
    from phoneagent.records.export import export as write
    from phoneagent.storage import recording_files

    async def work(store: Store) -> list[Path]:
        return await write(await call_of(store, wanted), folder, recording_files(load()))

    try:
        for path in run(with_store(work)):
            click.echo(path)
    except ExportError as error:
        raise click.ClickException(str(error)) from None


@calls.command()
@a_call
@click.option("--yes", is_flag=True, help="Don't ask.")
def delete(wanted: str, yes: bool) -> None:
    """Delete a call for good, with its recording and all that belongs to it.

    A call that is held, or goes on, is not deleted.

    \b
    Example: phoneagent calls delete 3f9a2b
    """
    call = run(with_store(partial(call_of, wanted=wanted))).row
    if call.held:
        raise click.ClickException(f"{call.id} is held: phoneagent calls release {call.id} first")
    if call.ended is None:
        raise click.ClickException(f"{call.id} goes on: delete it when it is over")
    if not yes:
        click.confirm(f"Delete {call.id} of {moment(call.began)}, {call.caller}, for good?", abort=True)

    from phoneagent.records.erasure import delete_calls

    async def work(store: Store) -> Deleted:
        deleted = await delete_calls(store, files_of(store), [call.id])
        if call.id in deleted.calls:
            await note_deed(store, "call.delete", call.id)
        return deleted

    deleted = run(with_store(work))
    if deleted.problems:
        raise click.ClickException("; ".join(deleted.problems))
    if call.id not in deleted.calls:
        raise click.ClickException(f"{call.id} was held or deleted by somebody else meanwhile")
    click.echo(f"{call.id} is deleted")


@calls.command()
@a_call
def hold(wanted: str) -> None:
    """Keep a call: nothing deletes it, no command and no retention, until it is released.

    \b
    Example: phoneagent calls hold 3f9a2b
    """
    click.echo(f"{_hold(wanted, held=True)} is held: nothing deletes it until phoneagent calls release")


@calls.command()
@a_call
def release(wanted: str) -> None:
    """Hold a call no longer.

    \b
    Example: phoneagent calls release 3f9a2b
    """
    click.echo(f"{_hold(wanted, held=False)} is held no longer")


@calls.command()
@a_call
@click.argument("text")
@click.option("--author", default=operator, help="Who writes it; default: you.")
def note(wanted: str, text: str, author: str) -> None:
    """Write something about a call.

    \b
    Example: phoneagent calls note 3f9a2b "called back on Monday"
    """
    if not text.strip():
        raise click.BadParameter("must not be empty", param_hint="TEXT")

    async def work(store: Store) -> None:
        call_id = (await call_of(store, wanted)).row.id
        await store.calls.add_note(call_id, author, text)
        await note_deed(store, "call.note", call_id)

    run(with_store(work))


@calls.command()
def sweep() -> None:
    """Delete now what has been kept for as long as the agents' files say. The service does so daily.

    \b
    Example: phoneagent calls sweep
    """
    from phoneagent import telemetry
    from phoneagent.records.retention import Sweeper
    from phoneagent.roster import read_agents

    settings = load()
    telemetry.set_up(settings.log, settings.log_level)  # files that can't be deleted are told of there
    agents = read_agents(settings).directory.agents

    async def work(store: Store) -> dict[str, int]:
        counts = dict(await Sweeper(store.erasure, files_of(store), lambda: agents).sweep())
        await note_deed(store, "calls.sweep", counts=counts)
        return counts

    click.echo("deleted: " + ", ".join(f"{count} {kind}" for kind, count in run(with_store(work)).items()))


def files_of(store: Store) -> Files:
    """The files of the calls in the store of these settings."""
    from phoneagent.records.files import Files
    from phoneagent.storage import recording_files

    settings = load()
    return Files(store.erasure, settings.data.absolute(), recording_files(settings))


def _hold(wanted: str, *, held: bool) -> str:
    async def work(store: Store) -> str:
        call_id = (await call_of(store, wanted)).row.id
        await store.calls.hold(call_id, held)
        await note_deed(store, "call.hold" if held else "call.release", call_id)
        return call_id

    return run(with_store(work))


async def call_of(store: Store, wanted: str, what: str = "call") -> CallDetail:
    """The call that is meant. Raises ClickException."""
    if not wanted:  # every id begins so
        raise click.BadParameter("must not be empty", param_hint="CALL")
    if (call := await store.calls.get(wanted)) is not None:
        return call
    ids = await store.calls.ids(wanted)
    if len(ids) > 1:
        raise click.ClickException(f"several calls begin with {wanted!r}: {', '.join(ids)}")
    if ids and (call := await store.calls.get(ids[0])) is not None:
        return call
    raise click.ClickException(f"there is no {what} {wanted!r}: phoneagent calls list")


def _number(text: str, settings: Settings) -> str:
    from phoneagent.agents.numbers import e164

    try:
        return e164(text, settings.region)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--number") from None
