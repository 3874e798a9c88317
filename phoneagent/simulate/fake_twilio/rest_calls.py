"""The REST API's calls and their recordings. https://www.twilio.com/docs/voice/api/call-resource"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from phoneagent.simulate.fake_twilio.account import Account, Recording
from phoneagent.simulate.fake_twilio.asked import Answer, ApiError, Asked, Handler, Route, not_found
from phoneagent.simulate.fake_twilio.exchange import Exchange, Leg, MachineDetection, Options
from phoneagent.simulate.fake_twilio.resources import call_json, recording_json

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_MOST_TWIML = 4000
_REFUSALS = {
    21210: "The source phone number provided is not yet verified for your account",
    21211: "The phone number you are attempting to call is not valid",
    21214: "The phone number you are attempting to call could not be reached",
    21215: "Account not authorized to call this number: international permissions",
    21216: "Account not allowed to call this number",
}


def check_numbers(account: Account, to: str, from_: str, not_ours: int = 21210) -> None:
    """Raises ApiError for numbers that cannot be called, or be called from."""
    if not _E164.fullmatch(to):
        raise ApiError(400, 21211, _REFUSALS[21211])
    if (code := account.refused.get(to)) is not None:
        raise ApiError(400, code, _REFUSALS.get(code, "The request was refused"))
    if from_ not in account.numbers:
        raise ApiError(400, not_ours, _REFUSALS[21210])


class CallsApi:
    """Creating, changing and listing calls. `create_returns_after_s`: how long a created call takes to be answered."""

    def __init__(self, account: Account, exchange: Exchange) -> None:
        self.create_returns_after_s = 0.0
        self._account = account
        self._exchange = exchange

    def routes(self) -> Mapping[Route, Handler]:
        """What is done for which request."""
        return {
            ("POST", "/Calls.json"): self._create,
            ("GET", "/Calls.json"): self._list,
            ("GET", "/Calls/{sid}.json"): self._fetch,
            ("POST", "/Calls/{sid}.json"): self._update,
            ("POST", "/Calls/{sid}/Recordings.json"): self._create_recording,
            ("GET", "/Calls/{sid}/Recordings.json"): self._list_recordings,
            ("POST", "/Calls/{sid}/Recordings/{recording}.json"): self._update_recording,
        }

    async def _create(self, asked: Asked) -> Answer:
        form = asked.form
        if self._account.type == "Trial":
            raise ApiError(400, 10002, "Invalid or disallowed parameters: trial accounts have limited parameter access")
        to, from_ = form.get("To", ""), form.get("From", "")
        check_numbers(self._account, to, from_)
        if (first := asked.document()) is None:
            raise ApiError(400, 21205, "Url parameter is required")
        _check_twiml(asked)
        options = Options(
            timeout_s=float(form.get("Timeout", 60)),
            time_limit_s=float(form.get("TimeLimit", 4 * 3600)),
            digits=form.get("SendDigits", ""),
            callback=asked.callback(default=["completed"]),
            detection=_detection(asked),
        )
        call = self._exchange.place(to, from_, first, options)
        await asyncio.sleep(self.create_returns_after_s)
        return 201, call_json(self._exchange.legs[call.sid], self._account.sid)

    async def _list(self, asked: Asked) -> Answer:
        found = [leg for leg in self._exchange.legs.values() if _matches(leg, asked.form)]
        return asked.page("calls", [call_json(leg, self._account.sid) for leg in reversed(found)])

    async def _fetch(self, asked: Asked) -> Answer:
        return 200, call_json(self._leg(asked), self._account.sid)

    async def _update(self, asked: Asked) -> Answer:
        leg = self._leg(asked)
        call, status, document = leg.call, asked.form.get("Status"), asked.document()
        _check_twiml(asked)
        if call.over or (status == "canceled" and call.answered_at is not None):
            raise ApiError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if status in ("completed", "canceled"):
            call.end()
            await call.ended()
        elif document is not None:
            if call.answered_at is None:
                raise ApiError(400, 21220, "Call is not in-progress. Cannot redirect.")
            call.redirect(document)
        return 200, call_json(leg, self._account.sid)

    def _leg(self, asked: Asked) -> Leg:
        if (leg := self._exchange.legs.get(asked.names["sid"])) is None:
            raise not_found(asked.path)
        return leg

    async def _create_recording(self, asked: Asked) -> Answer:
        leg = self._leg(asked)
        if leg.call.over or leg.call.answered_at is None:
            raise ApiError(400, 21220, "Requested resource is not eligible for recording")
        recording = Recording(
            self._account.new_sid("RE"),
            leg.call.sid,
            channels=2 if asked.form.get("RecordingChannels") == "dual" else 1,
            track=asked.form.get("RecordingTrack", "both"),
            started=self._exchange.wall(),
            callback=asked.callback("RecordingStatusCallback", default=["completed"]),
        )
        self._account.recordings.append(recording)
        self._exchange.set_recording(recording, "in-progress")
        return 201, recording_json(recording, self._account.sid)

    async def _list_recordings(self, asked: Asked) -> Answer:
        found = [one for one in self._account.recordings if one.call_sid == self._leg(asked).call.sid]
        return asked.page("recordings", [recording_json(one, self._account.sid) for one in found])

    async def _update_recording(self, asked: Asked) -> Answer:
        of_call = [one for one in self._account.recordings if one.call_sid == self._leg(asked).call.sid]
        name = asked.names["recording"]
        for one in reversed(of_call):
            if one.sid == name or (name == "Twilio.CURRENT" and one.status != "completed"):
                status = asked.form["Status"]
                self._exchange.set_recording(one, "completed" if status == "stopped" else status)
                return 200, recording_json(one, self._account.sid)
        raise not_found(asked.path)


def _check_twiml(asked: Asked) -> None:
    if len(asked.form.get("Twiml", "")) > _MOST_TWIML:
        raise ApiError(400, 21601, f"Twiml must have {_MOST_TWIML} characters at most")


def _detection(asked: Asked) -> MachineDetection | None:
    mode = asked.form.get("MachineDetection")
    callback = asked.callback("AsyncAmdStatusCallback")
    if mode is None or callback is None or asked.form.get("AsyncAmd") != "true":
        return None  # without a callback nobody would hear of it
    return MachineDetection(mode == "DetectMessageEnd", callback)


def _matches(leg: Leg, form: Mapping[str, str]) -> bool:
    call = leg.call
    return (
        form.get("To", call.to) == call.to
        and form.get("From", call.from_) == call.from_
        and form.get("Status", call.status) == call.status
        and form.get("ParentCallSid", call.parent_sid) == call.parent_sid
        and ("StartTime>" not in form or leg.began.replace(microsecond=0) >= _time(form["StartTime>"]))
        and ("StartTime<" not in form or leg.began.replace(microsecond=0) <= _time(form["StartTime<"]))
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=UTC)
