"""A call at random: a phone that is honest, and a session and a service that do what they like in any order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import (
    Agent,
    BargeIn,
    Dtmf,
    Filler,
    Idle,
    Limits,
    Line,
    Recording,
    ToolPolicy,
    Transcription,
)
from phoneagent.core.commands import Command
from phoneagent.core.errors import Problem

TOOLS = {
    "look_up": ToolPolicy(while_running=Filler(Line("One moment."), after_ms=200)),
    "search": ToolPolicy(on_barge_in="cancel", while_running=Filler(None, after_ms=100)),
    "pay": ToolPolicy(side_effects=True),
    "order": ToolPolicy(confirm=True),
    "book": ToolPolicy(confirm=True, side_effects=True, after_speech=True, on_barge_in="cancel"),
    "transfer_call": ToolPolicy(after_speech=True, while_running=Filler(None, after_ms=300)),
    "wait": ToolPolicy(silent=True),
    "hand_over": ToolPolicy(),
}


def agent(random: Random) -> Agent:
    return Agent(
        random.choice(("ada", "bob")),
        voice=random.choice(("marin", "cedar")),
        greeting=random.choice((None, Line("Hello"), Line("Greet them", exact=False))),
        barge_in=BargeIn(random.choice((0, 0, 200, None)), random.random() < 0.3),
        idle=random.choice((None, Idle(after_s=2, times=1))),
        limits=Limits(max_minutes=random.choice((0.5, 15)), warn_s=10),
        transcription=random.choice((Transcription(), Transcription(model=None))),
        dtmf=Dtmf(random.choice(("#", "0")), length=random.choice((None, 4)), secure=random.random() < 0.3),
        recording=random.choice(
            (Recording(), Recording("on"), Recording("on", Line("Recorded")), *[Recording("ask")] * 3)
        ),
    )


class Phone:
    """Plays what arrives, in real time, behind a network that delays in order; knows how much of a turn was heard."""

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
                self._stop(at)
                self._marks = [(mark, min(reached, at)) for mark, reached in self._marks]

    def leave(self, now: float) -> None:
        """The stream is over, and no mark comes back."""
        self._stop(now)
        self._marks.clear()

    def _stop(self, at: float) -> None:
        self._played = [(t, begin, min(end, at)) for t, begin, end in self._played if begin < at]
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


@dataclass
class Session:
    """What one session has said and been asked. Its ids are its own: the next one uses them again."""

    number: int
    ready: bool = False
    alive: bool = True  # until it has ended or was replaced; nothing comes of it then
    expired: bool = False  # it has said that it is about to end
    active: set[str] = field(default_factory=set)
    asked: bool = False
    called: dict[str, on.ToolCalled] = field(default_factory=dict)
    remote: set[str] = field(default_factory=set)
    posted: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)  # tool calls that were run and have no output yet

    def in_call(self, session_id: str) -> str:
        """An id as it is unique in the call."""
        return session_id if self.number == 1 else f"{self.number}/{session_id}"


class Chaos:
    """Chooses events, weighted towards what makes a conversation; most ids are from a small pool, so that they meet."""

    def __init__(self, random: Random, name: str) -> None:
        self.random = random
        self.name = name
        self.session = Session(1)
        self.running: set[str] = set()  # tool calls, by their ids in the call
        self.started = False
        self.streaming = False
        self.leaving = False
        self.away = False
        self.taken_over = False  # and the operator's connection is there

    def event(self, n: int) -> on.Event:
        random = self.random
        if self.leaving and random.random() < 0.1:
            return random.choice((on.StreamEnded(), on.StreamEnded(), on.CallerStays(), on.CallerConnected("desk")))
        if self.away and random.random() < 0.1:
            return random.choices(
                (on.StreamStarted(), on.CallerReturning("Back."), on.CallerConnected("desk"), on.StreamEnded(),
                 on.CallerGone("completed"), on.CallerStays()),
                (20, 20, 8, 8, 0.3, 0.1),
            )[0]  # fmt: skip
        if not self.session.ready and self.session.alive and random.random() < 0.1:
            return on.SessionReady()
        if random.random() < 0.08:
            return self._of_service()
        if random.random() < (0.2 if self.taken_over else 0.01):
            return self._of_operator(n)
        if not self.session.alive or random.random() < 0.2:
            return self._of_caller()
        return self._of_session(n)

    def lull(self) -> list[on.Event]:
        """What brings all talk to an end."""
        if not self.session.alive:
            return []
        ends = [on.ResponseEnded(response, "completed") for response in sorted(self.session.active)]
        return [on.CallerStoppedSpeaking("c"), *ends]

    def _of_caller(self) -> on.Event:
        if self.random.random() < 0.01:
            return on.CallerWrote("some words")
        if self.random.random() < 0.05:
            return on.DigitPressed(self.random.choice("0123456789*##"))
        if self.started and not self.leaving and not self.away and self.random.random() < 0.001:
            return on.StreamEnded()
        return on.CallerAudio(self.name + self.random.choice(("gICA" * 54, "////" * 54)))

    def _of_service(self) -> on.Event:
        random = self.random
        tool = random.choice([*sorted(self.running), "t0"])
        kind = random.choices(
            ("done", "leaving", "changed", "machine", "money", "connected", "gone"), (90, 6, 3, 0.1, 0.1, 0.3, 0.1)
        )[0]
        match kind:
            case "leaving" if self.streaming:
                return on.CallerLeaving()
            case "changed":
                return on.AgentChanged(tool, agent(random), TOOLS)
            case "machine":
                return on.MachineAnswered(random.choice((None, "Please call back.")))
            case "money":
                return on.MoneyUsedUp("limits.call_usd")
            case "connected":
                return on.CallerConnected("desk")
            case "gone":
                return on.CallerGone("completed")
        return on.ToolFinished(tool, "done", ran=random.random() < 0.6)

    def _of_operator(self, n: int) -> on.Event:
        random = self.random
        if self.taken_over and random.random() < 0.85:
            return on.OperatorAudio(f"{self.name} operator {n}", random.choice((20, 20, 20, 300)))
        return random.choice(
            (on.Whispered("They are angry."), on.SayRequested(f"A word {n}"), on.TakenOver(), on.HandedBack())
        )

    def _of_session(self, n: int) -> on.Event:
        random, session = self.random, self.session
        active = session.active
        response = random.choice(sorted(active)) if active and random.random() < 0.8 else f"x{n // 40}"
        turn = f"{response}-{random.randrange(3)}"
        caller_turn = f"c{n // 30}"
        problem = Problem(random.choice(("server_error", "rate_limit_exceeded", "invalid_value")), "try again in 1s")
        kind = random.choices(
            ("agent audio", "turn ended", "started", "ended", "refused", "speaks", "stops", "committed", "tool",
             "remote", "remote done", "approval", "text", "transcript", "added", "too long", "error", "end_call",
             "consent", "lost"),
            (30, 6, 5, 6, 1, 3, 3, 3, 6, 0.5, 1, 0.5, 3, 2, 3, 1, 0.3, 0.1, 0.5, 0.05),
        )[0]  # fmt: skip
        match kind:
            case "agent audio":
                audio = f"{self.name} {response} {n}"
                return on.AgentAudio(response, turn, audio, random.choice((20, 100, 400)))
            case "turn ended":
                return on.AgentTurnEnded(turn)
            case "started":
                return on.ResponseStarted(next(iter(active), f"r{n % 300}"))
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
                return on.CallerTurnEnded(caller_turn, silent=random.random() < 0.2)
            case "tool":
                return self._tool_call(n)
            case "remote":
                return on.RemoteToolStarted(response, f"m{n // 20}")
            case "remote done":
                return on.RemoteToolEnded(random.choice([*sorted(session.remote), "m"]))
            case "approval":
                return on.ApprovalRequested(f"q{n}", random.choice([*TOOLS, "rm"]), self._arguments())
            case "end_call":
                return on.ToolCalled(response, f"end{n}", "end_call", "{}")
            case "consent":
                given = random.choice(('{"given": true}', '{"given": true}', '{"given": false}', "{}"))
                return on.ToolCalled(next(iter(active), f"unseen{n}"), f"consent{n}", "recording_consent", given)
            case "text":
                return on.AgentText(turn, "some words ")
            case "transcript":
                return on.CallerTranscript(caller_turn, random.choice(("", "words")), final=random.random() < 0.5)
            case "added":
                return on.TurnAdded(turn, random.choice((None, "agent")), random.choice((None, caller_turn)))
            case "too long":
                return on.TruncationRefused(turn, random.randrange(-5, 400))
            case "error":
                return on.SessionErrored(problem)
        return random.choice((on.SessionEnded(Problem("close:1006")), on.SessionErrored(Problem("session_expired"))))

    def _tool_call(self, n: int) -> on.ToolCalled:
        """A response makes its calls before it ends; it may have begun before we were told of it."""
        tool_call_id = f"t{n // 10}"
        if tool_call_id in self.session.called:
            return self.session.called[tool_call_id]
        response = next(iter(self.session.active), f"unseen{n}")
        return on.ToolCalled(response, tool_call_id, self.random.choice(list(TOOLS)), self._arguments())

    def _arguments(self) -> str:
        order = {"dish": "soup", "n": self.random.choice((1, 2))}
        pairs = list(order.items())
        self.random.shuffle(pairs)
        return json.dumps(dict(pairs))
