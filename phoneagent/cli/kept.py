"""What the service keeps, in the terminal: `keys` to its API, `messages` of callers."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from phoneagent.core.scopes import SCOPES, USUAL, Scope
from phoneagent.settings import load

if TYPE_CHECKING:
    from phoneagent.store import Store
    from phoneagent.store.keys import ApiKey
    from phoneagent.store.messages import Message

T = TypeVar("T")

PIPED_WIDTH = 200

_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _Moment(click.DateTime):
    """A day, such as 2026-11-21, or a moment: of no year of the calendar that has none before it, or after."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        given = super().convert(value, param, ctx)
        if not 1 < given.year < 9999:
            self.fail("must be in the years 2 to 9998", param, ctx)
        return given


DAY = _Moment(["%Y-%m-%d"])
DAY_OR_MINUTE = _Moment(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])


@click.group()
def keys() -> None:
    """Keys to the service's API.

    \b
    Example: phoneagent keys create shop
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    default=sorted(USUAL, reverse=True),
    show_default=True,
    help="What it is good for: reading calls, placing and ending them, or everything (admin); repeatable.",
)
def create(name: str, scopes: tuple[Scope, ...]) -> None:
    """Make a key, and show it this once.

    \b
    Example: phoneagent keys create shop --scope read
    """

    if not name.strip():
        raise click.BadParameter("must not be empty: it is how you know the key again", param_hint="NAME")

    async def work(store: Store) -> str:
        key, text = await store.keys.create(name, scopes)
        await note_deed(store, "key.create", id=key.id, name=name, scopes=sorted(scopes))
        return text

    click.echo(run(with_store(work)))
    click.echo("Keep it now: it is not shown again.", err=True)


@keys.command("list")
def list_() -> None:
    """Show all keys, without their secrets.

    \b
    Example: phoneagent keys list
    """

    async def work(store: Store) -> list[ApiKey]:
        return await store.keys.list()

    table = Table("id", "name", "scopes", "created", "last used", "", box=None)
    for key in run(with_store(work)):
        state = "revoked" if key.revoked else "expired" if key.refused_at(datetime.now(UTC)) else ""
        scopes = " ".join(scope for scope in SCOPES if scope in key.scopes)
        table.add_row(key.id, Text(key.name), scopes, moment(key.created), moment(key.last_used), state)
    console().print(table)


@keys.command()
@click.argument("name_or_id", metavar="NAME|ID")
def revoke(name_or_id: str) -> None:
    """Make a key useless: the one of this id, or all of this name.

    \b
    Example: phoneagent keys revoke shop
    """

    async def work(store: Store) -> int:
        if count := await store.keys.revoke(name_or_id):
            await note_deed(store, "key.revoke", name=name_or_id)
        return count

    if (count := run(with_store(work))) == 0:
        raise click.ClickException(f"no key that is in force has the name or id {name_or_id!r}: phoneagent keys list")
    click.echo(f"{count} revoked")


@click.command()
@click.option("--count", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
def messages(count: int) -> None:
    """Show the messages that callers have left, the newest first.

    \b
    Example: phoneagent messages --count 5
    """

    async def work(store: Store) -> list[Message]:
        return await store.messages.newest(count)

    if not (found := run(with_store(work))):
        click.echo("No messages.")
        return
    table = Table("left", "agent", "caller", "call back", "message", box=None)
    for message in found:
        said = (message.agent, message.caller, message.callback_number or "", message.text)
        table.add_row(moment(message.created), *map(plain, said))
    console().print(table)


def plain(text: str, style: str = "") -> Text:
    """Text of anybody's, which can't steer the terminal: rich lets escape sequences through."""
    return Text(_STEERS.sub("\ufffd", text), style)


async def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """What the work finds in the store of these settings, which is closed afterwards."""
    from phoneagent.storage import open_records

    store = await open_records(load())
    try:
        return await work(store)
    finally:
        await store.close()


async def note_deed(store: Store, action: str, call_id: str | None = None, **data: Any) -> None:
    """Write into the audit log what was done here, and by whom. `data` is for JSON, without what was said."""
    await store.audit.note(operator(), "cli", action, call_id, data)


def operator() -> str:
    """Who types."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container, which may know no names
        return f"uid {os.getuid()}"


def console() -> Console:
    """The screen; a pipe is wide."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def moment(at: datetime | None, never: str = "never") -> str:
    """A moment in the local time, for people."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else never


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of work on an event loop. Raises ClickException for a store that can't be used."""
    import uvloop

    from phoneagent.store import StoreError

    try:
        return uvloop.run(work)
    except StoreError as error:
        raise click.ClickException(f"the database: {error}") from None
    except KeyboardInterrupt:
        sys.exit(130)
