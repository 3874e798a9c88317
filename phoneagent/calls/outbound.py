"""Calls that the service places: each at most once, whatever times out, crashes or comes twice.

A dial is in the store before Twilio is asked. If Twilio's answer does not come, the dial is `unknown`: nobody asks
again; the callbacks, which bear its nonce, or Twilio's list of calls say what came of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.outbound_inquiry import Inquiry
from phoneagent.calls.outbound_ledger import Ledger
from phoneagent.calls.outbound_pace import Pace
from phoneagent.calls.outbound_request import DialRefusedError, DialRequest, new_dial
from phoneagent.calls.spending import Purse
from phoneagent.core.agents import Agent, Outbound
from phoneagent.core.dials import UNANSWERED, Dial
from phoneagent.store import StoreError
from phoneagent.store.dials import Asked, Dials, KeyReusedError, NumberInUseError
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.progress import Progress, machine
from phoneagent.twilio.rest import MachineDetection, TwilioApi

log = logging.getLogger(__name__)

MAX_WAITING = 1000  # dials that wait for their turn
NO_ROOM_S = 0.5  # to wait while all lines are busy, before the next turn
_DETECTION: dict[str, MachineDetection] = {"hang_up": "Enable", "leave_message": "DetectMessageEnd"}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `look_after_s`: when, after an answer that did not come, Twilio's list of calls is looked through; if
    the last look finds nothing, the call was not placed. `check_every_s`: how often a call is asked after of which the
    callbacks may have been lost. `patience_s`: a dial that has waited longer for its turn is not placed any more."""

    look_after_s: tuple[float, ...] = (5.0, 60.0, 300.0)
    check_every_s: float = 60.0
    patience_s: float = 1200.0


class Conversations(Protocol):
    """What the dialer needs of the switchboard."""

    def has_room(self) -> bool:
        """Whether one more call may be placed: somebody is there for whoever answers."""

    def is_live(self, call_sid: str) -> bool:
        """Whether the call is answered and not over."""

    def machine_answered(self, call_sid: str, message: str | None) -> None:
        """An answering machine has answered this call: leave the message, or (None) hang up."""


class Dialer:
    """Places calls, and knows how each stands. Used on the event loop; what the webhooks tell it, it takes at once."""

    def __init__(
        self,
        api: TwilioApi,
        dials: Dials,
        agents: AgentDirectory,
        public_url: str,
        *,
        purse: Purse | None = None,
        region: str | None = None,
        calls_per_second: float = 1.0,
        timing: Timing = Timing(),
        resting: Callable[[], bool] = lambda: False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`public_url`: the origin that Twilio sees. Without `purse` the service has no limit in money of its own.
        `region`: the country of numbers that name none. While `resting`, as when the service comes to its end, no call
        is begun; what waits is left to the next start."""
        self._api = api
        self._dials = dials
        self._agents = agents
        self._public_url = public_url.rstrip("/")
        self._purse = purse or Purse()
        self._region = region
        self._timing = timing
        self._resting = resting
        self._clock = clock
        self._pace = Pace(calls_per_second)
        self._ledger = Ledger(dials, self._end_call)
        self._inquiry = Inquiry(api, dials, self._ledger)
        self._waiting: set[str] = set()  # ids
        self._placing: set[str] = set()  # ids
        self._tasks: set[asyncio.Task[None]] = set()
        self._conversations: Conversations

    async def start(self, conversations: Conversations) -> None:
        """Go on with what an earlier run has left open. Raises StoreError."""
        self._conversations = conversations
        await self._ledger.open()
        for dial in self._ledger.unfinished:
            match dial.state:
                case "pending":
                    self._begin(dial)
                case "dialing" | "unknown":  # who knows how far that run came
                    self._look_for(dial.id)
                case _ if dial.unwanted:
                    self._end_call(dial.call_sid or "")
        self._spawn(self._inquiry.keep_checking(conversations.is_live, self._timing.check_every_s))

    async def close(self) -> None:
        """Stop. What is being placed at this moment is looked for at the next start."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ledger.close()

    # For whoever wants a call

    async def dial(self, request: DialRequest, asked: Asked | None = None) -> tuple[Dial, bool]:
        """Have a call placed when its turn comes. The same `asked` is the same dial: returns it, and whether it is new.

        Raises DialRefusedError, StoreError.
        """
        try:
            if asked is not None and (before := await self._dials.asked(asked)) is not None:
                return self._ledger.get(before.id) or self._taken_up(before), False
            dial = self._new(request)
            kept = await self._ledger.add(dial, asked)
        except KeyReusedError:
            raise DialRefusedError("key_reused", "this Idempotency-Key was used for another request") from None
        except NumberInUseError:
            raise DialRefusedError(
                "number_in_use", "another call to this number is not over yet: wait for its end, or cancel it"
            ) from None
        if new := kept.id == dial.id:
            self._begin(dial)
        return kept, new

    async def get(self, dial_id: str) -> Dial | None:
        """How a dial stands. Raises StoreError."""
        return self._ledger.get(dial_id) or await self._dials.get(dial_id)

    async def cancel(self, dial_id: str) -> Dial | None:
        """End a dial: before it is placed, while it rings, or as a conversation; its state follows when Twilio has done
        so. One that is over stays as it is. Raises StoreError."""
        dial = self._ledger.get(dial_id)
        if dial is None or dial.over:
            return await self.get(dial_id)
        if dial.state == "pending":
            return self._ledger.move(dial_id, "canceled", "canceled before it was dialled")
        if dial.unwanted and dial.call_sid is not None:  # asked again: perhaps Twilio gave no answer
            self._end_call(dial.call_sid)
        self._ledger.note(replace(dial, unwanted=True))
        return self._ledger.get(dial_id)

    def hang_up(self, call_sid: str) -> None:
        """End a call that a person has made. Its leg tells of its end, as of any other."""
        self._end_call(call_sid)

    # For the switchboard

    @property
    def unanswered(self) -> int:
        """How many calls are being placed, or ring."""
        return len(self._placing.union(dial.id for dial in self._ledger.unfinished if dial.state in UNANSWERED))

    def cancel_unanswered(self) -> None:
        """End those. One of which nobody knows yet whether there is a call is ended when it shows."""
        for dial in self._ledger.unfinished:
            if dial.state in UNANSWERED:
                self._ledger.note(replace(dial, unwanted=True))

    def expected(self, nonce: str, call_sid: str) -> Dial | None:
        """The dial that somebody has answered, perhaps before Twilio has told us that it was placed; None if no such
        call is wanted."""
        dial = self._ledger.by_nonce(nonce)
        if dial is None or dial.over or dial.call_sid not in (None, call_sid):
            return None
        dial = self._ledger.move(dial.id, "live", call_sid=call_sid)
        return None if dial.unwanted else dial

    def status(self, nonce: str, params: Mapping[str, str]) -> None:
        """Take note of a status callback, whenever and however often it comes."""
        dial, progress = self._ledger.by_nonce(nonce), Progress.parse(params)
        if dial is None or progress is None:
            log.warning("a status callback of no dial that is known")
        elif dial.over and dial.call_sid is None:
            # Whoever wanted the call was told that it was not placed, and may want it again.
            log.error("a call was placed after all, and is ended", extra={"dial": dial.id})
            self._end_call(progress.call_sid)
        elif dial.call_sid not in (None, progress.call_sid):
            log.error("a second call of a dial, which is ended", extra={"dial": dial.id})
            self._end_call(progress.call_sid)
        else:
            self._ledger.move(dial.id, progress.state, progress.reason, progress.call_sid)

    def machine(self, nonce: str, params: Mapping[str, str]) -> None:
        """Take note of who has answered. If it is a machine, the agent's policy says what to do."""
        dial, kind, call_sid = self._ledger.by_nonce(nonce), machine(params), params.get("CallSid", "")
        if dial is None or dial.over or dial.machine or kind is None or dial.call_sid not in (None, call_sid):
            return
        self._ledger.note(replace(dial, machine=True))
        log.info("an answering machine has answered", extra={"dial": dial.id, "kind": kind})
        agent = self._agents.by_name(dial.agent)
        how = agent.outbound if agent is not None else Outbound("hang_up")
        if how.on_machine != "talk":
            self._conversations.machine_answered(call_sid, how.message if kind == "machine" else None)

    # Placing

    def _new(self, request: DialRequest) -> Dial:
        if len(self._waiting) >= MAX_WAITING:
            raise DialRefusedError("too_many", f"{MAX_WAITING} calls wait for their turn already: try again later")
        dial = new_dial(request, self._agents, self._region, self._clock())
        agent = self._agents.by_name(dial.agent)
        if agent is not None and (why := self._no_money(agent, dial.from_)) is not None:
            raise DialRefusedError("over_limit", why)
        return dial

    def _no_money(self, agent: Agent, from_: str) -> str | None:
        """Why a call can't be afforded; None if there is money for it."""
        notice = self._purse.refusal(agent, from_, self._clock())
        if notice is None:
            return None
        return f"{notice.limit} ({notice.usd} US dollars) is used up for today (UTC): raise it, or try again tomorrow"

    def _taken_up(self, dial: Dial) -> Dial:
        """A dial that is in the store, but of which we know nothing. If it waits, its turn comes, too: perhaps the
        store was lost to us when it had just kept it."""
        if dial.state == "pending":
            self._ledger.take_up(dial)
            self._begin(dial)
        return dial

    def _begin(self, dial: Dial) -> None:
        if dial.id not in self._waiting:
            self._waiting.add(dial.id)
            self._spawn(self._place_in_turn(dial.id, dial.from_))

    async def _place_in_turn(self, dial_id: str, from_: str) -> None:
        await asyncio.sleep(self._pace.take(from_))
        while (dial := self._due(dial_id)) is not None and not self._conversations.has_room():
            await asyncio.sleep(NO_ROOM_S)
            await asyncio.sleep(self._pace.take(from_))
        self._waiting.discard(dial_id)
        if dial is None:
            return
        if (agent := self._agents.by_name(dial.agent)) is None:
            self._ledger.move(dial_id, "failed", f"not placed: there is no agent {dial.agent!r} any more")
            return
        if (why := self._no_money(agent, from_)) is not None:
            self._ledger.move(dial_id, "failed", f"not placed: {why}")
            return
        self._placing.add(dial_id)
        try:
            if await self._ledger.claim(dial, self._clock()):
                await self._place(dial, agent.outbound)
        except StoreError:
            self._ledger.move(dial_id, "failed", "not placed: the database does not answer")
        finally:
            self._placing.discard(dial_id)

    def _due(self, dial_id: str) -> Dial | None:
        """The dial, if it is still to be placed. It is not any more if it has waited for too long."""
        dial = self._ledger.get(dial_id)
        if dial is None or dial.state != "pending" or self._resting():
            return None
        if self._clock() - dial.created > timedelta(seconds=self._timing.patience_s):
            self._ledger.move(dial_id, "failed", "not placed: it had to wait for its turn for too long")
            return None
        return dial

    async def _place(self, dial: Dial, how: Outbound) -> None:
        try:
            call_sid = await self._api.dial(
                dial.to,
                dial.from_,
                self._url("incoming", dial),
                status_callback=self._url("status", dial),
                timeout_s=how.timeout_s,
                machine_detection=_DETECTION.get(how.on_machine),
                machine_callback=self._url("machine", dial),
            )
        except TwilioError as error:
            log.warning("a call was not placed", extra={"dial": dial.id, "code": error.code, "maybe": error.maybe_done})
            if error.maybe_done:
                self._look_for(dial.id)
            else:
                self._ledger.move(dial.id, "failed", str(error))
        except Exception:
            log.exception("a call may not have been placed", extra={"dial": dial.id})
            self._look_for(dial.id)
        else:
            self._ledger.move(dial.id, "placed", call_sid=call_sid)

    def _url(self, path: str, dial: Dial) -> str:
        return f"{self._public_url}/{path}?dial={dial.nonce}"

    def _look_for(self, dial_id: str) -> None:
        self._ledger.move(dial_id, "unknown")
        self._spawn(self._inquiry.look_for(dial_id, self._timing.look_after_s))

    def _end_call(self, call_sid: str) -> None:
        self._spawn(self._hang_up(call_sid))

    async def _hang_up(self, call_sid: str) -> None:
        try:
            await self._api.hang_up(call_sid)
        except TwilioError as error:
            log.error("a call can't be ended", extra={"call_sid": call_sid, "reason": str(error)})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
