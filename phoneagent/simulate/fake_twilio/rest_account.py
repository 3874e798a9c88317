"""The REST API's account, numbers and messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from phoneagent.simulate.fake_twilio.account import Account, Message, Number
from phoneagent.simulate.fake_twilio.asked import Answer, Asked, Handler, Json, Route, not_found
from phoneagent.simulate.fake_twilio.exchange import Exchange
from phoneagent.simulate.fake_twilio.resources import account_json, message_json, number_json
from phoneagent.simulate.fake_twilio.rest_calls import check_numbers

_CHANGES = {  # parameters of a number, and our names for them
    "FriendlyName": "friendly_name",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "StatusCallback": "status_callback",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}


class AccountApi:
    """Reading the account, changing its numbers, sending messages."""

    def __init__(self, account: Account, exchange: Exchange, incoming_url: Callable[[], str]) -> None:
        self._account = account
        self._exchange = exchange
        self._incoming_url = incoming_url

    def routes(self) -> Mapping[Route, Handler]:
        """What is done for which request."""
        return {
            ("GET", ".json"): self._fetch,
            ("GET", "/IncomingPhoneNumbers.json"): self._list_numbers,
            ("GET", "/IncomingPhoneNumbers/{sid}.json"): self._fetch_number,
            ("POST", "/IncomingPhoneNumbers/{sid}.json"): self._update_number,
            ("POST", "/Messages.json"): self._create_message,
            ("GET", "/Messages.json"): self._list_messages,
            ("GET", "/Messages/{sid}.json"): self._fetch_message,
        }

    async def _fetch(self, asked: Asked) -> Answer:
        return 200, account_json(self._account)

    async def _list_numbers(self, asked: Asked) -> Answer:
        wanted = asked.form.get("PhoneNumber", "")
        found = [number for number in self._account.numbers.values() if wanted in number.number]
        return asked.page("incoming_phone_numbers", [self._number_json(number) for number in found])

    async def _fetch_number(self, asked: Asked) -> Answer:
        return 200, self._number_json(self._number(asked))

    async def _update_number(self, asked: Asked) -> Answer:
        number = self._number(asked)
        for parameter, name in _CHANGES.items():
            if parameter in asked.form:
                setattr(number, name, asked.form[parameter])
        return 200, self._number_json(number)

    def _number(self, asked: Asked) -> Number:
        for number in self._account.numbers.values():
            if number.sid == asked.names["sid"]:
                return number
        raise not_found(asked.path)

    def _number_json(self, number: Number) -> Json:
        voice_url = self._incoming_url() if number.voice_url is None else number.voice_url
        return number_json(number, self._account.sid, voice_url)

    async def _create_message(self, asked: Asked) -> Answer:
        to, from_ = asked.form.get("To", ""), asked.form.get("From", "")
        check_numbers(self._account, to, from_, not_ours=21606)
        sid, sent = self._account.new_sid("SM"), self._exchange.wall()
        message = Message(sid, to, from_, asked.form.get("Body", ""), sent)
        self._account.messages.append(message)
        if (callback := asked.callback()) is not None:
            for status in ("sent", "delivered"):
                fields = {"MessageSid": sid, "MessageStatus": status, "To": to, "From": from_}
                self._exchange.tell(sid, callback, {"AccountSid": self._account.sid, **fields})
        return 201, {**message_json(message, self._account.sid), "status": "queued"}

    async def _list_messages(self, asked: Asked) -> Answer:
        form = asked.form
        found = [
            message_json(message, self._account.sid)
            for message in reversed(self._account.messages)
            if form.get("To", message.to) == message.to and form.get("From", message.from_) == message.from_
        ]
        return asked.page("messages", found)

    async def _fetch_message(self, asked: Asked) -> Answer:
        for message in self._account.messages:
            if message.sid == asked.names["sid"]:
                return 200, message_json(message, self._account.sid)
        raise not_found(asked.path)
