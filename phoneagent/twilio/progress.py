"""How a call that we placed goes on, as Twilio says it: https://www.twilio.com/docs/voice/api/call-resource. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phoneagent.core.dials import State
from phoneagent.twilio.errors import explained

_STATES: dict[str, State] = {
    "queued": "placed",
    "initiated": "placed",
    "ringing": "ringing",
    "in-progress": "live",
    "answered": "live",
    "completed": "completed",
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "canceled",
}
_REASONS: dict[State, str] = {
    "busy": "the line is busy, or the call was declined",
    "no_answer": "nobody answered",
    "failed": "the call could not be connected: check the number, and the call's log in the Twilio console",
    "canceled": "canceled before anybody answered",
}
_SIP = {  # the last answer of the other side's carrier
    "403": "the call was refused: the number may be blocked, or calls to its country not allowed (Twilio console, "
    "Voice > Settings > Geo Permissions)",
    "404": "the number is not in use, or can't be reached: check it",
    "410": "the number is not in use any more",
    "480": "the telephone is switched off or can't be reached",
    "484": "the number is incomplete: check it",
    "503": "the carrier could not connect the call: try again later",
    "603": "the call was declined",
    "604": "the number is not in use: check it",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """News of a call: its state in our words and, of one that came to nothing, why."""

    call_sid: str
    state: State
    reason: str | None = None

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> Progress | None:
        """A status callback; None if it says nothing that we know."""
        call_sid, state = params.get("CallSid"), _STATES.get(params.get("CallStatus", ""))
        if not call_sid or state is None:
            return None
        return cls(call_sid, state, _why(params) if state == "failed" else _REASONS.get(state))

    @classmethod
    def of(cls, call_sid: str, status: str) -> Progress | None:
        """The same of what the REST API calls `status`."""
        return cls.parse({"CallSid": call_sid, "CallStatus": status})


def machine(params: Mapping[str, str]) -> str | None:
    """What has answered, by the callback of answering-machine detection: "machine", "fax", or None for neither."""
    answered_by = params.get("AnsweredBy", "")
    return "machine" if answered_by.startswith("machine") else "fax" if answered_by == "fax" else None


def _why(params: Mapping[str, str]) -> str:
    code = params.get("ErrorCode", "")
    if code.isascii() and code.isdigit():
        return explained(int(code), params.get("ErrorMessage") or "the call failed")
    return _SIP.get(params.get("SipResponseCode", ""), _REASONS["failed"])
