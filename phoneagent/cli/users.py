"""`phoneagent users`: who may log in to the console."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click
from rich.table import Table

from phoneagent.cli.kept import console, moment, note_deed, plain, run, with_store
from phoneagent.core.scopes import ROLES, Role

if TYPE_CHECKING:
    from phoneagent.store import Store
    from phoneagent.store.users import User

T = TypeVar("T")

a_name = click.argument("name")
from_stdin = click.option("--password-stdin", "stdin", is_flag=True, help="Read it from standard input: one line.")


@click.group()
def users() -> None:
    """Who may log in to the console (docs/console.md).

    \b
    Example: phoneagent users add ada --role operator
    """


@users.command()
@a_name
@click.option(
    "--role",
    type=click.Choice(tuple(ROLES)),
    required=True,
    help="viewer: sees everything; operator: places calls and steps into them, too; admin: everything.",
)
@from_stdin
def add(name: str, role: Role, stdin: bool) -> None:
    """Add a user, whose password is asked for.

    \b
    Example: phoneagent users add ada --role operator
    """
    password = _password(stdin)

    async def work(store: Store) -> User:
        user = await store.users.add(name, role, password)
        await note_deed(store, "user.add", name=user.name, role=role)
        return user

    click.echo(f"added {_done(work).name}")


@users.command("list")
def list_() -> None:
    """Show all users.

    \b
    Example: phoneagent users list
    """

    async def work(store: Store) -> list[User]:
        return await store.users.list()

    if not (found := run(with_store(work))):
        click.echo("No users.")
        return
    table = Table("name", "role", "added", "last login", box=None)
    for user in found:
        table.add_row(plain(user.name), user.role, moment(user.created), moment(user.last_login))
    console().print(table)


@users.command()
@a_name
@from_stdin
def password(name: str, stdin: bool) -> None:
    """Give a user another password, which is asked for. It ends their sessions.

    \b
    Example: phoneagent users password ada
    """
    new = _password(stdin)

    async def work(store: Store) -> None:
        user = await _named(store, name)
        await store.users.set_password(user.id, new)
        await note_deed(store, "user.password", name=user.name)

    _done(work)
    click.echo("changed")


@users.command()
@a_name
@click.argument("role", type=click.Choice(tuple(ROLES)))
def role(name: str, role: Role) -> None:
    """Give a user another role. It ends their sessions.

    \b
    Example: phoneagent users role ada admin
    """

    async def work(store: Store) -> None:
        user = await _named(store, name)
        await store.users.set_role(user.id, role, even_last=True)
        await note_deed(store, "user.role", name=user.name, role=role)

    _done(work)
    click.echo("changed")


@users.command()
@a_name
def remove(name: str) -> None:
    """Forget a user, and end their sessions.

    \b
    Example: phoneagent users remove ada
    """

    async def work(store: Store) -> None:
        user = await _named(store, name)
        await store.users.remove(user.id, even_last=True)
        await note_deed(store, "user.remove", name=user.name)

    _done(work)
    click.echo("removed")


def _password(stdin: bool) -> str:
    """A password, of which nothing is seen, nor left in the shell's history."""
    if not stdin:
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


async def _named(store: Store, name: str) -> User:
    if (user := await store.users.named(name)) is None:
        raise click.ClickException(f"there is no user {name!r}: phoneagent users list")
    return user


def _done(work: Callable[[Store], Awaitable[T]]) -> T:
    """What came of it. Raises ClickException for what can't be done."""
    from phoneagent.store.users import UserRefusedError

    try:
        return run(with_store(work))
    except UserRefusedError as error:
        raise click.ClickException(str(error)) from None
