"""Random calls: whatever happens in whatever order, design.md §3 holds.

The session is chaos: it starts, ends, refuses and repeats what it likes, about turns, responses and tool calls that
exist or don't. The phone is honest, as Twilio is: it plays in real time, behind a network that delays in order.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from random import Random

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Dtmf, Idle, Limits, Line, Transcription
from phoneagent.core.bridge import CallBridge
from phoneagent.core.commands import Command
from phoneagent.core.errors import Problem

EVENTS = int(os.environ.get("PHONEAGENT_RANDOM_EVENTS", "200000"))


class Phone:
    """Plays what arrives, in real time; knows of every turn how much was heard."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._arrives = 0.0  # when the last message arrived: the network keeps the order
        self._returns = 0.0
        self._dry = 0.0  # when everything queued will have been played
        self._played: list[tuple[str, float, float]] = []  # turn, from, to
        self._marks: list[tuple[str, float]] = []  # mark, when it is reached

    def _delay(self) -> float:
        return self._random.choice((0.0, 0.005, 0.02, 0.2))

    def sent(self, now: float) -> None:
        """What is sent at one moment travels together."""
        self._arrives = max(self._arrives, now + self._delay())

    def take(self, command: Command, turn: str | None = None, ms: float = 0.0) -> None:
        at = self._arrives
        match command:
            case do.PlayAudio():
                begin = max(at, self._dry)
                self._dry = begin + ms / 1000
                assert turn is not None
                self._played.append((turn, begin, self._dry))
            case do.SendMark(mark):
                self._marks.append((mark, max(at, self._dry)))
            case do.ClearPlayout():
                self._played = [(t, begin, min(end, at)) for t, begin, end in self._played if begin < at]
                self._marks = [(mark, min(reached, at)) for mark, reached in self._marks]
                self._dry = at

    def returned(self, now: float) -> list[tuple[str, float]]:
        """Marks that are back by now, and when each came."""
        back = []
        while self._marks and max(self._returns, self._marks[0][1]) <= now:
            mark, reached = self._marks.pop(0)
            self._returns = min(max(self._returns, reached + self._delay()), now)
            back.append((mark, self._returns))
        return back

    def heard_ms(self, turn: str, now: float) -> float:
        return sum(max(0.0, min(end, now) - begin) * 1000 for t, begin, end in self._played if t == turn)


class Watched:
    """A call whose every command is checked."""

    def __init__(self, random: Random, name: str) -> None:
        self.random = random
        self.name = name
        self.bridge = CallBridge(_agent(random), began=0.0)
        self.phone = Phone(random)
        self.now = 0.0
        self.events = 0
        self.ready = False
        self.active: set[str] = set()
        self.asked = False
        self.ends = 0
        self.turn_of: dict[str, str] = {}
        self.ms_of: dict[str, float] = {}
        self.sent_ms: defaultdict[str, float] = defaultdict(float)
        self.cleared: set[str] = set()
        self.ran: set[str] = set()
        self.calls_of: defaultdict[str, set[str]] = defaultdict(set)
        self.response_of: dict[str, str] = {}
        self.open_outputs: defaultdict[str, set[str]] = defaultdict(set)
        self.posted: set[str] = set()

    def happens(self, event: on.Event) -> None:
        self.events += 1
        match event:
            case on.SessionReady():
                self.ready = True
            case on.ResponseStarted(response_id):
                self.active.add(response_id)
                self.asked = False
            case on.ResponseEnded(response_id):
                self.active.discard(response_id)
            case on.ResponseRefused():
                self.asked = False
            case on.AgentAudio(_, turn_id, audio, ms):
                self.turn_of[audio], self.ms_of[audio] = turn_id, ms
        self.check(self.bridge.receive(event, self.now))

    def at(self, time: float) -> None:
        for mark, at in self.phone.returned(time):
            self._tick_until(at)
            self.happens(on.MarkReached(mark))
            if self.random.random() < 0.02:
                self.happens(on.MarkReached(mark))
        self._tick_until(time)

    def _tick_until(self, time: float) -> None:
        time = max(self.now, time)
        for _ in range(100):
            due = self.bridge.deadline
            if due is None or due > time:
                break
            self.now = max(self.now, due)
            self.check(self.bridge.tick(self.now), tick=True)
        else:
            pytest.fail(f"{self.name}: a deadline that never passes")
        self.now = time

    def check(self, commands: do.Commands, *, tick: bool = False) -> None:
        self.phone.sent(self.now)
        for command in commands:
            assert not self.ends, "7: nothing follows the end"
            match command:
                case do.PlayAudio(audio):
                    assert audio.startswith(self.name), "3: audio of this call only"
                    turn = self.turn_of[audio]
                    assert turn not in self.cleared, "1: no audio of a turn that was cleared"
                    self.sent_ms[turn] += self.ms_of[audio]
                    self.phone.take(command, turn, self.ms_of[audio])
                case do.SendMark():
                    self.phone.take(command)
                case do.ClearPlayout():
                    self.cleared |= {turn for turn in self.sent_ms if not self._heard_out(turn)}
                    self.phone.take(command)
                case do.TruncateTurn(turn_id, heard_ms) if turn_id in self.sent_ms:
                    heard = self.phone.heard_ms(turn_id, self.now)
                    assert 0 <= heard_ms <= heard + 0.01, f"2: {heard_ms} ms claimed, {heard} heard"
                    assert heard <= self.sent_ms[turn_id] + 0.01, "2: heard is at most what was sent"
                case do.AppendAudio(audio):
                    assert audio.startswith(self.name), "3: audio of this call only"
                    assert self.ready, "6: no audio before the formats are confirmed"
                case do.RequestResponse():
                    assert not self.active, "4: one response at a time"
                    assert not self.asked or tick, "4: one request at a time"
                    for response, waiting in self.open_outputs.items():
                        assert not waiting or not self.calls_of[response] & self.posted, "4: all outputs first"
                    self.asked = True
                case do.RunTool(tool_call_id):
                    assert tool_call_id not in self.ran, "5: a tool call runs once"
                    self.ran.add(tool_call_id)
                    response = self.response_of[tool_call_id]
                    self.calls_of[response].add(tool_call_id)
                    self.open_outputs[response].add(tool_call_id)
                case do.SendToolOutput(tool_call_id):
                    self.posted.add(tool_call_id)
                    for waiting in self.open_outputs.values():
                        waiting.discard(tool_call_id)
                case do.EndCall():
                    self.ends += 1

    def _heard_out(self, turn: str) -> bool:
        return self.phone.heard_ms(turn, self.now) >= self.sent_ms[turn] - 0.01


def _agent(random: Random) -> Agent:
    return Agent(
        "random",
        greeting=random.choice((None, Line("Hello"), Line("Greet them", exact=False))),
        barge_in=BargeIn(random.choice((0, 0, 200, None)), random.random() < 0.3),
        idle=random.choice((None, Idle(after_s=2, times=1))),
        limits=Limits(max_minutes=random.choice((0.5, 15)), warn_s=10),
        transcription=random.choice((Transcription(), Transcription(model=None))),
        dtmf=Dtmf(length=random.choice((None, 4))),
    )


def _random_event(call: Watched) -> on.Event:
    """Anything, weighted towards what makes a conversation; most ids are from a small pool, so that they meet."""
    random = call.random
    n = call.events
    response = random.choice(sorted(call.active)) if call.active and random.random() < 0.8 else f"x{n // 40}"
    turn = f"{response}-{random.randrange(3)}"
    caller_turn = f"c{n // 30}"
    tool_call = random.choice([*sorted(call.ran - call.posted), f"t{n // 10}"])
    problem = Problem(random.choice(("server_error", "rate_limit_exceeded", "invalid_value")), "try again in 1s")
    kind = random.choices(
        ("audio", "agent audio", "turn ended", "started", "ended", "refused", "speaks", "stops", "committed",
         "tool", "tool done", "text", "transcript", "added", "digit", "too long", "error", "end_call", "lost", "gone"),
        (20, 30, 6, 5, 6, 1, 3, 3, 3, 3, 4, 3, 2, 3, 1, 1, 0.3, 0.1, 0.02, 0.03),
    )[0]  # fmt: skip
    match kind:
        case "audio":
            return on.CallerAudio(call.name + random.choice(("gICA" * 54, "////" * 54)))
        case "agent audio":
            audio = f"{call.name} {response} {n}"
            return on.AgentAudio(response, turn, audio, random.choice((20, 100, 400)))
        case "turn ended":
            return on.AgentTurnEnded(turn)
        case "started":
            return on.ResponseStarted(next(iter(call.active), f"r{n}"))
        case "ended":
            status = random.choices(("completed", "cancelled", "incomplete", "failed"), (8, 3, 1, 1))[0]
            return on.ResponseEnded(response, status, problem if status == "failed" else None)
        case "refused":
            return on.ResponseRefused()
        case "speaks":
            return on.CallerStartedSpeaking(caller_turn)
        case "stops":
            return on.CallerStoppedSpeaking(caller_turn)
        case "committed":
            return on.CallerTurnEnded(caller_turn, silent=random.random() < 0.1)
        case "tool":
            # A response makes its calls before it ends; it may have begun before we were told of it.
            call.response_of.setdefault(f"t{n // 10}", next(iter(call.active), f"unseen{n}"))
            return on.ToolCalled(call.response_of[f"t{n // 10}"], f"t{n // 10}", "look_up", "{}")
        case "end_call":
            return on.ToolCalled(response, f"end{n}", "end_call", "{}")
        case "tool done":
            return on.ToolFinished(tool_call, "done")
        case "text":
            return on.AgentText(turn, "some words ")
        case "transcript":
            return on.CallerTranscript(caller_turn, random.choice(("", "words")), final=random.random() < 0.5)
        case "added":
            return on.TurnAdded(turn, random.choice((None, "agent")), random.choice((None, caller_turn)))
        case "digit":
            return on.DigitPressed(random.choice("0123456789*#"))
        case "too long":
            return on.TruncationRefused(turn, random.randrange(-5, 400))
        case "error":
            return on.SessionErrored(problem)
        case "lost":
            return on.SessionEnded(Problem(random.choice(("close:1006", "session_expired"))))
    return on.StreamEnded()


@pytest.mark.parametrize("part", range(8))
def test_a_random_call_keeps_the_invariants(part):
    events = 0  # that met a living call
    for seed in itertools.count(part, 8):
        random = Random(seed)
        call = Watched(random, f"call{seed:04d}")
        opening: list[on.Event] = [on.SessionReady(), on.StreamStarted()]
        random.shuffle(opening)
        for n in range(1000):
            if opening and random.random() < 0.2:
                call.happens(opening.pop())
            call.happens(_random_event(call))
            if call.ends:
                break
            if n % 4 == 0:
                call.at(call.now + random.choice((0.0, 0.02, 0.02, 0.1, 0.5)))
            events += 1
        call.happens(on.StreamEnded())
        assert call.ends == 1, "7: exactly one end"
        if events >= EVENTS // 8:
            break
