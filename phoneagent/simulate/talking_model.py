"""A Realtime server that talks and is interrupted at fixed times, and costs little: the far end of a load test."""

from __future__ import annotations

import asyncio
import ssl
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from picows import WSUpgradeRequest

from phoneagent.simulate.probe import Probe, read_base64_probe, silence_after_probe
from phoneagent.simulate.realtime_events import (
    DEFAULT_SESSION,
    Event,
    Speech,
    caller_turn_ended,
    error,
    merged,
    response,
    response_cancelled,
    session_created,
    speech_started,
    transcribed,
)
from phoneagent.simulate.realtime_server import RealtimeServer, RealtimeSession

_SPEECH_S = 0.1  # how long the caller is said to have spoken
_GOLDEN = 0.618  # spreads the sessions' turns over time


@dataclass(frozen=True, slots=True)
class Talk:
    """How a talking model talks.

    Asked for a response it speaks for `greeting_s`. Every `every_s` it claims that the caller speaks, and then
    answers for `speak_s`: with `every_s` shorter than `speak_s` every turn is an interruption. Audio comes in
    deltas of `delta_ms`, at `speed` times real time.
    """

    greeting_s: float = 2.0
    speak_s: float = 4.0
    every_s: float = 8.0
    delta_ms: int = 100
    speed: float = 4.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """When the model said that the caller speaks, and which of its own turns (from 1) was the latest by then.

    `interrupting`: not all of that turn's audio can have been played.
    """

    at: float
    turn: int
    interrupting: bool


class TalkingSession(RealtimeSession):
    """One session of a talking model, and what it measured of the caller's audio.

    `call` is the number in the caller's probes (see `load.ProbeCaller`), `lost` how many of them are missing,
    `latencies_s` the times they took. All three stay empty where there are no probes.
    """

    def __init__(self, request: WSUpgradeRequest, number: int, talk: Talk, clock: Callable[[], float]) -> None:
        super().__init__(request)
        self.config: Event = {**DEFAULT_SESSION, "model": self.model}
        self.updated_at: float | None = None
        self.created_responses = 0
        self.frames = 0
        self.call: int | None = None
        self.lost = 0
        self.latencies_s = array("d")
        self.speech_started: list[SpeechStarted] = []
        self.deltas_sent = 0
        self.clock = clock
        self._number = number
        self._talk = talk
        self._loop = asyncio.get_running_loop()
        self._next_sequence = 0
        self._turn = 0
        self._playing_until = 0.0
        self._speaking: _Speaking | None = None

    @property
    def bytes_per_ms(self) -> int:
        """Of the audio that it sends, in the format that it was asked for. Probes do not survive a conversion."""
        return 8 if self.config["audio"]["output"]["format"]["type"] == "audio/pcmu" else 48

    def began(self) -> None:
        """Greet the client with the session's defaults."""
        conversation = {"id": "conv_1", "object": "realtime.conversation"}
        self.emit(session_created(self.config))
        self.emit({"type": "conversation.created", "conversation": conversation})

    def receive(self, event: dict[str, Any]) -> None:
        """Take an event."""
        match event["type"]:
            case "input_audio_buffer.append":
                self._hear(event["audio"])
            case "session.update":
                self._configure(event["session"])
            case "response.create":
                self._asked()
            case "response.cancel" if self._speaking is not None:
                self._stop("client_cancelled")
            case "conversation.item.truncate":
                self.emit({**event, "type": "conversation.item.truncated"})
            case "conversation.item.delete":
                self.emit({"type": "conversation.item.deleted", "item_id": event["item_id"]})
            case "conversation.item.create":
                item = {"id": "item_client", "object": "realtime.item", **event["item"]}
                self.emit({"type": "conversation.item.added", "item": item})
                self.emit({"type": "conversation.item.done", "item": item})

    def _hear(self, audio: str) -> None:
        self.frames += 1
        if (probe := read_base64_probe(audio)) is not None:
            self.call = probe.source
            self.lost += probe.sequence - self._next_sequence
            self._next_sequence = probe.sequence + 1
            self.latencies_s.append(self.clock() - probe.sent_at)

    def _configure(self, changes: Event) -> None:
        self.config = merged(self.config, changes)
        self.emit({"type": "session.updated", "session": self.config})
        if self.updated_at is None:
            self.updated_at = self.clock()
            # sessions that begin together must not all speak together
            phase = (self._number + 1) * _GOLDEN % 1.0
            self._loop.call_later(self._talk.every_s * (1 + phase), self._caller_speaks)

    def _asked(self) -> None:
        self.created_responses += 1
        if self._speaking is not None:
            self.emit(error("conversation_already_has_active_response", "a response is active"))
        else:
            self._speak(self._talk.greeting_s)

    def _caller_speaks(self) -> None:
        if self.closed.done():
            return
        now = self.clock()
        self.emit(speech_started(f"item_caller_{self._turn}"))
        self.speech_started.append(SpeechStarted(now, self._turn, interrupting=now < self._playing_until))
        if self._speaking is not None:
            self._speaking.send_delta()  # the real service has one under way, too
            self._stop("turn_detected")
        self._loop.call_later(_SPEECH_S, self._answer_caller)
        self._loop.call_later(self._talk.every_s, self._caller_speaks)

    def _answer_caller(self) -> None:
        item_id = f"item_caller_{self._turn}"
        for event in (*caller_turn_ended(item_id), transcribed("Yes, please.", item_id)):
            self.emit(event)
        if self._speaking is None:
            self._speak(self._talk.speak_s)

    def _speak(self, seconds: float) -> None:
        self._turn += 1
        self._playing_until = self.clock() + seconds
        self._speaking = _Speaking(self, self._turn, seconds, self._talk)

    def _stop(self, reason: str) -> None:
        assert self._speaking is not None
        self._speaking.stop()
        self.emit(response_cancelled(self._speaking.response_id, reason))
        self._speaking = None

    def finished(self) -> None:
        """The response that was being spoken has been sent."""
        self._speaking = None

    def emit(self, event: Any) -> None:
        """Send an event of `realtime_events`."""
        self.send({**event, "event_id": "event_1"})

    def send_audio(self, delta: str) -> None:
        """Send a delta of audio, which is JSON already."""
        self.deltas_sent += 1
        self.send_json(delta.encode())


class TalkingModel(RealtimeServer[TalkingSession]):
    """The server. All its sessions talk alike, but not at the same moments."""

    def __init__(
        self,
        talk: Talk | None = None,
        *,
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        def make_session(request: WSUpgradeRequest, number: int) -> TalkingSession:
            return TalkingSession(request, number, talk or Talk(), clock)

        super().__init__(make_session, port=port, ssl_context=ssl_context)


class _Speaking:
    """A response on its way: one delta at a time, on an absolute schedule, each with a probe."""

    def __init__(self, session: TalkingSession, turn: int, seconds: float, talk: Talk) -> None:
        self.response_id = f"resp_{turn}"
        speech = Speech(ms=talk.delta_ms, delta_ms=talk.delta_ms, item_id=f"item_agent_{turn}")
        events = response(speech, response_id=self.response_id)
        at = next(n for n, event in enumerate(events) if _is_audio(event))
        self._closing = events[at + 1 :]
        self._session = session
        self._turn = turn
        self._left = max(1, round(seconds * 1000 / talk.delta_ms))
        self._sequence = 0
        self._interval_s = talk.delta_ms / 1000 / talk.speed
        self._due = session.clock()
        # all of a delta but its probe, written once: a load test sends ten thousands of them
        self._before_probe = (
            f'{{"type":"response.output_audio.delta","event_id":"event_1","response_id":"{self.response_id}",'
            f'"item_id":"{speech.item_id}","output_index":0,"content_index":0,"delta":"'
        )
        self._after_probe = silence_after_probe(session.bytes_per_ms * talk.delta_ms) + '"}'
        self._timer: asyncio.TimerHandle | None = None
        for event in events[:at]:
            session.emit(event)
        self._go_on()

    def send_delta(self) -> None:
        """Send one delta, whether or not it is time."""
        probe = Probe(self._turn, self._sequence, self._session.clock()).base64()
        self._sequence += 1
        self._session.send_audio(self._before_probe + probe + self._after_probe)

    def stop(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        self.send_delta()
        self._left -= 1
        if self._left:
            self._due += self._interval_s
            delay_s = max(0.0, self._due - self._session.clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._go_on)
            return
        for event in self._closing:
            self._session.emit(event)
        self._session.finished()


def _is_audio(step: Any) -> bool:
    return isinstance(step, dict) and step["type"] == "response.output_audio.delta"
