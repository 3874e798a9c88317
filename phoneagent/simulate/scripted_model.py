"""A Realtime server that follows a script: expect this, emit that.

    model = ScriptedModel([
        expect("response.create").then(*response(Speech("Blue Door, hello!"))),
        expect("input_audio_buffer.append").then(speech_started(), *caller_turn_ended(), ...),
    ])
    async with model:
        ...  # a client at model.url
        session = await model.session()
        truncated = await session.received("conversation.item.truncate")

What the script does not expect is answered as the real service does in the ordinary case, except for
`response.create`, to which only a script knows an answer.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from picows import WSUpgradeRequest

from phoneagent.simulate.realtime_events import (
    DEFAULT_SESSION,
    Close,
    Event,
    Pause,
    Step,
    caller_turn_ended,
    error,
    merged,
    response_cancelled,
    session_created,
    speech_started,
)
from phoneagent.simulate.realtime_server import RealtimeServer, RealtimeSession


@dataclass(frozen=True, slots=True)
class Received:
    """An event of the client and when it came, by `time.monotonic` unless another clock was given."""

    at: float
    event: Event


Reaction = Step | Callable[["ScriptedSession"], Iterable[Step]]


@dataclass(frozen=True, slots=True)
class Expect:
    """A line of the script: an event to wait for, and what to do about it."""

    type: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    reactions: tuple[Reaction, ...] = ()

    def then(self, *reactions: Reaction) -> Expect:
        """What to emit; a function is asked what, with the session, when the event has come."""
        return replace(self, reactions=(*self.reactions, *reactions))


def expect(type: str, **fields: Any) -> Expect:
    """Wait for an event of a type that has at least these fields (in nested objects: at least these, too)."""
    return Expect(type, fields)


def session_updated(**changes: Any) -> Reaction:
    """Confirm the session's configuration, with `changes` that the client did not ask for."""
    return lambda session: [{"type": "session.updated", "session": merged(session.proposed, changes)}]


class ScriptedSession(RealtimeSession):
    """One session of a scripted model. Tests may also drive it by hand, with `emit` and `interrupt`.

    `events` are all that came but the audio, which is in `audio` as bytes of the session's input format, in
    `frames` pieces. `config` is the configuration in force, `proposed` what the latest update would make of it.
    """

    def __init__(self, request: WSUpgradeRequest, script: Sequence[Expect], clock: Callable[[], float]) -> None:
        super().__init__(request)
        self.events: list[Received] = []
        self.audio = bytearray()
        self.frames = 0
        self.config = {**DEFAULT_SESSION, "model": self.model}
        self.proposed = self.config
        self.active_response: str | None = None
        self._script = deque(script)
        self._clock = clock
        self._ids = count(1)
        self._last_item: str | None = None
        self._emissions: list[_Emission] = []
        self._returned: set[int] = set()
        self._news: list[asyncio.Future[None]] = []

    async def received(self, type: str, timeout_s: float = 30.0, **fields: Any) -> Event:
        """The first event of this type, with at least these fields, that was not returned before.

        Raises TimeoutError.
        """
        wanted = Expect(type, fields)
        async with asyncio.timeout(timeout_s):
            while True:
                for number, one in enumerate(self.events):
                    if number not in self._returned and _is(one.event, wanted):
                        self._returned.add(number)
                        return one.event
                news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._news.append(news)
                await news

    def all(self, type: str) -> list[Event]:
        """All the events of a type so far."""
        return [one.event for one in self.events if one.event["type"] == type]

    @property
    def script_done(self) -> bool:
        """Whether everything that the script expects has come."""
        return not self._script

    def emit(self, *steps: Step) -> None:
        """Send events, now or after the pauses among them. Several emissions with pauses run side by side."""
        emission = _Emission(deque(steps))
        self._emissions.append(emission)
        self._go_on(emission)

    def interrupt(self, item_id: str = "item_caller_1", at_ms: int = 0) -> None:
        """The caller begins to speak: the active response is cancelled, as by `interrupt_response`."""
        self.emit(speech_started(item_id, at_ms))
        self._cancel("turn_detected")

    def began(self) -> None:
        """Greet the client with the session's defaults."""
        if "openai-beta" in {name.lower() for name in self.headers}:
            self.emit(error("beta_api_shape_disabled", "The beta is gone."), Close(4000, "beta_api_shape_disabled"))
            return
        conversation = {"id": "conv_1", "object": "realtime.conversation"}
        self.emit(session_created(self.config), {"type": "conversation.created", "conversation": conversation})

    def receive(self, event: Event) -> None:
        """Take an event: the script's answer if it expects it, else the ordinary one."""
        if event["type"] == "input_audio_buffer.append":
            self.frames += 1
            self.audio += base64.b64decode(event["audio"])
        else:
            self.events.append(Received(self._clock(), event))
        if event["type"] == "session.update":
            self.proposed = merged(self.config, event["session"])
        if self._script and _is(event, self._script[0]):
            steps: list[Step] = []
            for reaction in self._script.popleft().reactions:
                steps += reaction(self) if callable(reaction) else [reaction]
            self.emit(*steps)
        else:
            self._answer(event)
        for waiting in self._news:
            if not waiting.done():
                waiting.set_result(None)
        self._news.clear()

    def _answer(self, event: Event) -> None:
        match event["type"]:
            case "session.update":
                self.emit({"type": "session.updated", "session": self.proposed})
            case "conversation.item.create":
                item = {"id": f"item_{next(self._ids)}", "object": "realtime.item", **event["item"]}
                self.emit({"type": "conversation.item.added", "item": item})
                self.emit({"type": "conversation.item.done", "item": item})
            case "conversation.item.truncate":
                self.emit({**event, "type": "conversation.item.truncated"})
            case "conversation.item.delete":
                self.emit({"type": "conversation.item.deleted", "item_id": event["item_id"]})
            case "input_audio_buffer.commit":
                committed = caller_turn_ended(f"item_{next(self._ids)}")[1:]  # without a speech_stopped
                self.emit(*committed)
            case "input_audio_buffer.clear":
                self.emit({"type": "input_audio_buffer.cleared"})
            case "response.create" if self.active_response is not None:
                message = f"Conversation already has an active response: {self.active_response}"
                self._refuse(event, "conversation_already_has_active_response", message)
            case "response.cancel":
                if not self._cancel("client_cancelled"):
                    message = "Cancellation failed: no active response found"
                    self._refuse(event, "response_cancel_not_active", message)

    def _refuse(self, event: Event, code: str, message: str) -> None:
        self.emit(error(code, message, event_id=event.get("event_id")))

    def _cancel(self, reason: str) -> bool:
        response_id = self.active_response
        if response_id is None:
            return False
        for emission in self._emissions:
            if emission.response_id == response_id:
                emission.steps.clear()
        self.emit(response_cancelled(response_id, reason))
        return True

    def _go_on(self, emission: _Emission) -> None:
        while emission.steps:
            step = emission.steps.popleft()
            if isinstance(step, Pause):
                asyncio.get_running_loop().call_later(step.seconds, self._go_on, emission)
                return
            if isinstance(step, Close):
                self.close(step.code, step.reason)
            else:
                self._emit_one(step, emission)
        self._emissions.remove(emission)

    def _emit_one(self, event: Event, emission: _Emission) -> None:
        event = {**event, "event_id": f"event_{next(self._ids)}"}
        match event["type"]:
            case "session.updated":
                self.config = event["session"]
            case "response.created":
                self.active_response = emission.response_id = event["response"]["id"]
            case "response.done" if event["response"]["id"] == self.active_response:
                self.active_response = None
            case "conversation.item.added":
                event.setdefault("previous_item_id", self._last_item)
                self._last_item = event["item"]["id"]
            case "input_audio_buffer.committed":
                event.setdefault("previous_item_id", self._last_item)
        self.send(event)


class ScriptedModel(RealtimeServer[ScriptedSession]):
    """The server. Every session follows the script from its beginning, or its own one: `script(number)`."""

    def __init__(
        self,
        script: Sequence[Expect] | Callable[[int], Sequence[Expect]] = (),
        *,
        port: int = 0,
        refuse: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        def make(request: WSUpgradeRequest, number: int) -> ScriptedSession:
            return ScriptedSession(request, script(number) if callable(script) else script, clock)

        super().__init__(make, port=port, refuse=refuse)


@dataclass(slots=True, eq=False)
class _Emission:
    """Steps on their way; the response that began in them, if one did."""

    steps: deque[Step]
    response_id: str | None = None


def _is(event: Mapping[str, Any], wanted: Expect) -> bool:
    return event["type"] == wanted.type and _has(event, wanted.fields)


def _has(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(k in value and _has(value[k], w) for k, w in wanted.items())
    return bool(value == wanted)
