"""What a call can ask of its two peers and of the service. Values, like events; audio as in `events`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from phoneagent.core.agents import Agent
from phoneagent.core.transcript import Turn

# To the caller's leg


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Queue audio for the caller."""

    audio: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendMark:
    """Queue a mark, to be returned when everything before it was played."""

    mark: str


@dataclass(frozen=True, slots=True)
class ClearPlayout:
    """Throw away everything queued and not yet played."""


# To the engine's session


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Pass the caller's audio on to the session."""

    audio: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TruncateTurn:
    """Tell the session how much of an agent's turn the caller heard."""

    turn_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class DeleteTurn:
    """Remove a turn of which the caller heard nothing."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Put a text into the conversation: the service's word (`system`), the caller's (`user`), the agent's."""

    role: Literal["system", "user", "assistant"]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendToolOutput:
    """Answer a tool call."""

    tool_call_id: str
    output: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RequestResponse:
    """Ask the session to speak. `instructions` replace the agent's for this response, which then has no tools."""

    instructions: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop a response that is being generated."""

    response_id: str


@dataclass(frozen=True, slots=True)
class AnswerApproval:
    """Say whether the engine's service may run a tool; `reason` is for the model, if not."""

    request_id: str
    approve: bool
    reason: str | None = None


# To the service


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a tool with `arguments`, JSON text as the model wrote it; answered by `ToolFinished` or `AgentChanged`."""

    tool_call_id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CancelTool:
    """Stop a tool that runs; nothing more is expected of it."""

    tool_call_id: str


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """Give the running session the prompt, the tools and the ears of `agent`; what else differs stays as it was."""

    agent: Agent


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open a new session for `agent`, in place of the one there is, of which nothing more is to be told."""

    agent: Agent


@dataclass(frozen=True, slots=True)
class CloseSession:
    """Close the session; nothing more of it is to be told."""


@dataclass(frozen=True, slots=True)
class StartMusic:
    """Play hold music to the caller, until `StopMusic`. Nothing else is queued then."""


@dataclass(frozen=True, slots=True)
class StopMusic:
    """Stop the hold music, and throw away what of it was queued and not played."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record the call from now on."""


@dataclass(frozen=True, slots=True)
class KeepSilence:
    """Keep silence in the recording, in place of both sides, from `before_s` ago until `Record`."""

    before_s: float = 0.0


ConsentHow = Literal["announced", "key", "speech", "none"]


@dataclass(frozen=True, slots=True)
class ReportConsent:
    """What the caller answers to being recorded is known, and how they did.

    `announced`: they heard that they are, and go on; `none`: they did not answer.
    """

    given: bool
    how: ConsentHow


@dataclass(frozen=True, slots=True)
class ReportTurn:
    """A turn of the transcript is new or has changed."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class ReportDigits:
    """The caller has typed something, and is done with it. `secure`: it is a secret, not to be kept."""

    digits: str = field(repr=False)
    secure: bool = False


@dataclass(frozen=True, slots=True)
class ReportTakeOver:
    """Who talks to the caller has changed: an operator (`on`), or the agent again."""

    on: bool


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the call, once. `say` is for the carrier to speak first, when the agent itself no longer can."""

    outcome: str
    reason: str
    say: str | None = None


Command = (
    PlayAudio
    | SendMark
    | ClearPlayout
    | AppendAudio
    | TruncateTurn
    | DeleteTurn
    | AddMessage
    | SendToolOutput
    | RequestResponse
    | CancelResponse
    | AnswerApproval
    | RunTool
    | CancelTool
    | UpdateSession
    | OpenSession
    | CloseSession
    | StartMusic
    | StopMusic
    | Record
    | KeepSilence
    | ReportConsent
    | ReportTurn
    | ReportDigits
    | ReportTakeOver
    | EndCall
)
Commands = tuple[Command, ...]
NOTHING: Commands = ()
