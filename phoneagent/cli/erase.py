"""`phoneagent erase`: a person, everywhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from phoneagent.cli.calls import files_of
from phoneagent.cli.kept import note_deed, run, with_store
from phoneagent.settings import load

if TYPE_CHECKING:
    from phoneagent.records.erasure import Erased
    from phoneagent.store import Store


@click.command()
@click.argument("number")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Only show how much it would be.")
def erase(number: str, yes: bool, dry_run: bool) -> None:
    """Erase a person: their calls, recordings, messages, notes, dials; and their number wherever others speak of it.

    What is held, or goes on, is left and named; the command then ends with 1, and may be repeated. docs/records.md says
    what it cannot reach.

    \b
    Example: phoneagent erase +12125550123
    """
    from phoneagent.agents.numbers import e164

    settings = load()
    try:
        person = e164(number, settings.region)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NUMBER") from None
    would = _erase(person, really=False)
    click.echo(f"{'would erase' if dry_run else 'to erase'}: {_counted(would)}")
    if not dry_run:
        if not yes:
            click.confirm(f"Erase all that is known of {person} for good?", abort=True)
        would = _erase(person, really=True)
        click.echo(f"erased: {_counted(would)}")
        click.echo(f"receipt {would.receipt} of {would.at:%Y-%m-%d %H:%M:%S} UTC")
    for name in would.held:
        click.echo(f"left: call {name} is held; phoneagent calls release {name}, then erase again", err=True)
    for name in would.open:
        click.echo(f"left: call {name} goes on; erase again when it is over", err=True)
    for name in would.dialing:
        click.echo(f"left: call {name} is being placed; erase again when it is over", err=True)
    for problem in would.problems:
        click.echo(f"left: {problem}", err=True)
    sys.exit(0 if would.complete else 1)


def _erase(person: str, *, really: bool) -> Erased:
    from phoneagent.keeping import adopt_left
    from phoneagent.records.erasure import OwnNumberError
    from phoneagent.records.erasure import erase as work

    async def with_files(store: Store) -> Erased:
        if really:
            await adopt_left(load(), store)
        erased = await work(store, files_of(store), person, really=really)
        if really:
            await note_deed(store, "person.erase", receipt=erased.receipt, counts=dict(erased.counts))
        return erased

    try:
        return run(with_store(with_files))
    except OwnNumberError:
        raise click.ClickException(f"{person} is a number of the service's own: calls were to it, or from it") from None


def _counted(erased: Erased) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in erased.counts.items())
