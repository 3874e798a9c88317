"""Numbers that are answered here for a while, and get their old webhooks back whatever happens.

What a number had is written down before it is changed; if nobody gives it back, the next one who borrows does.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phoneagent.ops import OpsError
from phoneagent.ops.webhooks import Webhooks
from phoneagent.twilio.rest import PhoneNumber, TwilioApi, TwilioError

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Loan:
    """A number that was pointed elsewhere: what it had, and what it was given."""

    sid: str
    number: str
    before: Webhooks
    given: Webhooks

    def to_restore(self, now: Webhooks) -> dict[str, str]:
        """The fields that are still as we gave them, as they were before."""
        fields = self.given.changes(self.before)
        return {name: value for name, value in fields.items() if getattr(now, name) == getattr(self.given, name)}


class BorrowedNumbers:
    """The numbers of one account that are on loan, written down in `file`. `say` tells of what is given back."""

    def __init__(self, api: TwilioApi, file: Path, say: Say) -> None:
        self._api = api
        self._file = file
        self._say = say

    async def borrow(self, numbers: Sequence[PhoneNumber], public_url: str) -> None:
        """Point the numbers here. Raises TwilioError; what was changed until then is given back by `give_back`."""
        loans = {loan.sid: loan for loan in self._read()}  # one that could not be given back still counts
        for number in numbers:
            before = loans[number.sid].before if number.sid in loans else Webhooks.of(number)
            loans[number.sid] = Loan(number.sid, number.number, before, before.toward(public_url))
        self._write(list(loans.values()))  # first: from here on, a kill loses nothing
        for number in numbers:
            if changes := Webhooks.of(number).changes(loans[number.sid].given):
                await self._api.update_number(number.sid, **changes)

    async def give_back(self) -> None:
        """Give every number on loan its old webhooks, unless somebody else has changed them since.

        What can't be given back now stays written down. Raises nothing that Twilio may say.
        """
        loans = self._read()
        if not loans:
            return
        try:
            numbers = {number.sid: number for number in await self._api.numbers()}
        except TwilioError as error:
            self._say(f"the old webhooks could not be restored; the next `phoneagent dev` tries again: {error}")
            return
        self._write([loan for loan in loans if not await self._give_back(loan, numbers.get(loan.sid))])

    async def _give_back(self, loan: Loan, number: PhoneNumber | None) -> bool:
        """Whether the loan is over."""
        if number is None:
            self._say(f"{loan.number} is no longer a number of this account; its old webhook is forgotten")
            return True
        now = Webhooks.of(number)
        if now == loan.before:
            return True
        if now.wins or now.voice_url != loan.given.voice_url:
            self._say(f"{loan.number} was changed by somebody else meanwhile and is left as it is: {_url(now)}")
            return True
        try:
            await self._api.update_number(loan.sid, **loan.to_restore(now))
        except TwilioError as error:
            self._say(f"{loan.number} could not be restored; the next `phoneagent dev` tries again: {error}")
            return False
        self._say(f"{loan.number} is answered by {_url(loan.before)} again")
        return True

    def _read(self) -> list[Loan]:
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        try:
            return [_loan(entry) for entry in json.loads(text)]
        except (ValueError, TypeError, KeyError):
            raise OpsError(
                f"{self._file} can't be read, and it holds the old webhooks of numbers: mend it, or delete it and "
                "look at `phoneagent numbers`"
            ) from None

    def _write(self, loans: Sequence[Loan]) -> None:
        if not loans:
            self._file.unlink(missing_ok=True)
            return
        fresh = self._file.with_suffix(".new")
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump([asdict(loan) for loan in loans], file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Hold a lock beside `file` that ends with this process, however it ends. Raises OpsError if another holds it."""
    with open(file.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError(
                f"another `phoneagent dev` runs with the same folder {file.parent}: end it, or set PHONEAGENT_DATA"
            ) from None
        yield


def _loan(entry: dict[str, Any]) -> Loan:
    return Loan(entry["sid"], entry["number"], Webhooks(**entry["before"]), Webhooks(**entry["given"]))


def _url(webhooks: Webhooks) -> str:
    return webhooks.wins or webhooks.voice_url or "nothing"
