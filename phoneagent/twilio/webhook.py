"""Twilio's voice webhook: the call it announces, and the TwiML that answers it. Pure.

https://www.twilio.com/docs/voice/twiml. TwiML is built by Twilio's library, which escapes what it is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from twilio.twiml import voice_response  # type: ignore[import-untyped]

_CALL_SID = re.compile(r"CA[0-9a-f]{32}")
_FIELDS = frozenset({"CallSid", "AccountSid", "From", "To", "Direction"})
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# <Say> wants a region; for these languages it is not the language's own code.
_REGIONS = {
    "ar": "ar-AE",
    "cs": "cs-CZ",
    "da": "da-DK",
    "el": "el-GR",
    "en": "en-US",
    "he": "he-IL",
    "hi": "hi-IN",
    "ja": "ja-JP",
    "ko": "ko-KR",
    "nb": "nb-NO",
    "no": "nb-NO",
    "sv": "sv-SE",
    "uk": "uk-UA",
    "vi": "vi-VN",
    "zh": "cmn-CN",
}


class WebhookError(ValueError):
    """A webhook without what every call's has. Says which field, not what was in it."""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call as the webhook announces it. Numbers are E.164, `client:…`, a SIP URI, or words if withheld."""

    call_sid: str
    account_sid: str
    caller: str = field(repr=False)  # From: who placed the call
    called: str = field(repr=False)  # To
    direction: str  # inbound, outbound-api, outbound-dial, trunking-…
    parameters: Mapping[str, str] = field(repr=False, default_factory=dict)  # all other fields

    @property
    def outbound(self) -> bool:
        """Whether we placed the call."""
        return self.direction.startswith("outbound")

    @property
    def human(self) -> str:
        """The number of the person: whoever is not us."""
        return self.called if self.outbound else self.caller

    @property
    def number(self) -> str:
        """Our own number, which says which agent speaks."""
        return self.caller if self.outbound else self.called

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> IncomingCall:
        """Read the fields of the webhook. Raises WebhookError if one that matters is missing or malformed."""
        call_sid = params.get("CallSid", "")
        if not _CALL_SID.fullmatch(call_sid):
            raise WebhookError("CallSid must be CA and 32 hexadecimal digits")
        if not params.get("To"):
            raise WebhookError("To is missing")
        return cls(
            call_sid,
            params.get("AccountSid", ""),
            params.get("From", ""),
            params["To"],
            params.get("Direction", "inbound"),
            {name: value for name, value in params.items() if name not in _FIELDS},
        )


@dataclass(frozen=True, slots=True)
class Connect:
    """Answer the call: open a media stream, which proves itself with this token."""

    token: str = field(repr=False)
    apology: str  # what the caller hears if the stream cannot be opened
    language: str  # BCP 47, of the apology


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not answer the call; with `say`, answer it only to say why, which the caller pays for."""

    reason: Literal["busy", "rejected"] = "busy"
    say: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """Connect the caller to a person, for `limit_s` at most, without answering the call: nothing comes after it."""

    number: str = field(repr=False)
    caller_id: str = field(repr=False)
    timeout_s: int  # of ringing
    limit_s: int


Answer = Connect | Refuse | Forward


@dataclass(frozen=True, slots=True)
class Ending:
    """What the caller hears after the stream, before the line is hung up."""

    say: str | None = None
    language: str = "en"


def connect(answer: Connect, stream_url: str, action_url: str) -> str:
    """TwiML that opens the media stream; Twilio then asks `action_url` how to go on, or apologizes for us."""
    response = voice_response.VoiceResponse()
    add_connect(response, answer, stream_url, action_url)
    return str(response)


def add_connect(response: voice_response.VoiceResponse, answer: Connect, stream_url: str, action_url: str) -> None:
    """Add what `connect` says to a document."""
    verb = voice_response.Connect(action=action_url, method="POST")
    verb.stream(url=stream_url).parameter(name="token", value=answer.token)
    response.append(verb)
    response.say(speakable(answer.apology), language=locale(answer.language))
    response.hangup()


def refuse(answer: Refuse) -> str:
    """TwiML that hangs up with a reason, or does not answer at all, which costs nobody anything."""
    return hang_up(answer.say, answer.language) if answer.say else reject(answer.reason)


def forward(answer: Forward) -> str:
    """TwiML that lets the caller hear a person's telephone ring, and talk to whoever answers."""
    response = voice_response.VoiceResponse()
    dial = voice_response.Dial(
        timeout=answer.timeout_s, time_limit=answer.limit_s, caller_id=answer.caller_id, answer_on_bridge=True
    )
    dial.number(answer.number)
    response.append(dial)
    response.hangup()
    return str(response)


def hang_up(say: str | None = None, language: str | None = None) -> str:
    """TwiML that ends the call, after saying something if there is something to say."""
    response = voice_response.VoiceResponse()
    if say:
        response.say(speakable(say), language=locale(language or "en"))
    response.hangup()
    return str(response)


def reject(reason: Literal["busy", "rejected"] = "busy") -> str:
    """TwiML that does not answer the call."""
    response = voice_response.VoiceResponse()
    response.reject(reason=reason)
    return str(response)


def speakable(text: str) -> str:
    """The text without the characters that XML has no way to write."""
    return _NOT_XML.sub("", text)


def locale(language: str) -> str:
    """The language as <Say> and <Gather> want it, with a region."""
    return language if "-" in language else _REGIONS.get(language, f"{language}-{language.upper()}")
