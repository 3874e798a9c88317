"""The carrier's exchange: places calls, connects them with one another, and tells how they stand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import TypedDict

from phoneagent.simulate.carrier import Carrier
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.fake_twilio.account import Account, Number, Recording
from phoneagent.simulate.fake_twilio.callbacks import Callbacks
from phoneagent.simulate.fake_twilio.callees import Busy, Callee, Person, Unreachable, Voicemail
from phoneagent.simulate.fake_twilio.conference import Conference
from phoneagent.simulate.party import Doing, Ended, Handset, Held, Keys, Pace, Words
from phoneagent.simulate.script import Step
from phoneagent.simulate.twiml import Dial, DialConference, DialNumber, Next, StatusCallback
from phoneagent.simulate.watchers import Watchers

_LONGEST_S = 4 * 3600.0
_EVENTS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}
_SIP_CODES = {"completed": "200", "busy": "486", "no-answer": "487", "canceled": "487", "failed": "404"}


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """Find out who has answered while the call goes on, and tell `callback`; `until_end`: of the greeting."""

    until_end: bool
    callback: StatusCallback


@dataclass(frozen=True, slots=True)
class Options:
    """What a call is placed with."""

    timeout_s: float = 60.0
    time_limit_s: float = _LONGEST_S
    digits: str = ""
    callback: StatusCallback | None = None
    detection: MachineDetection | None = None


@dataclass(slots=True, eq=False)
class Leg:
    """A call, and what only the carrier knows of it."""

    call: FakeCall
    began: datetime
    options: Options
    callee: Callee | None = None
    sequence: int = 0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def ended(self) -> datetime | None:
        """When it was over."""
        record = self.call.record
        return None if record.ended_at is None else self.began + timedelta(seconds=record.ended_at - record.began_at)

    @property
    def seconds(self) -> int:
        """For how long it has been answered, in the carrier's time."""
        call = self.call
        if call.answered_at is None:
            return 0
        return round(call.pace.carriers((call.record.ended_at or call.clock()) - call.answered_at))


class Exchange:
    """All the calls of an account, and its conferences.

    `callees` say how numbers behave, "*" those that are not in it; without one a number cannot be reached.
    """

    def __init__(
        self,
        account: Account,
        callbacks: Callbacks,
        *,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        pace: Pace,
        detection_s: float,
    ) -> None:
        self.legs: dict[str, Leg] = {}
        self.conferences: list[Conference] = []
        self.callees: dict[str, Callee] = {}
        self.clock, self.wall = clock, wall
        self._account = account
        self._callbacks = callbacks
        self._pace = pace
        self._detection_s = detection_s
        self._service: tuple[Carrier, FakePhone] | None = None
        self._watchers = Watchers()

    def serve(self, carrier: Carrier, phone: FakePhone) -> None:
        """From now on, `carrier` makes the requests, and `phone` gives people their voices."""
        self._service = carrier, phone

    async def close(self) -> None:
        """Drop all calls."""
        for leg in self.legs.values():
            leg.call.abandon()
        await asyncio.gather(*(leg.call.ended() for leg in self.legs.values()))

    # Calls come and are placed

    def inbound(self, handset: Handset, to: str, caller: str, fields: Mapping[str, str]) -> FakeCall:
        """Somebody calls a number of the account, or any other one, which the service's /incoming answers."""
        carrier, _ = self._serving()
        number = self._account.numbers.get(to, Number("", to))
        ring = None
        if number.voice_url == "" or number.voice_application_sid or number.trunk_sid or not number.voice:
            ring = _nothing_answers
        call = FakeCall(
            carrier,
            handset,
            to=to,
            from_=caller,
            first=Next(number.voice_url or carrier.public("/incoming"), number.voice_method),
            fallback=number.voice_fallback_url,
            fields=fields,
            ring=ring,
            **self._common(),
        )
        callback = StatusCallback(number.status_callback, frozenset()) if number.status_callback else None
        return self._begun(Leg(call, self.wall(), Options(callback=callback)))

    def place(self, to: str, from_: str, first: Doing, options: Options, parent: FakeCall | None = None) -> FakeCall:
        """Call a number. When it answers, the call begins with `first`."""
        carrier, phone = self._serving()
        callee = self.callees.get(to, self.callees.get("*", Unreachable()))
        script: Sequence[Step] = ()
        gather: Keys | Words | None = None
        match callee:
            case Person():
                script, gather = callee.script, callee.gather
            case Voicemail():
                gather = Words(callee.greeting, callee.greeting_s)
        call = FakeCall(
            carrier,
            Handset(phone.caller(script), gather=gather, max_s=_LONGEST_S),
            to=to,
            from_=from_,
            first=first,
            direction="outbound-dial" if parent else "outbound-api",
            parent_sid=parent.sid if parent else None,
            ring=partial(self._ring, callee, options.timeout_s),
            **self._common(),
        )
        return self._begun(Leg(call, self.wall(), options, callee))

    def _common(self) -> _Common:
        return _Common(
            account_sid=self._account.sid,
            rng=random.Random(self._account.rng.getrandbits(64)),  # noqa: S311  # its own: calls run side by side
            clock=self.clock,
            exchange=self,
            pace=self._pace,
        )

    def _begun(self, leg: Leg) -> FakeCall:
        self.legs[leg.call.sid] = leg
        return leg.call

    def _serving(self) -> tuple[Carrier, FakePhone]:
        if self._service is None:
            raise RuntimeError("the fake Twilio has no service to call: call serves(url) first")
        return self._service

    async def _ring(self, callee: Callee, timeout_s: float, call: FakeCall) -> Ended | None:
        """Ring until somebody answers, which is None."""
        call.set_status("initiated")
        match callee:
            case Unreachable(after_s):
                await self._sleep(after_s)
                return Ended("not answered", "failed")
            case Busy(after_s):
                await self._sleep(after_s)
                return Ended("not answered", "busy")
            case Person() | Voicemail() if callee.ring_s < timeout_s:
                call.set_status("ringing")
                await self._sleep(callee.ring_s)
                return None
            case _:
                call.set_status("ringing")
                await self._sleep(timeout_s)
                return Ended("not answered", "no-answer")

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(self._pace.of(seconds))

    # Calls are connected

    async def connect(self, call: FakeCall, dial: Dial) -> Mapping[str, str]:
        """Connect a call with another one or with a conference, until that is over: what the action is told."""
        match dial.to:
            case DialConference():
                await self.conference(dial.to.name).stay(call, dial.to)
                return {"DialCallStatus": "answered"}
            case DialNumber():
                return await self._connect_with_number(call, dial, dial.to)

    def conference(self, name: str) -> Conference:
        """The one of this name that is going on, or a new one."""
        for one in self.conferences:
            if one.name == name and not one.over:
                return one
        new = Conference(self._account.new_sid("CF"), name, self._account.sid, self.tell)
        self.conferences.append(new)
        return new

    async def _connect_with_number(self, call: FakeCall, dial: Dial, to: DialNumber) -> Mapping[str, str]:
        over = asyncio.Event()
        options = Options(dial.timeout_s, dial.time_limit_s, to.digits, to.callback)
        other = self.place(to.number, dial.caller_id or call.from_, Held(over), options, parent=call)
        call.hears("ringing")
        try:
            await other.until(lambda record: other.answered_at is not None or other.over, timeout_s=None)
            if other.answered_at is not None:
                call.hears("people", other.number)
                other.hears("people", call.number)
                await over.wait()
        finally:
            if not over.is_set():  # or the other has left by itself
                other.end()
        return {
            "DialCallSid": other.sid,
            "DialCallStatus": other.status if other.answered_at is None else "completed",
            "DialBridged": "false" if other.answered_at is None else "true",
            **({"DialCallDuration": str(self.legs[other.sid].seconds)} if other.answered_at is not None else {}),
        }

    # What happens to them is told

    def set_recording(self, recording: Recording, status: str) -> None:
        """A recording begins, pauses or ends."""
        recording.status = status
        if recording.callback is not None and status in recording.callback.events:
            fields = {
                "AccountSid": self._account.sid,
                "CallSid": recording.call_sid,
                "RecordingSid": recording.sid,
                "RecordingStatus": status,
                "RecordingChannels": str(recording.channels),
                "RecordingTrack": recording.track,
                "RecordingSource": "StartCallRecordingAPI",
            }
            self.tell(recording.sid, recording.callback, fields)

    async def until(self, condition: Callable[[], object], timeout_s: float | None) -> None:
        """Wait until something is true of whatever happens here. Raises TimeoutError."""
        await self._watchers.until(condition, timeout_s)

    def changed(self) -> None:
        """Something has happened."""
        self._watchers.changed()

    def status_changed(self, call: FakeCall) -> None:
        """Carry out what was asked for at this moment of the call, and tell of it."""
        leg = self.legs[call.sid]
        if call.status == "in-progress":
            self._answered(leg)
        if call.over:
            for timer in leg.timers:
                timer.cancel()
            for recording in self._account.recordings:
                if recording.call_sid == call.sid and recording.status != "completed":
                    self.set_recording(recording, "completed")
        event = _EVENTS.get(call.status, "completed")
        callback = leg.options.callback
        if callback is None or not (event in callback.events or call.over):
            return
        fields = {
            **call.fields,
            "CallStatus": call.status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(leg.sequence),
            "Timestamp": format_datetime(self.wall()),
        }
        leg.sequence += 1
        if call.over:
            fields["SipResponseCode"] = _SIP_CODES[call.status]
        if call.status == "completed":
            fields |= {"CallDuration": str(leg.seconds), "Duration": str(-(-leg.seconds // 60))}
        self.tell(call.sid, callback, fields)

    def _answered(self, leg: Leg) -> None:
        call = leg.call
        if leg.options.digits:
            call.record.digits_heard.append(leg.options.digits)
        self._after(leg, leg.options.time_limit_s, call.end)
        if isinstance(leg.callee, Person | Voicemail) and leg.callee.hangs_up_after_s is not None:
            self._after(leg, leg.callee.hangs_up_after_s, call.hang_up)
        if leg.options.detection is not None:
            self._detect(leg, leg.options.detection)

    def _detect(self, leg: Leg, detection: MachineDetection) -> None:
        match leg.callee:
            case Voicemail() as machine if detection.until_end:
                who, after_s = "machine_end_beep" if machine.beep else "machine_end_silence", machine.greeting_s
            case Voicemail():
                who, after_s = "machine_start", self._detection_s
            case _:
                who, after_s = "human", self._detection_s
        fields = {
            "CallSid": leg.call.sid,
            "AccountSid": self._account.sid,
            "AnsweredBy": who,
            "MachineDetectionDuration": str(round(after_s * 1000)),
        }
        # told about the call, but not behind its status: it takes another way
        self._after(leg, after_s, lambda: self.tell(f"{leg.call.sid} AMD", detection.callback, fields))

    def _after(self, leg: Leg, seconds: float, do: Callable[[], object]) -> None:
        leg.timers.append(asyncio.get_running_loop().call_later(self._pace.of(seconds), do))

    def tell(self, about: str, callback: StatusCallback, fields: Mapping[str, str]) -> None:
        """Send a status callback, behind those about the same."""
        self._callbacks.send(self._serving()[0], about, callback, fields)


class _Common(TypedDict):
    account_sid: str
    rng: random.Random
    clock: Callable[[], float]
    exchange: Exchange
    pace: Pace


async def _nothing_answers(call: FakeCall) -> Ended:
    call.record.problems.append("nothing answers this number: its voice URL is empty, or something wins over it")
    return Ended("failed", "failed")
