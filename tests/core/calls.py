"""A call for tests: a bridge, a clock that is moved by hand, and words for what happens."""

from __future__ import annotations

from collections.abc import Iterable

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Idle, Limits, Line, ToolPolicy
from phoneagent.core.bridge import CallBridge
from phoneagent.core.commands import Command, Commands
from phoneagent.core.costs import Usage
from phoneagent.core.errors import Problem
from phoneagent.core.events import Event, ResponseStatus

FRAME = "/" * 214 + "8="  # 160 bytes of silence

QUIET = Agent("test", greeting=None)


def seconds(s: float) -> str:
    """Base64 text of the length that `s` seconds of µ-law have."""
    return "/" * (int(s * 8000 * 4 / 3) // 4 * 4)


class TestCall:
    """`call.at(seconds)` moves the clock, running what falls due; the verbs pass events and return commands."""

    __test__ = False

    def __init__(self, agent: Agent = QUIET, *, ready: bool = True, **tools: ToolPolicy) -> None:
        self.bridge = CallBridge(agent, began=0.0, tools=tools)
        self.now = 0.0
        self.done: list[Command] = []  # everything that was ever commanded
        self._responses = 0
        if ready:
            self.happens(on.SessionReady())
            self.happens(on.StreamStarted())

    def happens(self, event: Event) -> Commands:
        commands = self.bridge.receive(event, self.now)
        self.done += commands
        return commands

    def at(self, time: float) -> Commands:
        """Move the clock; returns what fell due on the way."""
        commands: list[Command] = []
        while self.bridge.deadline is not None and self.bridge.deadline <= time:
            self.now = max(self.now, self.bridge.deadline)
            commands += self.bridge.tick(self.now)
        self.now = time
        self.done += commands
        return tuple(commands)

    # The agent

    def responds(self, response: str = "r1") -> Commands:
        return self.happens(on.ResponseStarted(response))

    def speaks(self, s: float, turn: str = "a1", response: str = "r1") -> Commands:
        return self.happens(on.AgentAudio(response, turn, seconds(s), s * 1000))

    def says(self, s: float, turn: str = "a1", response: str = "r1", text: str = "") -> Commands:
        """A whole turn: all its audio and, in `text`, its words."""
        commands: Commands = ()
        if text:
            commands += self.happens(on.AgentText(turn, text))
        commands += self.speaks(s, turn, response)
        return commands + self.happens(on.AgentTurnEnded(turn))

    def response_ends(self, response: str = "r1", status: ResponseStatus = "completed", code: str = "",
                      message: str = "", usage: Usage | None = None) -> Commands:  # fmt: skip
        return self.happens(on.ResponseEnded(response, status, Problem(code, message) if code else None, usage))

    def answers(self, s: float, turn: str = "a1", response: str = "r1", text: str = "") -> Commands:
        """A whole response of one turn."""
        commands = self.responds(response)
        commands += self.says(s, turn, response, text)
        return commands + self.response_ends(response)

    def calls_tool(self, name: str, tool_call: str = "t1", response: str = "r1", arguments: str = "{}") -> Commands:
        return self.happens(on.ToolCalled(response, tool_call, name, arguments))

    def wants(self, name: str, tool_call: str, arguments: str = "{}") -> Commands:
        """A whole response without a word that calls a tool."""
        response = f"for-{tool_call}"
        commands = self.responds(response)
        commands += self.calls_tool(name, tool_call, response, arguments)
        return commands + self.response_ends(response)

    def tool_ends(self, tool_call: str = "t1", output: str = "done", *, ran: bool = True) -> Commands:
        return self.happens(on.ToolFinished(tool_call, output, ran))

    # The caller

    def caller_speaks(self, turn: str = "c1") -> Commands:
        return self.happens(on.CallerStartedSpeaking(turn))

    def caller_stops(self, turn: str = "c1", text: str = "") -> Commands:
        commands = self.happens(on.CallerStoppedSpeaking(turn))
        commands += self.happens(on.CallerTurnEnded(turn))
        if text:
            commands += self.happens(on.CallerTranscript(turn, text, final=True))
        return commands

    def frames(self, n: int, audio: str = FRAME) -> list[Commands]:
        return [self.happens(on.CallerAudio(audio)) for _ in range(n)]

    def says_something(self, turn: str, text: str = "Yes.") -> Commands:
        """A turn of the caller's while the agent is silent, which the session answers without a word."""
        commands = self.caller_speaks(turn)
        commands += self.caller_stops(turn, text)
        commands += self.responds(f"to-{turn}")
        return commands + self.response_ends(f"to-{turn}")

    def leaves(self) -> Commands:
        """The service takes the caller out of the stream."""
        return self.happens(on.CallerLeaving()) + self.happens(on.StreamEnded())

    # The phone

    def marks(self) -> list[str]:
        """The marks sent and not yet returned by `plays`."""
        return [command.mark for command in self.done if isinstance(command, do.SendMark)]

    def returns(self, *marks: str) -> Commands:
        return tuple(command for mark in marks for command in self.happens(on.MarkReached(mark)))

    def plays_all(self) -> Commands:
        """Every mark that was ever sent comes back: all is heard."""
        return self.returns(*self.marks())

    def plays(self, s: float) -> Commands:
        """`s` seconds pass, in which everything is heard."""
        return self.at(self.now + s) + self.plays_all()

    # What came of it

    def count(self, kind: type[Command]) -> int:
        return sum(isinstance(command, kind) for command in self.done)

    def ends(self) -> list[do.EndCall]:
        return [command for command in self.done if isinstance(command, do.EndCall)]

    def turns(self) -> list[tuple[str, str, str]]:
        return [(turn.speaker, turn.text, turn.unheard) for turn in self.bridge.transcript.turns]


def output_of(commands: Iterable[Command], tool_call: str) -> str:
    """The one output that is posted for a tool call."""
    (output,) = (c.output for c in commands if isinstance(c, do.SendToolOutput) and c.tool_call_id == tool_call)
    return output


def without_reports(commands: Iterable[Command]) -> Commands:
    return tuple(command for command in commands if not isinstance(command, do.ReportTurn))


__all__ = [
    "FRAME",
    "QUIET",
    "Agent",
    "BargeIn",
    "Idle",
    "Limits",
    "Line",
    "TestCall",
    "ToolPolicy",
    "output_of",
    "seconds",
    "without_reports",
]
