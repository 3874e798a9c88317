"""The REST API's conferences and participants. https://www.twilio.com/docs/voice/api/conference-resource"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from phoneagent.simulate.fake_twilio.account import Account
from phoneagent.simulate.fake_twilio.asked import Answer, Asked, Handler, Route, not_found
from phoneagent.simulate.fake_twilio.conference import Conference, Participant
from phoneagent.simulate.fake_twilio.exchange import Exchange, Options
from phoneagent.simulate.fake_twilio.resources import conference_json, participant_json
from phoneagent.simulate.fake_twilio.rest_calls import check_numbers
from phoneagent.simulate.twiml import Inline

_NOUN = {  # parameters of a participant, and the attributes of <Conference> that they become
    "StartConferenceOnEnter": "startConferenceOnEnter",
    "EndConferenceOnExit": "endConferenceOnExit",
    "Muted": "muted",
    "WaitUrl": "waitUrl",
    "Label": "participantLabel",
    "ConferenceStatusCallback": "statusCallback",
}


class ConferencesApi:
    """Listing and ending conferences; calling people into them, muting, holding and removing them."""

    def __init__(self, account: Account, exchange: Exchange) -> None:
        self._account = account
        self._exchange = exchange

    def routes(self) -> Mapping[Route, Handler]:
        """What is done for which request."""
        return {
            ("GET", "/Conferences.json"): self._list,
            ("GET", "/Conferences/{sid}.json"): self._fetch,
            ("POST", "/Conferences/{sid}.json"): self._update,
            ("GET", "/Conferences/{sid}/Participants.json"): self._list_participants,
            ("POST", "/Conferences/{sid}/Participants.json"): self._create_participant,
            ("GET", "/Conferences/{sid}/Participants/{call}.json"): self._fetch_participant,
            ("POST", "/Conferences/{sid}/Participants/{call}.json"): self._update_participant,
            ("DELETE", "/Conferences/{sid}/Participants/{call}.json"): self._remove_participant,
        }

    async def _list(self, asked: Asked) -> Answer:
        form = asked.form
        found = [
            conference_json(one, self._account.sid)
            for one in reversed(self._exchange.conferences)
            if form.get("FriendlyName", one.name) == one.name and form.get("Status", one.status) == one.status
        ]
        return asked.page("conferences", found)

    async def _fetch(self, asked: Asked) -> Answer:
        return 200, conference_json(self._conference(asked), self._account.sid)

    async def _update(self, asked: Asked) -> Answer:
        conference = self._conference(asked)
        if asked.form.get("Status") == "completed":
            conference.end()
        return 200, {**conference_json(conference, self._account.sid), "status": "completed"}

    async def _list_participants(self, asked: Asked) -> Answer:
        conference = self._conference(asked)
        found = [participant_json(one, conference, self._account.sid) for one in conference.participants.values()]
        return asked.page("participants", found)

    async def _create_participant(self, asked: Asked) -> Answer:
        form, name = asked.form, asked.names["sid"]
        to, from_ = form.get("To", ""), form.get("From", "")
        check_numbers(self._account, to, from_)
        room = next((one.name for one in self._exchange.conferences if one.sid == name), name)
        response = Element("Response")
        noun = SubElement(SubElement(response, "Dial"), "Conference")
        noun.text = room
        for parameter, attribute in _NOUN.items():
            if parameter in form:
                noun.set(attribute, form[parameter])
        if events := asked.several("ConferenceStatusCallbackEvent"):
            noun.set("statusCallbackEvent", " ".join(events))
        options = Options(
            timeout_s=float(form.get("Timeout", 60)),
            time_limit_s=float(form.get("TimeLimit", 4 * 3600)),
            callback=asked.callback(default=["completed"]),
        )
        document = Inline(tostring(response, encoding="unicode"))
        call = self._exchange.place(to, form.get("CallerId", from_), document, options)
        label = form.get("Label")
        return 201, {"call_sid": call.sid, "account_sid": self._account.sid, "label": label, "status": "queued"}

    async def _fetch_participant(self, asked: Asked) -> Answer:
        return 200, participant_json(self._participant(asked), self._conference(asked), self._account.sid)

    async def _update_participant(self, asked: Asked) -> Answer:
        conference, participant = self._conference(asked), self._participant(asked)
        conference.change(participant, muted=asked.flag("Muted"), hold=asked.flag("Hold"))
        if (ends := asked.flag("EndConferenceOnExit")) is not None:
            participant.ends = ends
        return 200, participant_json(participant, conference, self._account.sid)

    async def _remove_participant(self, asked: Asked) -> Answer:
        self._participant(asked).removed.set()
        return 204, None

    def _conference(self, asked: Asked) -> Conference:
        """By its SID, or by its name while it is going on."""
        wanted = asked.names["sid"]
        for one in self._exchange.conferences:
            if one.sid == wanted or (one.name == wanted and not one.over):
                return one
        raise not_found(asked.path)

    def _participant(self, asked: Asked) -> Participant:
        """By its CallSid or its label, in a conference that is going on."""
        wanted = asked.names["call"]
        for one in self._conference(asked).participants.values():
            if wanted in (one.call.sid, one.label):
                return one
        raise not_found(asked.path)
