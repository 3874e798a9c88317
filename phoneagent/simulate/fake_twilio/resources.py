"""The resources of the REST API as JSON, in the shapes that Twilio's client reads."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import Any

from phoneagent.simulate.fake_twilio.account import Account, Message, Number, Recording
from phoneagent.simulate.fake_twilio.conference import Conference, Participant
from phoneagent.simulate.fake_twilio.exchange import Leg

Json = dict[str, Any]

_VERSION = "2010-04-01"


def account_json(account: Account) -> Json:
    """An account."""
    return {"sid": account.sid, "friendly_name": "Fake account", "type": account.type, "status": "active"}


def call_json(leg: Leg, account_sid: str) -> Json:
    """A call."""
    call = leg.call
    return {
        "sid": call.sid,
        "account_sid": account_sid,
        "parent_call_sid": call.parent_sid,
        "to": call.to,
        "from": call.from_,
        "status": "queued" if call.status == "initiated" else call.status,
        "direction": call.direction,
        "date_created": _date(leg.began),
        "start_time": _date(leg.began),
        "end_time": _date(leg.ended),
        "duration": str(leg.seconds) if call.over else None,
        "api_version": _VERSION,
        "queue_time": "0",
        "uri": f"/{_VERSION}/Accounts/{account_sid}/Calls/{call.sid}.json",
    }


def message_json(message: Message, account_sid: str) -> Json:
    """A text message."""
    return {
        "sid": message.sid,
        "account_sid": account_sid,
        "to": message.to,
        "from": message.from_,
        "body": message.body,
        "status": message.status,
        "direction": "outbound-api",
        "num_segments": "1",
        "date_created": _date(message.sent),
        "date_sent": _date(message.sent),
    }


def number_json(number: Number, account_sid: str, voice_url: str) -> Json:
    """A number of the account."""
    return {
        "sid": number.sid,
        "account_sid": account_sid,
        "phone_number": number.number,
        "friendly_name": number.friendly_name,
        "voice_url": voice_url,
        "voice_method": number.voice_method,
        "voice_fallback_url": number.voice_fallback_url,
        "status_callback": number.status_callback,
        "voice_application_sid": number.voice_application_sid,
        "trunk_sid": number.trunk_sid or None,
        "capabilities": {"voice": number.voice, "sms": number.sms, "mms": number.sms, "fax": False},
    }


def conference_json(conference: Conference, account_sid: str) -> Json:
    """A conference."""
    return {
        "sid": conference.sid,
        "account_sid": account_sid,
        "friendly_name": conference.name,
        "status": conference.status,
        "region": "us1",
    }


def participant_json(participant: Participant, conference: Conference, account_sid: str) -> Json:
    """A call in a conference."""
    return {
        "call_sid": participant.call.sid,
        "conference_sid": conference.sid,
        "account_sid": account_sid,
        "label": participant.label or None,
        "muted": participant.muted,
        "hold": participant.hold,
        "start_conference_on_enter": participant.starts,
        "end_conference_on_exit": participant.ends,
        "status": "connected",
    }


def recording_json(recording: Recording, account_sid: str) -> Json:
    """A recording."""
    return {
        "sid": recording.sid,
        "account_sid": account_sid,
        "call_sid": recording.call_sid,
        "status": recording.status,
        "channels": recording.channels,
        "track": recording.track,
        "source": "StartCallRecordingAPI",
        "start_time": _date(recording.started),
    }


def _date(when: datetime | None) -> str | None:
    return None if when is None else format_datetime(when)
