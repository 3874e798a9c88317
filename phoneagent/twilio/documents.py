"""What a line does next, as values, and the TwiML that says so. Pure.

https://www.twilio.com/docs/voice/twiml. The room is a conference that nobody but these two can enter, and that ends
for one when the other leaves, so neither stays behind in it even if nobody tells us.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twilio.twiml import voice_response  # type: ignore[import-untyped]

from phoneagent.twilio import webhook
from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.webhook import Connect, Ending, Forward, Refuse, locale, speakable

_WAIT_S = 1
_ANSWER_WITHIN_S = 8


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Press keys for the other side, then open a media stream. `keys` are 0-9, *, #, A-D and w, half a second."""

    keys: str = field(repr=False)
    then: Connect


@dataclass(frozen=True, slots=True)
class CallPerson:
    """The caller hears a person's telephone ring, and talks to whoever answers, for `limit_s` at most."""

    detour: str
    number: str = field(repr=False)
    caller_id: str = field(repr=False)
    timeout_s: int
    limit_s: int


@dataclass(frozen=True, slots=True)
class EnterRoom:
    """The caller enters the room of a detour; music plays until the person is there."""

    detour: str
    limit_s: int


@dataclass(frozen=True, slots=True)
class Brief:
    """The person hears what it is about, and answers with a key or in words; `hints` are those that are expected."""

    detour: str
    text: str = field(repr=False)
    language: str
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostRoom:
    """The person enters the room; `farewell` is what they hear when the caller has gone."""

    detour: str
    farewell: str
    language: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The line waits a moment, and asks again."""


Document = Connect | Refuse | Forward | Ending | PressKeys | CallPerson | EnterRoom | Brief | HostRoom | Wait


def twiml(document: Document, addresses: Addresses) -> str:
    """The document as Twilio reads it."""
    response = voice_response.VoiceResponse()
    match document:
        case Connect():
            return webhook.connect(document, addresses.stream, addresses.stream_ended)
        case Refuse():
            return webhook.refuse(document)
        case Forward():
            return webhook.forward(document)
        case Ending(say, language):
            return webhook.hang_up(say, language)
        case PressKeys(keys, then):
            response.play(digits=keys)
            webhook.add_connect(response, then, addresses.stream, addresses.stream_ended)
        case CallPerson(detour, number, caller_id, timeout_s, limit_s):
            dial = voice_response.Dial(
                action=addresses.transfer_ended(detour),
                method="POST",
                timeout=timeout_s,
                time_limit=limit_s,
                caller_id=caller_id,
                answer_on_bridge=True,
            )
            dial.number(
                number,
                status_callback=addresses.transfer_status(detour),
                status_callback_event="answered completed",
                status_callback_method="POST",
            )
            response.append(dial)
        case EnterRoom(detour, limit_s):
            dial = voice_response.Dial(action=addresses.transfer_ended(detour), method="POST", time_limit=limit_s)
            _room(dial, detour, addresses, starts=False)
            response.append(dial)
        case Brief(detour, text, language, hints):
            answer = addresses.transfer_answer(detour)
            gather = voice_response.Gather(
                input="dtmf speech",
                num_digits=1,
                timeout=_ANSWER_WITHIN_S,
                speech_timeout=1,
                action=answer,
                method="POST",
                language=locale(language),
                hints=",".join(hints),
            )
            gather.say(speakable(text), language=locale(language))
            response.append(gather)
            response.redirect(answer, method="POST")  # nothing was answered
        case HostRoom(detour, farewell, language):
            dial = voice_response.Dial()
            _room(dial, detour, addresses, starts=True)
            response.append(dial)
            response.say(speakable(farewell), language=locale(language))
            response.hangup()
        case Wait():
            response.pause(length=_WAIT_S)
            response.redirect(addresses.next(), method="POST")
    return str(response)


def redirection(url: str) -> str:
    """TwiML by which a line asks at `url`, at once."""
    response = voice_response.VoiceResponse()
    response.redirect(url, method="POST")
    return str(response)


def _room(dial: voice_response.Dial, detour: str, addresses: Addresses, *, starts: bool) -> None:
    dial.conference(
        detour,
        start_conference_on_enter=starts,
        end_conference_on_exit=True,
        max_participants=2,
        beep=False,
        status_callback=addresses.transfer_room(detour),
        status_callback_event="start end join leave",
        status_callback_method="POST",
    )
