"""`phoneagent numbers`: the account's numbers, what answers each, and connecting them to this service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.table import Table

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.numbers import e164
from phoneagent.ops import OpsError
from phoneagent.ops.webhooks import STATUS, Webhooks, answered_by, described, is_at
from phoneagent.twilio.rest import PhoneNumber, TwilioApi

Ask = Callable[[str], bool]
"""Puts a question to whoever is at the keyboard."""


def chosen(numbers: Iterable[PhoneNumber], wanted: Sequence[str], region: str | None) -> list[PhoneNumber]:
    """The numbers of the account that are named, each once. Raises OpsError for one that can't be used."""
    account = {number.number: number for number in numbers}
    found = {}
    for text in wanted:
        try:
            number = e164(text, region)
        except ValueError as error:
            raise OpsError(str(error)) from None
        if number not in account:
            raise OpsError(f"{number} is not a number of this account, which has: {', '.join(account) or 'none'}")
        if not account[number].voice:
            raise OpsError(f"{number} can't take calls (it has no voice capability): choose another, or buy one")
        found[number] = account[number]
    return list(found.values())


def ask_about_winners(numbers: Iterable[PhoneNumber], ask: Ask) -> None:
    """Ask whether what wins over the webhooks of these numbers may be taken away. Raises OpsError if not."""
    for number in numbers:
        wins = Webhooks.of(number).wins
        if wins and not ask(f"{number.number} is answered by {wins}. Take that away from it?"):
            raise OpsError(f"{number.number} stays with {wins}, and nothing was changed")


async def connect(
    api: TwilioApi, numbers: Sequence[PhoneNumber], public_url: str, fallback: str | None, console: Console
) -> None:
    """Have the service at `public_url` answer these numbers, and show what changed of each."""
    for number in numbers:
        before = Webhooks.of(number)
        changes = before.changes(before.toward(public_url, fallback))
        if changes:
            await api.update_number(number.sid, **changes)
        console.print(f"{number.number} {'is connected' if changes else 'was connected already'}", soft_wrap=True)
        for line in described(before, changes):
            console.print(f"  {line}", soft_wrap=True)
        if is_at(before.toward(public_url, fallback).voice_fallback_url, public_url):
            console.print("  its fallback is this service itself, which is of no use: set another with --fallback")


def unanswered(numbers: Iterable[PhoneNumber], agents: AgentDirectory) -> list[str]:
    """A warning for each of the numbers that no agent answers."""
    return [
        f'warning: no agent answers {number.number}: add it to `numbers` of an agent\'s file, or use "*"'
        for number in numbers
        if agents.for_number(number.number) is None
    ]


def table(numbers: Iterable[PhoneNumber], public_url: str | None, agents: AgentDirectory) -> Table:
    """The numbers of the account, with what answers each."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("number", "name", "answered by", "points here", "status callback", "fallback"):
        shown.add_column(heading, no_wrap=heading == "number", overflow="fold")
    for number in sorted(numbers, key=lambda number: number.number):
        shown.add_row(
            number.number,
            number.name,
            answered_by(number, public_url, agents) if number.voice else "(takes no calls)",
            "yes" if Webhooks.of(number).points_to(public_url) else "no",
            _place(number.status_callback, public_url, STATUS),
            _place(number.voice_fallback_url, public_url),
        )
    return shown


def _place(url: str, public_url: str | None, path: str = "") -> str:
    return "here" if is_at(url, public_url, path) else url or "none"
