"""A conference: calls that hear each other, music for who waits, and callbacks about who comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.twiml import DialConference, StatusCallback

_EVENTS = {  # by the word that a document asks for them with
    "start": "conference-start",
    "end": "conference-end",
    "join": "participant-join",
    "leave": "participant-leave",
    "hold": "participant-hold",
    "mute": "participant-mute",
}

Tell = Callable[[str, StatusCallback, Mapping[str, str]], None]


@dataclass(slots=True, eq=False)
class Participant:
    """A call in a conference."""

    call: FakeCall
    starts: bool
    ends: bool
    muted: bool
    music: bool
    label: str
    hold: bool = False
    removed: asyncio.Event = field(default_factory=asyncio.Event)


class Conference:
    """A room. It begins when two are in it, one of whom may begin it, and ends with the last or when someone ends it.

    Until then everybody hears music; who is alone in it afterwards hears nothing at all. The first who enters
    decides where its callbacks go. `history` has (event, CallSid or "") in the order in which it happened.
    """

    def __init__(self, sid: str, name: str, account_sid: str, tell: Tell) -> None:
        self.sid, self.name = sid, name
        self.status = "init"
        self.participants: dict[str, Participant] = {}
        self.history: list[tuple[str, str]] = []
        self._tell = tell
        self._callback: StatusCallback | None = None
        self._fields = {"AccountSid": account_sid, "ConferenceSid": sid, "FriendlyName": name}
        self._sequence = 0

    @property
    def over(self) -> bool:
        """Whether it has ended; another of the same name would be a new one."""
        return self.status == "completed"

    async def stay(self, call: FakeCall, noun: DialConference) -> None:
        """Be in it, until it ends or this participant is removed. Cancelled, the call leaves."""
        me = Participant(call, noun.starts, noun.ends, noun.muted, noun.music, noun.label)
        if not self.history:
            self._callback = noun.callback
        self.participants[call.sid] = me
        self._happened("join", me)
        may_begin = len(self.participants) > 1 and any(one.starts for one in self.participants.values())
        if self.status == "init" and may_begin:
            self.status = "in-progress"
            self._happened("start")
        self._mix()
        try:
            await me.removed.wait()
        finally:
            del self.participants[call.sid]
            self._happened("leave", me)
            if me.ends:
                self.end()
            if not self.participants:
                self.status = "completed"
                self._happened("end")
            self._mix()

    def end(self) -> None:
        """Have everybody leave."""
        for one in self.participants.values():
            one.removed.set()

    def change(self, one: Participant, *, muted: bool | None = None, hold: bool | None = None) -> None:
        """Mute a participant, or put them on hold."""
        if muted is not None:
            one.muted = muted
            self._happened("mute", one)
        if hold is not None:
            one.hold = hold
            self._happened("hold", one)
        self._mix()

    def _mix(self) -> None:
        """Who hears what, as it is now."""
        for one in self.participants.values():
            others = [other for other in self.participants.values() if other is not one]
            heard = [other.call.number for other in others if not other.muted and not other.hold]
            if one.hold or (self.status == "init" and one.music):
                one.call.hears("music")
            elif self.status == "init" or not heard:
                one.call.hears("silence")
            else:
                one.call.hears("people", *heard)

    def _happened(self, event: str, who: Participant | None = None) -> None:
        self.history.append((event, who.call.sid if who else ""))
        if self._callback is None or event not in self._callback.events:
            return
        fields = {**self._fields, "StatusCallbackEvent": _EVENTS[event], "SequenceNumber": str(self._sequence)}
        self._sequence += 1
        if who is not None:
            fields |= {
                "CallSid": who.call.sid,
                "Muted": _text(who.muted),
                "Hold": _text(who.hold),
                "StartConferenceOnEnter": _text(who.starts),
                "EndConferenceOnExit": _text(who.ends),
                **({"ParticipantLabel": who.label} if who.label else {}),
            }
        self._tell(self.sid, self._callback, fields)


def _text(value: bool) -> str:
    return "true" if value else "false"
