"""One call of the simulated carrier: a party on the telephone, and the documents that say what they hear."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from phoneagent.simulate.carrier import Carrier, WebhookError
from phoneagent.simulate.party import FINAL, Doing, Ended, Final, Handset, Keys, Pace, Words
from phoneagent.simulate.record import CallRecord, Company, Kind
from phoneagent.simulate.stream import MediaStreamClient
from phoneagent.simulate.twiml import Dial, Inline, Next, TwimlError
from phoneagent.simulate.verbs import Verbs
from phoneagent.simulate.watchers import Watchers

_MOST_DOCUMENTS = 50  # a <Redirect> to itself must end some day
_PLACES = [f"{side}{what}" for side in ("From", "To") for what in ("City", "State", "Zip", "Country")]


class Exchange(Protocol):
    """What connects calls with one another. A phone that calls a service by itself has none."""

    def status_changed(self, call: FakeCall) -> None: ...
    def changed(self) -> None: ...
    async def connect(self, call: FakeCall, dial: Dial) -> Mapping[str, str]: ...


class FakeCall:
    """A call in progress: begun by `FakePhone.dial`, or by a fake Twilio. `record` grows as the call goes on.

    `first` is what it begins with once `ring` has let it be answered: `ring` returns what became of it otherwise.
    """

    def __init__(
        self,
        carrier: Carrier,
        handset: Handset,
        *,
        to: str,
        from_: str,
        account_sid: str,
        first: Doing,
        rng: random.Random,
        clock: Callable[[], float],
        fields: Mapping[str, str] | None = None,
        direction: str = "inbound",
        parent_sid: str | None = None,
        fallback: str | None = None,
        ring: Callable[[FakeCall], Awaitable[Ended | None]] | None = None,
        exchange: Exchange | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.sid = f"CA{rng.getrandbits(128):032x}"
        self.to, self.from_, self.direction, self.parent_sid = to, from_, direction, parent_sid
        self.record = CallRecord(self.sid, handset.side, began_at=clock())
        self.handset = handset
        self.account_sid = account_sid
        self.first, self.fallback = first, fallback
        self.carrier, self.exchange, self.pace = carrier, exchange, pace or Pace()
        self.rng, self.clock = rng, clock
        self.stream: MediaStreamClient | None = None
        self.answered_at: float | None = None
        self.abandoned = False
        self.inputs: asyncio.Queue[Keys | Words] = asyncio.Queue()
        self.fields = {
            "CallSid": self.sid,
            "AccountSid": account_sid,
            "From": from_,
            "To": to,
            "Caller": from_,
            "Called": to,
            "Direction": direction,
            "ApiVersion": "2010-04-01",
            **({"ParentCallSid": parent_sid} if parent_sid else {}),
            **dict.fromkeys(_PLACES, ""),  # empty fields are signed, too
            **(fields or {}),
        }
        self._ring = ring
        self._step: asyncio.Task[Doing | Ended | None] | None = None
        self._interruption: Next | Inline | Ended | None = None
        self._watchers = Watchers()
        self._task = asyncio.create_task(self._run())

    @property
    def status(self) -> str:
        """Twilio's word for how the call stands."""
        return self.record.status

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.status in FINAL

    @property
    def bridged_with(self) -> tuple[str, ...]:
        """The numbers of those that the party is talking to right now."""
        kind, *numbers = self.record.hearing or ("silence",)
        return tuple(numbers) if kind == "people" else ()

    @property
    def number(self) -> str:
        """Where the party is reached."""
        return self.from_ if self.direction == "inbound" else self.to

    @property
    def _given_up(self) -> Final:
        return "canceled" if self.answered_at is None else "completed"

    async def ended(self) -> CallRecord:
        """Wait for the end of the call; its record."""
        await asyncio.wait({self._task})
        return self.record

    async def until(self, condition: Callable[[CallRecord], object], timeout_s: float | None = 30.0) -> CallRecord:
        """Wait until something is true of the record, None: for as long as it takes. Raises TimeoutError."""
        await self._watchers.until(lambda: condition(self.record), timeout_s)
        return self.record

    # What the party does

    def hang_up(self) -> None:
        """Put the receiver down now, whatever the script says."""
        if self.stream is not None:
            self.stream.hang_up()
        else:
            self._interrupt(Ended("caller hung up", self._given_up))

    def press(self, keys: str) -> None:
        """Press keys, for a <Gather>."""
        self.inputs.put_nowait(Keys(keys))

    def say(self, words: str) -> None:
        """Say something, for a <Gather>."""
        self.inputs.put_nowait(Words(words))

    def abandon(self) -> None:
        """Drop the call, wherever it is."""
        self.abandoned = True
        self._task.cancel()

    # What the carrier does

    def redirect(self, document: Next | Inline) -> None:
        """Leave what is being done, and go on with another document."""
        self._interrupt(document)

    def end(self) -> None:
        """End the call from the carrier's side."""
        self._interrupt(Ended("agent hung up", self._given_up))

    def answer(self) -> None:
        """The party and the service can hear each other from now on."""
        if self.answered_at is None:
            self.answered_at = self.clock()
            self.set_status("in-progress")

    def set_status(self, status: str) -> None:
        """Note how the call stands, and tell the exchange."""
        self.record.statuses.append((self.clock(), status))
        if self.exchange is not None:
            self.exchange.status_changed(self)
        self.changed()

    def hears(self, kind: Kind, *numbers: str) -> None:
        """Note what the party hears from now on."""
        now, company = self.clock(), self.record.company
        if company and company[-1].ended_at is None:
            if (company[-1].kind, company[-1].numbers) == (kind, numbers):
                return
            company[-1].ended_at = now
        company.append(Company(kind, numbers, now))
        self.changed()

    def changed(self) -> None:
        """Something was added to the record."""
        self._watchers.changed()
        if self.exchange is not None:
            self.exchange.changed()

    async def _run(self) -> None:
        record = self.record
        limit = asyncio.get_running_loop().call_later(self.handset.max_s, self._give_up)
        status = "failed"
        try:
            ended = await self._live()
            record.outcome, status = ended.outcome, ended.status
        except (WebhookError, TwimlError) as error:
            record.problems.append(str(error))
            record.outcome, status = "failed", "completed" if self.answered_at else "failed"
        except asyncio.CancelledError:
            record.outcome = "dropped"
        finally:
            limit.cancel()
            record.ended_at = self.clock()
            if record.company:
                record.company[-1].ended_at = record.ended_at
            record.problems += record.caller.notes
            for line in record.streams:
                record.problems += [f"{warning.code}: {warning.reason}" for warning in line.warnings]
            self.set_status(status)

    async def _live(self) -> Ended:
        doing: Doing | Ended | None = None
        if self._ring is not None:
            doing = await self._do(self._wait_for_answer(self._ring))
        else:
            self.set_status("ringing")
        doing = doing or self.first
        verbs = Verbs(self)
        for _ in range(_MOST_DOCUMENTS):
            if isinstance(doing, Ended):
                return doing
            doing = await self._do(verbs.follow(doing))
            assert doing is not None
        raise TwimlError(f"more than {_MOST_DOCUMENTS} documents followed on one another")

    async def _wait_for_answer(self, ring: Callable[[FakeCall], Awaitable[Ended | None]]) -> Ended | None:
        if (ended := await ring(self)) is None:
            self.answer()
        return ended

    async def _do(self, step: Coroutine[Any, Any, Doing | Ended | None]) -> Doing | Ended | None:
        """The outcome of `step`, or what has interrupted it. Who has hung up can't be brought back, though."""
        outcome: Doing | Ended | None = None
        if self._interruption is None:
            self._step = asyncio.create_task(step)
            try:
                outcome = await self._step
            except asyncio.CancelledError:
                if self._interruption is None:  # the call itself is abandoned
                    raise
        else:
            step.close()
        interruption, self._interruption = self._interruption, None
        return outcome if isinstance(outcome, Ended) else interruption or outcome

    def _interrupt(self, by: Next | Inline | Ended) -> None:
        if self.over or isinstance(self._interruption, Ended):
            return
        self._interruption = by
        if self._step is not None:
            self._step.cancel()

    def _give_up(self) -> None:
        self.record.problems.append(f"the call was still running after {self.handset.max_s:g} s")
        self.hang_up()
