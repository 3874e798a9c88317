"""What is kept of a call, piece by piece, as it happens: values, in the order in which they come.

Every piece says the whole of what it is about, so that one which is kept twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from phoneagent.core.agents import AfterCall, Agent, Redaction, Retention
from phoneagent.core.costs import Direction, Usage
from phoneagent.core.transcript import Turn

Happening = Literal[
    "barge_in",
    "digits",
    "consent",
    "recording",
    "agent_took_over",
    "transfer",
    "machine",
    "limit",
    "engine_error",
    "response_failed",
    "session_lost",
    "message",
    "operator",
]
"""What of a call's events matters to whoever reads its record."""

OperatorAction = Literal["listen", "whisper", "say", "take_over", "hand_back", "transfer", "hang_up"]
"""What an operator does to a call: `action` in the data of the event `operator`."""

LOST = "lost"
"""The outcome of a call whose service died."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is made of calls once they are over: by which rules, in which language and time zone, and without what."""

    after_call: AfterCall
    language: str
    timezone: str
    redaction: Redaction

    @classmethod
    def of(cls, agent: Agent) -> Afterwards | None:
        """Of the calls that an agent answers; None: nothing."""
        if not agent.after_call.wanted:
            return None
        return cls(agent.after_call, agent.language, agent.timezone, agent.redaction)


@dataclass(frozen=True, slots=True)
class AgentKept:
    """A version of an agent, as its files were: `files` by their names, its own first, then what it extends."""

    version: str
    name: str
    files: Mapping[str, str] = field(repr=False)
    at: datetime
    afterwards: Afterwards | None = None


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A call is answered. `caller` is the person's number and `called` ours, whoever dialled."""

    call_id: str
    call_sid: str
    direction: Direction
    caller: str = field(repr=False)
    called: str = field(repr=False)
    agent: str
    agent_version: str
    engine: str
    model: str
    began: datetime
    retention: Retention


@dataclass(frozen=True, slots=True)
class StreamBegan:
    """The caller is on a stream; of several the last is kept, and when the first began."""

    call_id: str
    stream_sid: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """The engine holds a session for the call, called `session_id` in its own words."""

    call_id: str
    session_id: str
    model: str


@dataclass(frozen=True, slots=True)
class TurnKept:
    """A turn of the transcript that holds words, as it is known by now."""

    call_id: str
    turn: Turn


@dataclass(frozen=True, slots=True)
class ToolKept:
    """One run of a tool: what it was asked and what the model was told, JSON both. `at_s` is on the call's clock."""

    call_id: str
    tool_call_id: str
    name: str
    arguments: str = field(repr=False)
    output: str = field(repr=False)
    failed: bool
    at_s: float
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that matters, the `number`th of its call. `at_s` is on the call's clock; `data` is for JSON."""

    call_id: str
    number: int
    at_s: float
    kind: Happening
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call costs, US dollars: the `part` of the cost (a field of `core.costs.Cost`), and for a model its name.

    `usd` is None for what has no price. `usage` is what it was reckoned from, if from tokens or seconds.
    """

    part: str
    model: str
    usd: Decimal | None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class CostPosted:
    """What a call that goes on has cost by now."""

    call_id: str
    usd: Decimal


@dataclass(frozen=True, slots=True)
class CallOver:
    """A call is over. `turns` are those of the transcript by their ids, in their order; each was kept before.

    `duration_s` counts from the first stream. `first_audio_ms`, `latency_ms`: as in `calls.record.CallRecord`, the
    latter the median. `counters`: what went wrong, and how often.
    """

    call_id: str
    ended: datetime
    outcome: str
    reason: str = field(repr=False)
    duration_s: float
    turns: tuple[str, ...]
    charges: tuple[Charge, ...]
    counters: Mapping[str, int]
    first_audio_ms: int | None = None
    latency_ms: int | None = None
    summarize: bool = False  # whether its agent has `Afterwards`


@dataclass(frozen=True, slots=True)
class RecordingKept:
    """The recording of a call, in the file `name` of the recordings' folder. It begins at `at_s` on the call's clock.

    `problem`: what is wrong with it, as in `calls.recording.Recorded`.
    """

    call_id: str
    name: str
    at_s: float
    duration_s: float
    size: int
    sha256: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class MessageTaken:
    """A message that a caller has left. `callback_number` is as they said it, unchecked."""

    message_id: str
    call_id: str
    agent: str
    caller: str = field(repr=False)
    text: str = field(repr=False)
    callback_number: str | None = field(repr=False)
    at: datetime


Entry = (
    AgentKept
    | CallBegan
    | StreamBegan
    | SessionBegan
    | TurnKept
    | ToolKept
    | Happened
    | CostPosted
    | CallOver
    | RecordingKept
    | MessageTaken
)
