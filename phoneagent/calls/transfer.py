"""Takes a caller out of the stream, to a person or because keys are pressed, and brings them back.

What happens next is decided in `core.transfer`; here it is carried out, with the carrier's API and the call's runner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from phoneagent.agents.numbers import toll_free
from phoneagent.calls import acceptance
from phoneagent.calls.ports import LiveCall
from phoneagent.calls.transfer_person import Person, PersonsLine
from phoneagent.core import costs
from phoneagent.core import events as on
from phoneagent.core.transfer import KEYS_PRESSED, NO_ANSWER, OUT_OF_STREAM, WITH_PERSON, Action, Detour, Event, State
from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.documents import Brief, CallPerson, Document, EnterRoom, HostRoom, PressKeys, Wait, redirection
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.rest import FINAL, TIMEOUT_S, TwilioApi
from phoneagent.twilio.webhook import Connect, Ending

log = logging.getLogger(__name__)

ASKS_WITHIN_S = 4.0  # of the stream's end, unless the caller has hung up

_LEAVING = {State.SENDING, State.DIALLING, State.MOVING}
_HEARD_BY = {  # the person's line; who comes in another state hears that the caller is gone
    State.ENTERING,
    State.MOVING,
    State.MEETING,
    State.TOGETHER,
}
_WHY_GONE = {"busy": "The line is busy.", "no-answer": NO_ANSWER, "canceled": NO_ANSWER}


@dataclass(frozen=True, slots=True)
class CameOfIt:
    """What came of a detour: caller and person talk (`connected`), or why they don't."""

    connected: bool
    why: str = ""


class Escort:
    """Carries out one detour of one call. `result` is why the caller is back, when they are; it may never be. `outcome`
    is there sooner: as soon as the caller and the person talk, too, and at the latest when the call is over."""

    def __init__(
        self,
        detour_id: str,
        detour: Detour,
        call_id: str,
        call_sid: str,
        call: LiveCall,
        api: TwilioApi,
        addresses: Addresses,
        stream: Callable[[], Connect],
        *,
        language: str,
        person: Person | None,
        keys: str,
        ended: Callable[[], None],
    ) -> None:
        """`call_id` is our id of the call, `call_sid` the carrier's. `stream` is the document by which the caller is on
        a stream again. One of `person` and `keys` is needed. `ended` is called once, when the detour is over."""
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[str] = self._loop.create_future()
        self.outcome: asyncio.Future[CameOfIt] = self._loop.create_future()
        self._id = detour_id
        self._detour = detour
        self._call_id = call_id
        self._call_sid = call_sid
        self._call = call
        self._api = api
        self._addresses = addresses
        self._stream = stream
        self._keys = keys
        self._ended = ended
        self._person = person
        self._wording, self._language = acceptance.wording(language)
        self._line: PersonsLine | None = None
        if person is not None:
            self._line = PersonsLine(person, detour_id, api, addresses, self._wording, self._language, self._spawn)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._connected = False  # with the person, at some time
        self._welcomed = False
        # the redirect of the caller's line
        self._redirect = ""  # the one that is under way
        self._redirects = 0
        self._moving: asyncio.Task[None] | None = None
        self._settled_at = 0.0  # when one that was given up can't take effect any more
        self._pressed_by = ""  # the redirect after which the keys were pressed

    @property
    def over(self) -> bool:
        """Whether the detour is."""
        return self._detour.final

    @property
    def caller_away(self) -> bool:
        """Whether the caller is taken out of the stream, or about to be."""
        return self._detour.state in OUT_OF_STREAM

    def begin(self) -> None:
        """Set out."""
        if self._person is not None:
            self._call.kept.transfer("begun", self._person.name)
        self._do_all(self._detour.begin())
        self._wait()

    def receive(self, event: Event, why: str = "") -> None:
        """Take note of an event and do what follows from it."""
        before = self._detour.state
        actions = self._detour.receive(event, why)
        state = self._detour.state
        if state is not before:
            fields = {"call_id": self._call_id, "way": self._detour.way, "state": state.value, "because": event.value}
            log.info("a caller's detour goes on", extra=fields)
        if (state in WITH_PERSON) != (before in WITH_PERSON):
            self._bill(state in WITH_PERSON)
        if state is not before:
            self._keep(state)
            self._tell_outcome(state)
        if state is not before or event is Event.LATE:
            self._wait()
        self._do_all(actions)
        if state is not before and self._detour.final:
            self._ended()

    # What the lines ask

    def caller_asks(self, redirect: str) -> Document | None:
        """How the caller's line goes on, which asks because of this redirect. None if the call is over."""
        if redirect and redirect == self._redirect:
            self._settle()
        elif self._moving is not None and self._detour.state in _LEAVING:
            return Wait()  # the stream has ended by itself: what began now, the redirect would break off
        before = self._detour.state
        self.receive(Event.ASKED)
        if before is State.SENDING:
            self._pressed_by = redirect
        if before is State.SENDING or (redirect and redirect == self._pressed_by and self._detour.why == KEYS_PRESSED):
            return PressKeys(self._keys, self._stream())
        return self._callers_document()

    def dial_ended(self, status: str) -> Document | None:
        """How the caller's line goes on after the person; `status` is the DialCallStatus. None if the call is over."""
        if self._detour.way == "cold" and status in ("completed", "answered"):
            self.receive(Event.FINISHED)
        else:
            self.receive(Event.DIAL_ENDED, _WHY_GONE.get(status, "") if self._detour.state is State.CALLING else "")
        return self._callers_document()

    def human_answered(self, call_sid: str) -> Document:
        """What the person hears."""
        if self._line is None or not self._line.is_theirs(call_sid):
            return Ending()
        self._line.answered()
        self.receive(Event.HUMAN_ANSWERED)
        return self._persons_document()

    def human_said(self, call_sid: str, keys: str, speech: str) -> Document:
        """What the person hears after they have pressed a key, said something, or nothing."""
        if self._line is None or not self._line.is_theirs(call_sid):
            return Ending()
        said = acceptance.answer(keys, speech, self._wording)
        self.receive({"accepted": Event.ACCEPTED, "refused": Event.REFUSED, "unclear": Event.UNCLEAR}[said])
        return self._persons_document(self._wording.declined if said == "refused" else None)

    # What is told of them

    def human_status(self, call_sid: str, status: str) -> None:
        """What has become of the person's line, as a status callback says."""
        if self._line is None or not self._line.is_theirs(call_sid):
            return
        if status in FINAL:
            self._line.over()
            self.receive(Event.HUMAN_GONE, _WHY_GONE.get(status, "") if self._detour.state is State.RINGING else "")
        elif status == "in-progress" and self._detour.way == "cold":
            self.receive(Event.HUMAN_ANSWERED)

    def room_changed(self, call_sid: str, event: str) -> None:
        """Somebody has entered or left the room; `event` as the conference's callback names it."""
        joined, left = event.endswith("join"), event.endswith("leave")
        if event == "conference-start":  # two are in it: news of the caller, should the other be lost
            self.receive(Event.CALLER_JOINED)
        elif call_sid == self._call_sid:
            if joined or left:
                self.receive(Event.CALLER_JOINED if joined else Event.CALLER_LEFT)
        elif self._line is not None and self._line.is_theirs(call_sid) and (joined or left):
            self.receive(Event.HUMAN_JOINED if joined else Event.HUMAN_GONE)

    def machine(self, call_sid: str, answered_by: str) -> None:
        """Who has answered."""
        if self._line is not None and self._line.is_theirs(call_sid) and answered_by.startswith(("machine", "fax")):
            self._line.nobody_listens()
            self.receive(Event.MACHINE)

    def stream_started(self) -> None:
        """The caller is on a stream."""
        self.receive(Event.STREAM_STARTED)

    def stream_ended(self) -> None:
        """The caller's stream has ended."""
        if self._detour.state in _LEAVING:
            self._wait(ASKS_WITHIN_S)

    # Actions

    def _do_all(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Action.DIAL:
                self._spawn(self._dial())
            case Action.MOVE:
                self._call.receive(on.CallerLeaving())
                self._move()
            case Action.BRING_BACK:
                self._move()
            case Action.CHECK:
                self._spawn(self._check())
            case Action.DISMISS:
                if self._line is not None:
                    self._line.dismiss()
            case Action.CONNECTED:
                self._call.receive(on.CallerConnected(self._person.name if self._person else ""))
            case Action.WELCOME:
                if not self._welcomed:
                    self._welcomed = True
                    self._call.receive(on.CallerReturning(f"The caller is back with you. {self._detour.why}"))
                self._report()
            case Action.STAYS:
                self._call.receive(on.CallerStays())
            case Action.REPORT:
                self._report()
            case Action.GONE:
                self._call.receive(on.CallerGone("the caller's line is over"))
            case Action.HANG_UP:
                self._spawn(self._hang_up())

    async def _dial(self) -> None:
        assert self._line is not None
        if not await self._line.dial():
            self.receive(Event.HUMAN_GONE)

    def _move(self) -> None:
        if self._moving is not None:
            self._give_up_moving()
        self._redirects += 1
        self._redirect = str(self._redirects)
        self._moving = self._spawn(self._redirected(self._redirect))

    async def _redirected(self, redirect: str) -> None:
        try:
            await self._api.redirect(self._call_sid, redirection(self._addresses.next(redirect)))
        except TwilioError as error:
            log.warning("a caller could not be moved", extra={"call_id": self._call_id, "reason": str(error)})
            self._settle()
            if error.gone and not self._call.streaming:
                self.receive(Event.CALLER_GONE)
            elif not error.maybe_done:  # also of one whom the API does not know, but who is still on the stream
                self.receive(Event.MOVE_REFUSED)
        else:
            self._settle()

    def _settle(self) -> None:
        """The redirect has taken effect, or will not; no further try is wanted."""
        moving, self._moving, self._redirect = self._moving, None, ""
        if moving is not None and moving is not asyncio.current_task():
            moving.cancel()

    def _give_up_moving(self) -> None:
        """Try no more; what was asked last may still take effect."""
        if self._moving is not None:
            self._moving.cancel()
            self._moving, self._redirect = None, ""
            self._settled_at = self._loop.time() + TIMEOUT_S

    async def _check(self) -> None:
        self._give_up_moving()
        if self._call.streaming:
            if self._settled:
                self.receive(Event.STREAMING)
            return
        try:
            call = await self._api.call(self._call_sid)
        except TwilioError as error:
            log.warning("a caller is not found", extra={"call_id": self._call_id, "reason": str(error)})
            if error.gone:
                self.receive(Event.CALLER_GONE)
        else:
            self.receive(Event.CALLER_GONE if call.status in FINAL else Event.ASTRAY)

    async def _hang_up(self) -> None:
        try:
            await self._api.hang_up(self._call_sid)
        except TwilioError as error:
            log.error("a call can't be ended", extra={"call_id": self._call_id, "reason": str(error)})

    def _report(self) -> None:
        if not self.result.done():
            self.result.set_result(self._detour.why)

    # Between

    def _tell_outcome(self, state: State) -> None:
        if self.outcome.done():
            return
        if state is State.TOGETHER:
            self.outcome.set_result(CameOfIt(connected=True))
        elif state in (State.RETURNING, State.BACK):
            self.outcome.set_result(CameOfIt(connected=False, why=self._detour.why))
        elif state is State.OVER:
            self.outcome.set_result(CameOfIt(connected=False, why="The call is over."))

    def _keep(self, state: State) -> None:
        if self._person is None:
            return
        if state is State.TOGETHER:
            self._connected = True
            self._call.kept.transfer("connected", self._person.name)
        elif state is State.BACK:
            self._call.kept.transfer("returned" if self._connected else "failed", self._person.name, self._detour.why)

    def _bill(self, person_is_there: bool) -> None:
        if not person_is_there:
            self._call.person_left()
            return
        assert self._person is not None
        billed = costs.line("outbound", toll_free=toll_free(self._person.number))
        if self._detour.way == "warm":  # which is dialled with detection
            self._call.person_came(billed, "machine-detection")
        else:
            self._call.person_came(billed)

    @property
    def _settled(self) -> bool:
        """Whether no redirect can take effect any more."""
        return self._moving is None and self._loop.time() >= self._settled_at

    def _callers_document(self) -> Document | None:
        person = self._person
        match self._detour.state:
            case State.OVER:
                return None
            case State.CALLING if person is not None:
                return CallPerson(self._id, person.number, person.caller_id, person.timeout_s, person.limit_s)
            case State.MEETING if person is not None:
                return EnterRoom(self._id, person.limit_s)
            case _:
                self._give_up_moving()  # the caller has come by another way
                return self._stream() if self._settled else Wait()

    def _persons_document(self, goodbye: str | None = None) -> Document:
        assert self._person is not None
        match self._detour.state:
            case State.BRIEFING:
                text = f"{self._person.briefing} {self._wording.ask}"
            case State.ASKING_AGAIN:
                text = self._wording.ask_again
            case state if state in _HEARD_BY:
                return HostRoom(self._id, self._wording.gone, self._language)
            case _ if self._line is not None and not self._line.listens:
                return Ending()
            case _:
                return Ending(goodbye or self._wording.gone, self._language)
        return Brief(self._id, text, self._language, self._wording.yes + self._wording.no)

    def _wait(self, limit_s: float | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        limit_s = limit_s or self._detour.limit_s
        if limit_s is not None:
            self._timer = self._loop.call_later(limit_s, self.receive, Event.LATE)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
