"""The pure phone line and the pure bridge, joined in simulated time: what one says was heard, the other played."""

from __future__ import annotations

import heapq
import random
import statistics
from base64 import b64encode
from dataclasses import dataclass, field
from itertools import count

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent
from phoneagent.core.bridge import CallBridge
from phoneagent.simulate.audio import Clip
from phoneagent.simulate.caller import Caller
from phoneagent.simulate.line import PhoneLine, StreamIdentity
from phoneagent.simulate.network import DelayedLine, Network
from phoneagent.twilio import wire

TURNS = 200  # each can be told from the others by a byte
WHO = StreamIdentity("AC" + "0" * 32, "CA" + "0" * 32, "MZ" + "0" * 32)


@dataclass
class SimulatedCall:
    """One call in simulated time; the model's events are put into `agenda` beforehand or on the way."""

    network: Network
    rng: random.Random
    now: float = 500.0
    cuts: dict[str, int] = field(default_factory=dict)  # turn: what the bridge says was heard of it
    clears: int = 0

    def __post_init__(self) -> None:
        self.phone = PhoneLine(WHO, Caller([], lambda what: Clip.of(b"")))
        self.line = DelayedLine(self.phone, self.network, self.rng)
        self.bridge = CallBridge(Agent("test", greeting=None, idle=None), began=self.now)
        self.encoder = wire.Encoder(WHO.stream_sid)
        self.agenda: list[tuple[float, int, on.Event]] = []
        self.numbers = count()
        self.arrive(self.line.open(self.now))
        self.happens(on.StreamStarted())
        self.happens(on.SessionReady())

    def at(self, time: float, event: on.Event) -> None:
        heapq.heappush(self.agenda, (time, next(self.numbers), event))

    def run(self, until: float) -> None:
        while True:
            agenda_at = self.agenda[0][0] if self.agenda else until
            bridge_at = until if self.bridge.deadline is None else self.bridge.deadline
            self.now = max(self.now, min(until, agenda_at, bridge_at, self.line.deadline))
            if self.now >= until:
                return
            self.arrive(self.line.tick(self.now))
            if bridge_at <= self.now:
                self.obey(self.bridge.tick(self.now))
            if agenda_at <= self.now:
                self.happens(heapq.heappop(self.agenda)[2])

    def arrive(self, messages: list[str]) -> None:
        for message in messages:
            event = wire.parse(message)
            if event is not None and not isinstance(event, wire.StreamOpening):
                self.happens(event)

    def happens(self, event: on.Event) -> None:
        self.obey(self.bridge.receive(event, self.now))

    def obey(self, commands: do.Commands) -> None:
        for command in commands:
            match command:
                case do.PlayAudio() | do.SendMark() | do.ClearPlayout():
                    self.clears += isinstance(command, do.ClearPlayout)
                    self.arrive(self.line.receive(self.encoder.encode(command), self.now))
                case do.TruncateTurn(turn_id, heard_ms):
                    self.cuts[turn_id] = heard_ms
                case do.DeleteTurn(turn_id):
                    self.cuts[turn_id] = 0


def interrupted_turns(call: SimulatedCall, rng: random.Random) -> None:
    """A response of one to three items of speech each, faster than real time, interrupted somewhere; 200 times."""
    for number in range(TURNS):
        began = call.now
        response = f"r{number}"
        at, total_ms = began, 0.0
        call.at(at, on.ResponseStarted(response))
        for item in range(rng.randint(1, 3)):
            turn = f"{number}.{item}"
            fill = bytes([number, item])
            for _ in range(rng.randint(2, 12)):
                ms = rng.choice([40, 100, 250, 400])
                at += ms / 1000 / rng.uniform(2, 10)
                total_ms += ms
                call.at(at, on.AgentAudio(response, turn, b64encode(fill * (4 * ms)).decode(), ms))
            call.at(at, on.AgentTurnEnded(turn))
        generated_at = at
        speech_at = began + rng.uniform(0.1, total_ms / 1000 * 1.1)
        call.at(speech_at, on.CallerStartedSpeaking(f"c{number}"))
        call.at(max(generated_at, speech_at) + 0.01, on.ResponseEnded(response, "completed"))
        call.at(speech_at + 0.5, on.CallerStoppedSpeaking(f"c{number}"))
        call.at(speech_at + 0.5, on.CallerTurnEnded(f"c{number}"))
        call.run(max(generated_at, speech_at) + 1.0)


def played_ms(phone: PhoneLine) -> dict[tuple[int, int], float]:
    """What was really played of each item, by the bytes of its audio."""
    played: dict[tuple[int, int], float] = {}
    for chunk in phone.playout.chunks:
        item = (chunk.audio[0], chunk.audio[1])
        played[item] = played.get(item, 0) + chunk.played_ms
    return played


def test_what_the_bridge_truncates_is_what_the_phone_has_played():
    rng = random.Random(20)
    call = SimulatedCall(Network(delay_ms=2, jitter_ms=8), rng)
    interrupted_turns(call, rng)
    call.run(call.now + 1)

    assert call.phone.warnings == []
    assert len(call.phone.clears) == call.clears > TURNS / 2
    assert call.phone.playout.played_bytes(call.now) == sum(chunk.length for chunk in call.phone.playout.chunks)
    played = played_ms(call.phone)
    errors = []
    for turn, heard_ms in call.cuts.items():
        number, item = (int(part) for part in turn.split("."))
        errors.append(played.get((number, item), 0.0) - heard_ms)
    print(f"{len(errors)} cuts: median {statistics.median(errors):.1f} ms, worst {max(errors):.1f} ms")
    assert min(errors) >= 0
    assert statistics.median(errors) <= 20
    assert max(errors) <= 40

    for chunk in call.phone.playout.chunks:
        if f"{chunk.audio[0]}.{chunk.audio[1]}" not in call.cuts:
            assert chunk.length == len(chunk.audio)  # what was not cut was heard to its end
    for clear in call.phone.clears:
        before = max(chunk.audio[0] for chunk in call.phone.playout.chunks if chunk.queued_at <= clear.at)
        after = [chunk.audio[0] for chunk in call.phone.playout.chunks if chunk.queued_at > clear.at]
        assert all(number > before for number in after)  # nothing stale
