"""An agent, as the call sees it: values only. Files, validation and numbers are in `phoneagent.agents`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Line:
    """Something that the agent is to say: these very words, or an instruction on what to say."""

    text: str
    exact: bool = True

    @property
    def spoken(self) -> str | None:
        """The words, for somebody else to speak; None where only the agent could find them."""
        return self.text if self.exact else None


@dataclass(frozen=True, slots=True)
class BargeIn:
    """When the caller's speech stops the agent.

    `after_ms`: of speech while the agent is heard; 0 is at once, None is never.
    `protect_greeting`: the greeting is always heard to its end.
    """

    after_ms: int | None = 0
    protect_greeting: bool = False

    @property
    def by_session(self) -> bool:
        """Whether the engine may interrupt and answer by itself, which is faster than asking the bridge."""
        return self.after_ms == 0 and not self.protect_greeting


@dataclass(frozen=True, slots=True)
class Idle:
    """What happens when the caller says nothing for `after_s` after the agent was last heard."""

    after_s: float = 8.0
    times: int = 2
    prompt: Line = Line("Are you still there?")
    goodbye: Line = Line("I can't hear you, so I will end the call now. Goodbye!")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may last; the warning is spoken `warn_s` before the end."""

    max_minutes: float = 15.0
    warn_s: float = 60.0
    warning: Line = Line("I'm sorry, we have about one minute left.")
    goodbye: Line = Line("I'm sorry, our time is up. Thank you for calling, goodbye!")


@dataclass(frozen=True, slots=True)
class Dtmf:
    """How keys become one message: at the terminator, at `length` digits, or after a pause."""

    terminator: str = "#"
    length: int | None = None
    pause_s: float = 2.0


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """The engine's turn detection. None leaves a field to the engine's default.

    `threshold`, `prefix_padding_ms`, `silence_duration_ms` and `idle_timeout_ms` belong to `server_vad`,
    `eagerness` to `semantic_vad` (OpenAI Realtime API, session.audio.input.turn_detection).
    """

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = 500
    idle_timeout_ms: int | None = None
    eagerness: Literal["auto", "low", "medium", "high"] | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """The separate recognition that writes down the caller's words; `model` None leaves it off."""

    model: str | None = "gpt-live-transcribe"
    language: str | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers: the prompt and everything that its file can say. Defaults are those of an empty file."""

    name: str
    prompt: str = field(repr=False, default="")
    version: str = ""  # hash of the file and of what it extends
    numbers: tuple[str, ...] = ()  # E.164, or "*"
    greeting: Line | None = Line("Hello! How can I help you?")
    language: str = "en"
    timezone: str = "UTC"
    # the session
    model: str = "gpt-realtime-2.1"
    voice: str = "marin"  # a name, or the id of a custom voice: voice_…
    speed: float = 1.0
    reasoning: str | None = None
    turn_detection: TurnDetection = TurnDetection()
    noise_reduction: Literal["near_field", "far_field"] | None = "near_field"
    transcription: Transcription = Transcription()
    truncation: str | float = "auto"  # "auto", "disabled", or the ratio that is retained
    max_output_tokens: int | None = None  # None: no limit
    tool_choice: str = "auto"  # "auto", "none", "required", or a tool's name
    # the call
    tools: tuple[str, ...] = ("end_call",)
    transfer: Mapping[str, str] = field(default_factory=dict)
    barge_in: BargeIn = BargeIn()
    idle: Idle | None = Idle()
    limits: Limits = Limits()
    dtmf: Dtmf = Dtmf()
    apology: str = "I'm sorry, something went wrong on our side. Please call again in a moment."
    dialogue: Mapping[str, Any] | None = None  # for the embedded engine, in place of a model
