"""The detours of all calls, for the webhooks about them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from phoneagent.calls.ports import LiveCall
from phoneagent.calls.transfer import Escort
from phoneagent.calls.transfer_person import Person
from phoneagent.core.transfer import Detour, Way
from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.documents import Document
from phoneagent.twilio.rest import TwilioApi
from phoneagent.twilio.webhook import Connect, Ending

REMEMBERED_S = 600.0  # a detour that is over, for callbacks that are late and persons who answer late
KEY_S = 0.5  # for a key or a `w`, at most

PersonAsks = Literal["transfer-human", "transfer-answer"]
PersonNews = Literal["transfer-status", "transfer-room", "machine"]


class Escorts:
    """Begins detours, and finds the one that a webhook is about by the id in its URL, which nobody can guess."""

    def __init__(
        self, api: TwilioApi, addresses: Addresses, *, new_id: Callable[[], str] = secrets.token_urlsafe
    ) -> None:
        self.api = api
        self._addresses = addresses
        self._new_id = new_id
        self._escorts: dict[str, Escort] = {}

    def begin(
        self,
        call_id: str,
        call_sid: str,
        call: LiveCall,
        way: Way,
        stream: Callable[[], Connect],
        *,
        language: str,
        person: Person | None = None,
        keys: str = "",
    ) -> Escort:
        """Take a caller out of the stream, to a person or because of keys; `stream` brings them back. `call_id` is our
        id of the call, `call_sid` the carrier's."""
        detour_id = self._new_id()
        if person is None:
            detour = Detour(way, keys_s=len(keys) * KEY_S)
        else:
            detour = Detour(way, timeout_s=person.timeout_s, max_minutes=person.max_minutes)
        escort = Escort(
            detour_id,
            detour,
            call_id,
            call_sid,
            call,
            self.api,
            self._addresses,
            stream,
            language=language,
            person=person,
            keys=keys,
            ended=partial(self._forget_later, detour_id),
        )
        self._escorts[detour_id] = escort
        escort.begin()
        return escort

    def person_asks(self, question: PersonAsks, params: Mapping[str, str]) -> Document:
        """How the person's line goes on."""
        escort, call_sid = self._find(params), params.get("CallSid", "")
        if escort is None:
            return Ending()
        if question == "transfer-human":
            return escort.human_answered(call_sid)
        return escort.human_said(call_sid, params.get("Digits", ""), params.get("SpeechResult", ""))

    def person_news(self, news: PersonNews, params: Mapping[str, str]) -> None:
        """Take note of a callback about the person's line, or the room."""
        escort, call_sid = self._find(params), params.get("CallSid", "")
        if escort is None:
            return
        match news:
            case "transfer-status":
                escort.human_status(call_sid, params.get("CallStatus", ""))
            case "transfer-room":
                escort.room_changed(call_sid, params.get("StatusCallbackEvent", ""))
            case "machine":
                escort.machine(call_sid, params.get("AnsweredBy", ""))

    def _find(self, params: Mapping[str, str]) -> Escort | None:
        return self._escorts.get(params.get("transfer", ""))

    def _forget_later(self, detour_id: str) -> None:
        asyncio.get_running_loop().call_later(REMEMBERED_S, self._escorts.pop, detour_id, None)
