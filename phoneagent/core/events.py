"""What can happen to a call. Every event is a value: frozen, compared by content, quiet about audio.

Audio is base64 text of G.711 µ-law at 8 kHz, mono, in any length: the form in which both wires carry it, so a
frame crosses the bridge without being decoded. A `turn_id` names one message of the conversation (an engine's
item), a `response_id` one generation, which may hold several turns and tool calls. A session may keep either
out of order; what belongs together is joined by these ids alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from phoneagent.core.agents import Agent, ToolPolicy
from phoneagent.core.costs import Usage
from phoneagent.core.errors import Problem

Speaker = Literal["caller", "agent"]
ResponseStatus = Literal["completed", "cancelled", "incomplete", "failed"]


# From the caller's leg


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The caller's audio connection is open: what is played from now on is heard."""


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The caller's audio connection is gone: a hang-up, or a fault of the network. Said once."""


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """Some of the caller's audio, usually one frame."""

    audio: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The caller pressed a key: one of 0-9, *, #, A-D."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallerWrote:
    """The caller, who telephones from a browser, has written something instead of saying it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MarkReached:
    """The leg returned a mark: everything queued before it was played, or was cleared."""

    mark: str


# From the engine's session


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The session has confirmed its configuration, the audio formats above all. The engine calls it `session_id`."""

    session_id: str = ""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session could not be opened, was dropped or has expired. Said once."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class CallerStartedSpeaking:
    """The session's voice activity detection heard the caller begin. `turn_id` is the turn to come."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class CallerStoppedSpeaking:
    """The session's voice activity detection heard the caller end, after its window of silence."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class CallerTurnEnded:
    """What the caller said has become a turn of the conversation. `silent`: an idle time-out committed it."""

    turn_id: str
    silent: bool = False


@dataclass(frozen=True, slots=True)
class TurnAdded:
    """An item joined the conversation behind the item `after` (None: unknown or the first).

    `speaker` is None for what nobody says, such as a tool call; it still is a link of the chain.
    """

    turn_id: str
    speaker: Speaker | None
    after: str | None


@dataclass(frozen=True, slots=True)
class CallerTranscript:
    """What the caller said. Partial texts are deltas; the final one is the whole and replaces them."""

    turn_id: str
    text: str = field(repr=False)
    final: bool
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class AgentText:
    """A further piece of the words of an agent's turn; it runs ahead of the audio."""

    turn_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """A further piece of the audio of an agent's turn, `ms` long."""

    response_id: str
    turn_id: str
    audio: str = field(repr=False)
    ms: float


@dataclass(frozen=True, slots=True)
class AgentTurnEnded:
    """All the audio and text of an agent's turn has been received (not: heard)."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """A completed request of the model to run a tool. `arguments` is JSON text as the model wrote it."""

    response_id: str
    tool_call_id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteToolStarted:
    """The engine's service itself runs a tool (of an MCP server); the response may end before it does."""

    response_id: str
    tool_call_id: str


@dataclass(frozen=True, slots=True)
class RemoteToolEnded:
    """Such a tool is done, well or not. The session knows its result, but does not speak of it by itself."""

    tool_call_id: str


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """The engine's service asks whether it may run a tool."""

    request_id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """A response is being generated: one that was requested, or one that the session began by itself."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """A response is over. Comes exactly once for each that started."""

    response_id: str
    status: ResponseStatus
    problem: Problem | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ResponseRefused:
    """The session refused a request for a response because one is active."""


@dataclass(frozen=True, slots=True)
class TruncationRefused:
    """A truncation was longer than the turn's audio, which the session says is `length_ms` long."""

    turn_id: str
    length_ms: int


@dataclass(frozen=True, slots=True)
class SessionErrored:
    """Any other error that the session reported. The session may live on."""

    problem: Problem


# From the service


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool is done, well or not: `output` is what the model is told. `ran` is False if it certainly did nothing."""

    tool_call_id: str
    output: str = field(repr=False)
    ran: bool = True


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """Another agent takes over: the answer to a tool call that asked for it. `tools`: how its tools are run."""

    tool_call_id: str
    agent: Agent
    tools: Mapping[str, ToolPolicy]


@dataclass(frozen=True, slots=True)
class CallerLeaving:
    """The service is about to take the caller out of the stream, whose end then is no hang-up."""


@dataclass(frozen=True, slots=True)
class CallerStays:
    """The caller could not be taken out of the stream, and is still there."""


@dataclass(frozen=True, slots=True)
class CallerConnected:
    """The caller, out of the stream, talks to the person called `to`: the session is not needed meanwhile."""

    to: str


@dataclass(frozen=True, slots=True)
class CallerReturning:
    """The caller is about to be back on a stream; `note` is what the agent must know of where they were."""

    note: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The carrier says that the call is over, which shows when there is no stream to end."""

    reason: str


@dataclass(frozen=True, slots=True)
class MachineAnswered:
    """An answering machine has answered, and it is time to leave `message` and hang up; None: hang up at once."""

    message: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class MoneyUsedUp:
    """The call is to cost no more: `limit`, the key or setting that says so, is used up."""

    limit: str


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """Somebody other than caller and agent wants the call to end: an operator, a drain's deadline.

    `sorry`: it is not what anybody on the call has wanted, and the caller hears the agent's apology.
    """

    reason: str
    sorry: bool = False


# From an operator, who steps into the call


@dataclass(frozen=True, slots=True)
class Whispered:
    """A note for the agent, of which the caller hears nothing."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SayRequested:
    """The agent is to say these very words to the caller."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakenOver:
    """An operator talks to the caller from now on, in the agent's place."""


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The operator leaves the caller to the agent again, or their connection is gone."""


@dataclass(frozen=True, slots=True)
class OperatorAudio:
    """A piece of the operator's audio, `ms` long, for the caller."""

    audio: str = field(repr=False)
    ms: float


Event = (
    StreamStarted
    | StreamEnded
    | CallerAudio
    | DigitPressed
    | CallerWrote
    | MarkReached
    | SessionReady
    | SessionEnded
    | CallerStartedSpeaking
    | CallerStoppedSpeaking
    | CallerTurnEnded
    | TurnAdded
    | CallerTranscript
    | AgentText
    | AgentAudio
    | AgentTurnEnded
    | ToolCalled
    | ResponseStarted
    | ResponseEnded
    | ResponseRefused
    | TruncationRefused
    | SessionErrored
    | ToolFinished
    | RemoteToolStarted
    | RemoteToolEnded
    | ApprovalRequested
    | AgentChanged
    | CallerLeaving
    | CallerStays
    | CallerConnected
    | CallerReturning
    | CallerGone
    | MachineAnswered
    | MoneyUsedUp
    | HangUpRequested
    | Whispered
    | SayRequested
    | TakenOver
    | HandedBack
    | OperatorAudio
)
