"""The phone's end of a media stream, as Twilio's: texts and times in, texts out. Pure.

Shapes and order of the messages: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import orjson

from phoneagent.simulate.audio import FRAME_MS, lay_out
from phoneagent.simulate.caller import CallerSide, Ending
from phoneagent.simulate.playout import PlayoutQueue

Messages = list[str]

_FRAME_S = FRAME_MS / 1000
_ON_TIME = 1e-9
_FIRST_TIMESTAMP_MS = 102  # Twilio's first frame never has 0; this is one of the values seen
_SHAPES: Mapping[str, tuple[frozenset[str], str | None]] = {
    "media": (frozenset({"event", "streamSid", "media"}), "payload"),
    "mark": (frozenset({"event", "streamSid", "mark"}), "name"),
    "clear": (frozenset({"event", "streamSid"}), None),
}


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """What `start` tells of a call. `parameters` are those of the TwiML's <Parameter>s."""

    account_sid: str
    call_sid: str
    stream_sid: str
    parameters: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on its way back: because all before it was played, or because of a clear."""

    at: float
    name: str
    played: bool


@dataclass(frozen=True, slots=True)
class Clear:
    """A clear: how much had been played in the whole call by then, and how much it threw away."""

    at: float
    played_ms: float
    dropped_ms: float


@dataclass(frozen=True, slots=True)
class StreamWarning:
    """Something that Twilio's debugger would show: 31931, 31950 or 31951, and why."""

    at: float
    code: Literal[31931, 31950, 31951]
    reason: str


class Line(Protocol):
    """A phone line that tells what to send; the caller of these methods says what time it is.

    `deadline` is when `tick` wants to be called next. `ended` says that the phone is done and how.
    """

    @property
    def deadline(self) -> float: ...
    @property
    def ended(self) -> Ending | None: ...
    def open(self, now: float) -> Messages: ...
    def receive(self, message: str | bytes, now: float) -> Messages: ...
    def tick(self, now: float) -> Messages: ...
    def hang_up(self, now: float) -> Messages: ...


class PhoneLine:
    """One call's media stream, seen from the phone.

    `open` begins it, `receive` takes what the service sends (text, or bytes of a binary frame), `tick` does
    what is due at `deadline`: a frame of the caller's audio every 20 ms on an absolute schedule, and marks
    that were reached. All return the messages to send. Once `ended` is set nothing more is sent.

    What happened is in `playout.chunks`, `marks`, `clears`, `warnings` and the caller's `utterances`, with
    the times that came in as `now`. `worst_delay_s` is by how much `tick` missed a deadline at most: no
    measurement is better than that. With `record=False` no audio is kept but the first 24 bytes of each
    chunk, which hold a load test's probe.
    """

    def __init__(self, identity: StreamIdentity, caller: CallerSide, *, record: bool = True) -> None:
        self.playout = PlayoutQueue(keep_bytes=None if record else 24)
        self.marks: list[Mark] = []
        self.clears: list[Clear] = []
        self.warnings: list[StreamWarning] = []
        self.ended: Ending | None = None
        self.began_at = 0.0
        self.frames_sent = 0
        self.worst_delay_s = 0.0
        self._identity = identity
        self._caller = caller
        self._record = record
        self._spoken: list[str] = []
        self._sequence = 0
        self._frame_due = float("inf")

    @property
    def deadline(self) -> float:
        """When `tick` has something to do."""
        mark_at = self.playout.deadline
        return self._frame_due if mark_at is None else min(self._frame_due, mark_at)

    def open(self, now: float) -> Messages:
        """Begin the stream: `connected` and `start`."""
        self.began_at = now
        self._frame_due = now + _FRAME_S
        who = self._identity
        start = {
            "accountSid": who.account_sid,
            "streamSid": who.stream_sid,
            "callSid": who.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(who.parameters),
        }
        connected = orjson.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}).decode()
        return [connected, self._message("start", start)]

    def receive(self, message: str | bytes, now: float) -> Messages:
        """Take a message of the service: `media`, `mark` or `clear`. Any other is noted and dropped."""
        back = self._return_marks(self.playout.reached(now), now, played=True)
        if self.ended:
            return []
        if isinstance(message, bytes):
            self.warnings.append(StreamWarning(now, 31950, "binary frame"))
            return back
        try:
            kind, value = _read(message, self._identity.stream_sid)
            audio = binascii.a2b_base64(value, strict_mode=True) if kind == "media" else b""
        except ValueError as error:  # binascii.Error is one
            self.warnings.append(StreamWarning(now, 31951, str(error)))
            return back
        if kind == "media":
            if not self.playout.play(audio, now):
                self.warnings.append(StreamWarning(now, 31931, "more than ten minutes of audio are waiting"))
        elif kind == "mark":
            self.playout.mark(value)
            back += self._return_marks(self.playout.reached(now), now, played=True)
        else:
            played_ms, ends_at = self.playout.played_ms(now), self.playout.ends_at
            back += self._return_marks(self.playout.clear(now), now, played=False)
            self.clears.append(Clear(now, played_ms, max(0.0, (ends_at - now) * 1000)))
        return back

    def tick(self, now: float) -> Messages:
        """Send what is due: marks that were reached, the caller's frames and keys, or the end."""
        self.worst_delay_s = max(self.worst_delay_s, now - self.deadline)
        out = self._return_marks(self.playout.reached(now), now, played=True)
        while not self.ended and self._frame_due <= now + _ON_TIME:
            out += self._frame()
        return out

    def hang_up(self, now: float) -> Messages:
        """End the call from outside of the script, as a caller does who hangs up."""
        if self.ended:
            return []
        out = self._return_marks(self.playout.reached(now), now, played=True)
        return [*out, *self._end("hung up", now)]

    def cut(self, now: float) -> None:
        """The other side is gone: what has not been played by now never is."""
        self.playout.clear(now)
        self._frame_due = float("inf")

    def tracks(self) -> tuple[bytes, bytes]:
        """Both sides as µ-law from the stream's beginning on: the caller's, and what was played to them."""
        caller = b"".join(binascii.a2b_base64(frame) for frame in self._spoken)
        played = ((chunk.begins_at, chunk.audio[: chunk.length]) for chunk in self.playout.chunks if chunk.length)
        return caller, lay_out(played, self.began_at)

    def _frame(self) -> Messages:
        due = self._frame_due
        self.frames_sent += 1
        # from the beginning, not from the last frame: thousands of additions would drift
        self._frame_due = self.began_at + (self.frames_sent + 1) * _FRAME_S
        action = self._caller.act(due, self.playout)
        if self._record:
            self._spoken.append(action.audio)
        self._sequence += 1
        timestamp = _FIRST_TIMESTAMP_MS + (self.frames_sent - 1) * FRAME_MS
        # spliced, because a load test does this fifty times a second for every call
        out = [
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"inbound",'
            f'"chunk":"{self.frames_sent}","timestamp":"{timestamp}","payload":"{action.audio}"}},'
            f'"streamSid":"{self._identity.stream_sid}"}}'
        ]
        if action.digit is not None:
            out.append(self._message("dtmf", {"track": "inbound_track", "digit": action.digit}))
        if action.ending is not None:
            out += self._end(action.ending, due)
        return out

    def _end(self, how: Ending, now: float) -> Messages:
        who = self._identity
        last = {"accountSid": who.account_sid, "callSid": who.call_sid}
        out = [self._message("stop", last)] if how == "hung up" else []
        self.cut(now)
        self.ended = how
        return out

    def _return_marks(self, names: tuple[str, ...], now: float, *, played: bool) -> Messages:
        self.marks += [Mark(now, name, played) for name in names]
        return [self._message("mark", {"name": name}) for name in names]

    def _message(self, event: str, content: Mapping[str, Any]) -> str:
        self._sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self._sequence),
            event: content,
            "streamSid": self._identity.stream_sid,
        }
        return orjson.dumps(message).decode()


def _read(message: str, stream_sid: str) -> tuple[str, str]:
    """The kind of a message and its one value. Raises ValueError where Twilio warns with 31951."""
    try:
        parsed = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise ValueError("not JSON") from None
    kind = parsed.get("event") if isinstance(parsed, dict) else None
    if not isinstance(kind, str) or kind not in _SHAPES:
        raise ValueError(f"unknown event {str(kind)[:40]!r}")
    fields, inner = _SHAPES[kind]
    if parsed.keys() != fields:
        raise ValueError(f"{kind} has missing or extra fields: {sorted(parsed.keys() ^ fields)}")
    if parsed["streamSid"] != stream_sid:
        raise ValueError(f"{kind} is for another stream")
    if inner is None:
        return kind, ""
    content = parsed[kind]
    if not isinstance(content, dict) or content.keys() != {inner} or not isinstance(content[inner], str):
        raise ValueError(f"{kind}.{inner} must be a text, and alone in {kind!r}")
    return kind, content[inner]
