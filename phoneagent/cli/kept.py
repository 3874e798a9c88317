"""What the service keeps, in the terminal: `keys` to its API, `messages` of callers."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
import uvloop
from rich.console import Console
from rich.table import Table
from rich.text import Text

from phoneagent.settings import load

if TYPE_CHECKING:
    from phoneagent.store import Store
    from phoneagent.store.keys import ApiKey
    from phoneagent.store.messages import Message

T = TypeVar("T")


@click.group()
def keys() -> None:
    """Keys to the service's API.

    \b
    Example: phoneagent keys create shop
    """


@keys.command()
@click.argument("name")
def create(name: str) -> None:
    """Make a key, and show it this once.

    \b
    Example: phoneagent keys create shop
    """

    if not name.strip():
        raise click.BadParameter("must not be empty: it is how you know the key again", param_hint="NAME")

    async def work(store: Store) -> str:
        _, text = await store.keys.create(name)
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

    table = Table("id", "name", "created", "last used", "", box=None)
    for key in run(with_store(work)):
        state = "revoked" if key.revoked else "expired" if key.refused_at(datetime.now(UTC)) else ""
        table.add_row(key.id, Text(key.name), _moment(key.created), _moment(key.last_used), state)
    Console().print(table)


@keys.command()
@click.argument("name_or_id", metavar="NAME|ID")
def revoke(name_or_id: str) -> None:
    """Make a key useless: the one of this id, or all of this name.

    \b
    Example: phoneagent keys revoke shop
    """

    async def work(store: Store) -> int:
        return await store.keys.revoke(name_or_id)

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
        table.add_row(_moment(message.created), *map(Text, said))
    Console().print(table)


async def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """What the work finds in the store of these settings, which is closed afterwards."""
    from phoneagent.app import open_records

    store = await open_records(load())
    try:
        return await work(store)
    finally:
        await store.close()


def _moment(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "never"


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of work on an event loop. Raises ClickException for a store that can't be used."""
    from phoneagent.store import StoreError

    try:
        return uvloop.run(work)
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(130)
