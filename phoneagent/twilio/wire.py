"""Media Streams messages to events, and commands to messages. Pure.

https://www.twilio.com/docs/voice/media-streams/websocket-messages. Twilio's counters are strings and are not
needed: TCP keeps the order. Unknown events and fields are tolerated, for Twilio adds them without notice.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from phoneagent.core.commands import ClearPlayout, Command, PlayAudio, SendMark
from phoneagent.core.events import CallerAudio, DigitPressed, Event, MarkReached, StreamEnded

MAX_MESSAGE = 64 * 1024  # bytes; Twilio's own are below 1 KiB
MAX_PAYLOAD = 8 * 1024  # characters of base64, 0.75 s; Twilio's own are 216

_CALL_SID = re.compile(r"CA[0-9a-f]{32}")
_STREAM_SID = re.compile(r"MZ[0-9a-f]{32}")
_DIGITS = frozenset("0123456789*#ABCD")


class WireError(ValueError):
    """A message that no Media Stream sends. Says what is wrong, and nothing of what it held."""


class ForeignStreamError(WireError):
    """A message of another stream than the one that this socket began with."""


@dataclass(frozen=True, slots=True)
class StreamOpening:
    """Twilio's `start`: which call this stream belongs to, and how its audio is encoded."""

    call_sid: str
    account_sid: str
    stream_sid: str
    parameters: Mapping[str, str] = field(repr=False)  # the <Parameter>s of the TwiML
    encoding: str
    sample_rate: int
    channels: int

    @property
    def is_telephone_audio(self) -> bool:
        """Whether the audio is what events carry: µ-law, 8 kHz, mono."""
        return (self.encoding, self.sample_rate, self.channels) == ("audio/x-mulaw", 8000, 1)


def parse(message: bytes | str, stream_sid: str | None = None) -> Event | StreamOpening | None:
    """What a message says; None if it says nothing to us.

    With `stream_sid`, a message of another stream raises ForeignStreamError. Raises WireError for a malformed one.
    """
    if len(message) > MAX_MESSAGE:
        raise WireError(f"message of {len(message)} bytes, at most {MAX_MESSAGE} are accepted")
    try:
        said = orjson.loads(message)
        event = said["event"]
        if stream_sid is not None and said.get("streamSid", stream_sid) != stream_sid:
            raise ForeignStreamError("message of another stream")
        if event == "media":  # first, because it is nearly all of them
            media = said["media"]
            return CallerAudio(_checked_audio(media["payload"])) if media["track"] == "inbound" else None
        if event == "mark":
            return MarkReached(_text(said["mark"]["name"]))
        if event == "dtmf":
            return _digit(said["dtmf"]["digit"])
        if event == "start":
            return _opening(said)
        if event == "stop":
            return StreamEnded()
        _text(event)
        return None
    except orjson.JSONDecodeError as error:
        raise WireError("message is not JSON") from error
    except KeyError as error:
        raise WireError(f"message without {error}") from error
    except TypeError as error:
        raise WireError("message with a value of the wrong type") from error


class Encoder:
    """Commands to messages for one stream: exactly the fields that Twilio names, for any other is refused.

    A media message is spliced, not serialized: `PlayAudio.audio` is base64 and needs no escaping.
    """

    def __init__(self, stream_sid: str) -> None:
        sid = _json(stream_sid)
        self._media = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"'
        self._mark = f'{{"event":"mark","streamSid":{sid},"mark":{{"name":'
        self._clear = f'{{"event":"clear","streamSid":{sid}}}'

    def encode(self, command: Command) -> str:
        """The message for PlayAudio, SendMark or ClearPlayout. Raises TypeError for any other command."""
        if isinstance(command, PlayAudio):
            return self._media + command.audio + '"}}'
        if isinstance(command, SendMark):
            return self._mark + _json(command.mark) + "}}"
        if isinstance(command, ClearPlayout):
            return self._clear
        raise TypeError(f"{type(command).__name__} is not a command to a leg")


def _checked_audio(payload: Any) -> str:
    if not isinstance(payload, str) or not 0 < len(payload) <= MAX_PAYLOAD:
        raise WireError(f"media payload is not text of 1 to {MAX_PAYLOAD} characters")
    try:
        a2b_base64(payload, strict_mode=True)
    except ValueError as error:
        raise WireError("media payload is not base64") from error
    return payload


def _digit(digit: Any) -> DigitPressed:
    if digit not in _DIGITS:
        raise WireError("dtmf digit is none of 0-9, *, #, A-D")
    return DigitPressed(digit)


def _opening(said: Any) -> StreamOpening:
    start, format_ = said["start"], said["start"]["mediaFormat"]
    call_sid, stream_sid = _text(start["callSid"]), _text(start["streamSid"])
    if not _CALL_SID.fullmatch(call_sid) or not _STREAM_SID.fullmatch(stream_sid):
        raise WireError("callSid or streamSid of start is not an identifier of Twilio's")
    if said["streamSid"] != stream_sid:
        raise WireError("start names two streams")
    return StreamOpening(
        call_sid,
        _text(start["accountSid"]),
        stream_sid,
        {_text(name): _text(value) for name, value in _object(start.get("customParameters", {})).items()},
        _text(format_["encoding"]),
        _whole(format_["sampleRate"]),
        _whole(format_["channels"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _json(text: str) -> str:
    return orjson.dumps(text).decode()
