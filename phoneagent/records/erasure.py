"""Deletes calls wherever they are; and all of a person, with a receipt."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from phoneagent.agents.numbers import country_code_and_rest
from phoneagent.core.redaction.telephones import TelephoneNumber
from phoneagent.records.files import Files
from phoneagent.store import Store, StoreError
from phoneagent.store.people import ERASED, Person


class OwnNumberError(Exception):
    """The number is one of the service's own, and no person's."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of calls that were to be deleted. `problems` are files that are still there, and why."""

    calls: frozenset[str]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of a person, or would be (then there is no `receipt`).

    `held`, `open` and `dialing` are what was left: calls that are held, theirs and such as speak of them; calls and
    dials that go on. `problems`: what is still there, and why.
    """

    receipt: str | None
    at: datetime | None
    counts: Mapping[str, int]
    held: tuple[str, ...]
    open: tuple[str, ...]
    dialing: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return not (self.held or self.open or self.dialing or self.problems)


async def delete_calls(store: Store, files: Files, call_ids: Collection[str]) -> Deleted:
    """Delete calls with everything that belongs to them, but not those that are held or go on. Raises StoreError."""
    deleted = await store.erasure.delete(call_ids)
    return Deleted(frozenset(deleted), tuple(await files.delete()))


async def erase(store: Store, files: Files, number: str, *, really: bool = True) -> Erased:
    """Erase a person, by their number in E.164: their calls with all that belongs to them, messages and dials; and the
    number wherever others speak of it. `really` False only counts.

    Works beside a running service, and may be repeated. Raises OwnNumberError and StoreError.
    """
    if await store.people.ours(number):
        raise OwnNumberError(number)
    person = Person(number, TelephoneNumber(ERASED, *country_code_and_rest(number)))
    known = await store.people.known(person)
    counts = {
        "calls": len(known.calls),
        "recordings": known.recordings,
        "messages": known.messages,
        "dials": known.dials,
    }
    receipt = at = None
    problems: list[str] = []
    if really:
        await store.erasure.doom_files(known.named)
        await store.erasure.delete(known.calls)
        await store.people.delete_messages_and_dials(person)
    besides = () if really else {*known.calls, *(name for name, _ in known.named)}
    mentions = await store.people.take_out(person, really=really, besides=besides)
    counts["mentions"] = mentions.count
    if really:
        await store.erasure.delete_event_logs(mentions.calls)  # they can't be replayed with a word changed
        problems = await files.delete()
        receipt = secrets.token_hex(8)
        at = await store.erasure.receipt(receipt, counts)
        try:
            await store.erasure.compact()
        except StoreError as error:
            problems.append(f"the files of the database may still hold what was deleted, erase again: {error}")
    held = tuple(mentions.held.union(known.held))
    return Erased(receipt, at, counts, held, known.open, known.dialing, tuple(problems))
