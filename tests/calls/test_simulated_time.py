"""Thousands of barge-ins in simulated time: the bridge and the phone, both pure, with a network between them."""

import random
from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from statistics import median

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent
from phoneagent.core.bridge import CallBridge
from phoneagent.simulate.audio import SILENT_FRAME
from phoneagent.simulate.caller import Action, CallerSide
from phoneagent.simulate.line import PhoneLine, StreamIdentity
from phoneagent.simulate.network import DelayedLine, Network
from phoneagent.twilio.wire import Encoder, StreamOpening, parse

STREAM_SID = "MZ" + "0" * 32
IDENTITY = StreamIdentity("AC" + "0" * 32, "CA" + "0" * 32, STREAM_SID)
SAMPLE_MS = 0.125
QUIET = Agent("test", greeting=None, idle=None)
DELTA_MS, AUDIO = 120, "VVVV" * 320  # 120 ms


class Listener:
    """A caller who says nothing."""

    def __init__(self) -> None:
        self.utterances = []
        self.notes = []

    def act(self, now: float, heard: object) -> Action:
        return Action(SILENT_FRAME)


class Call:
    """A bridge and a phone, joined in simulated time; `at` schedules what the session does."""

    def __init__(
        self, network: Network, rng: random.Random, agent: Agent = QUIET, caller: CallerSide | None = None
    ) -> None:
        self.now = 0.0
        self.bridge = CallBridge(agent, 0.0)
        self.phone = PhoneLine(IDENTITY, caller or Listener())
        self.to_session: list[do.Command] = []
        self.chunks_of: dict[str, list[int]] = {}  # by turn: their numbers in the phone's queue
        self._line = DelayedLine(self.phone, network, rng)
        self._encode = Encoder(STREAM_SID).encode
        self._planned: list[tuple[float, int, on.Event]] = []
        self._order = count()
        self._queued = count()
        self._happens(on.SessionReady())
        self._arrive(self._line.open(0.0))
        self.run(until=0.1)  # the stream is open

    def plan(self, at: float, event: on.Event) -> None:
        heappush(self._planned, (at, next(self._order), event))

    def run(self, until: float) -> None:
        while True:
            planned = self._planned[0][0] if self._planned else until
            self.now = min(planned, self._line.deadline, self.bridge.deadline or until, until)
            if self.now >= until:
                return
            if planned <= self.now:
                self._happens(heappop(self._planned)[2])
            elif self.bridge.deadline is not None and self.bridge.deadline <= self.now:
                self._do(self.bridge.tick(self.now))
            else:
                self._arrive(self._line.tick(self.now))

    def _arrive(self, messages: list[str]) -> None:
        for message in messages:
            event = parse(message, STREAM_SID)
            if isinstance(event, StreamOpening):
                self._happens(on.StreamStarted())
            elif event is not None:
                self._happens(event)

    def _happens(self, event: on.Event) -> None:
        commands = self.bridge.receive(event, self.now)
        if type(event) is on.AgentAudio and any(type(command) is do.PlayAudio for command in commands):
            self.chunks_of.setdefault(event.turn_id, []).append(next(self._queued))
        self._do(commands)

    def _do(self, commands: do.Commands) -> None:
        arrived: list[str] = []
        for command in commands:
            if isinstance(command, do.PlayAudio | do.SendMark | do.ClearPlayout):
                arrived += self._line.receive(self._encode(command), self.now)
            else:
                self.to_session.append(command)
        self._arrive(arrived)


def interrupt_again_and_again(network: Network, barge_ins: int, rng: random.Random) -> tuple[list[float], Counter[str]]:
    """What was played of each item that was cut, less what the session was told; and what became of all items."""
    call = Call(network, rng)
    items: list[str] = []
    for n in range(barge_ins):
        at, speed = call.now, rng.choice((50.0, 3.0, 1.3, 0.7))
        call.plan(at, on.ResponseStarted(f"r{n}"))
        pieces = 0
        for k in range(rng.randint(1, 3)):
            items.append(f"i{n}.{k}")
            for _ in range(rng.randint(1, 4)):
                call.plan(at + pieces * DELTA_MS / 1000 / speed, on.AgentAudio(f"r{n}", items[-1], AUDIO, DELTA_MS))
                pieces += 1
            call.plan(at + (pieces - 0.5) * DELTA_MS / 1000 / speed, on.AgentTurnEnded(items[-1]))
        length_s = pieces * DELTA_MS / 1000
        call.run(at + rng.uniform(0, length_s + 0.05))
        call.plan(call.now, on.CallerStartedSpeaking(f"c{n}"))
        call.plan(call.now + 0.005, on.ResponseEnded(f"r{n}", "cancelled"))
        call.plan(call.now + 0.01, on.CallerStoppedSpeaking(f"c{n}"))
        call.plan(call.now + 0.01, on.CallerTurnEnded(f"c{n}"))
        call.run(at + length_s / min(speed, 1.0) + 0.1)  # what still comes must not be heard
    return judge(call, items)


def judge(call: Call, items: list[str]) -> tuple[list[float], Counter[str]]:
    truncated = {command.turn_id: command.heard_ms for command in call.to_session if type(command) is do.TruncateTurn}
    deleted = {command.turn_id for command in call.to_session if type(command) is do.DeleteTurn}
    errors: list[float] = []
    fates: Counter[str] = Counter()
    for item in items:
        chunks = [call.phone.playout.chunks[number] for number in call.chunks_of.get(item, [])]
        played_ms = sum(chunk.played_ms for chunk in chunks)
        if item in truncated:
            fates["truncated"] += 1
            errors.append(played_ms - truncated[item])
        elif item in deleted:
            fates["deleted"] += 1
            errors.append(played_ms)
        elif chunks:
            fates["heard out"] += 1
            assert played_ms == len(chunks) * DELTA_MS, item
    return errors, fates


@pytest.mark.parametrize(
    ("network", "least_ms", "most_ms"),
    [
        (Network(), 0, 1),
        (Network(delay_ms=25), 0, 51),  # a mark's way back and a clear's way out, in which the phone plays on
        (Network(delay_ms=10, jitter_ms=10), -10, 41),  # audio may be later than the mark in front of it
    ],
    ids=["no delay", "25 ms each way", "10 to 20 ms each way"],
)
def test_the_session_is_told_what_the_caller_heard(
    network: Network, least_ms: float, most_ms: float, figure: Callable[[str], None]
):
    errors: list[float] = []
    fates: Counter[str] = Counter()
    for seed in range(4):
        more, of_these = interrupt_again_and_again(network, 250, random.Random(seed))
        errors, fates = errors + more, fates + of_these
    figure(
        f"1000 barge-ins in simulated time, {network.delay_ms:g} to {network.delay_ms + network.jitter_ms:g} ms a way, "
        f"{len(errors)} items cut: played less told is {median(errors):.1f} ms in the median, "
        f"{min(errors):.1f} to {max(errors):.1f} ms"
    )
    assert min(fates["truncated"], fates["deleted"], fates["heard out"]) > 200
    assert least_ms - SAMPLE_MS <= min(errors)
    assert max(errors) <= most_ms
