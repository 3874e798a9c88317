"""The front matter of an agent file: its keys, what they may hold, and the agent that they make.

Ranges and values of the session's fields: OpenAI Realtime API, session object; see docs/protocols.md.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from phoneagent.agents.dialogue import Dialogue
from phoneagent.agents.values import (
    BargeIn,
    Greeting,
    Keys,
    MaxOutputTokens,
    Number,
    Off,
    OwnNumber,
    Spoken,
    Text,
    Transcription,
    TranscriptionKeys,
    Truncation,
    Voice,
    off_as_none,
)
from phoneagent.core import agents as core
from phoneagent.core import models
from phoneagent.core.agents import Agent, Line

_DEFAULT = Agent(name="")
_IDLE = core.Idle()


class TurnDetection(Keys):
    """How the engine hears where the caller's turn begins and ends."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    """By loudness and silence, or by what was said."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """server_vad: how loud speech must be."""
    prefix_padding_ms: int | None = Field(default=None, ge=0)
    """server_vad: how much audio from before the speech belongs to it."""
    silence_duration_ms: int | None = Field(default=_DEFAULT.turn_detection.silence_duration_ms, ge=0)
    """server_vad: how much silence ends a turn."""
    idle_timeout_ms: int | None = Field(default=None, ge=5000, le=30_000)
    """server_vad: after how much silence the engine speaks by itself; `idle` knows what was heard."""
    eagerness: Literal["auto", "low", "medium", "high"] | None = None
    """semantic_vad: how soon a turn counts as ended."""

    @field_validator("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "eagerness")
    @classmethod
    def _belongs_to_type(cls, value: Any, info: ValidationInfo) -> Any:
        owner = "semantic_vad" if info.field_name == "eagerness" else "server_vad"
        if info.data.get("type", owner) != owner:
            raise ValueError(f"belongs to type: {owner}")
        return value

    def build(self) -> core.TurnDetection:
        given = self.model_dump()
        if self.type == "semantic_vad":
            given["silence_duration_ms"] = None
        return core.TurnDetection(**given)


class Idle(Keys):
    """What happens when the caller says nothing."""

    after_s: float = Field(default=_IDLE.after_s, gt=0, le=600)
    """Seconds after the agent was last heard."""
    times: int = Field(default=_IDLE.times, ge=0, le=20)
    """How often the agent asks before it says goodbye."""
    prompt: Spoken = _IDLE.prompt
    """What the agent then asks."""
    goodbye: Spoken = _IDLE.goodbye
    """What it says before it hangs up."""

    def build(self, language: str) -> core.Idle:
        return core.Idle(
            after_s=self.after_s,
            times=self.times,
            prompt=_said(self, "prompt", language),
            goodbye=_said(self, "goodbye", language),
        )


class Limits(Keys):
    """How long a call may last."""

    max_minutes: float = Field(default=_DEFAULT.limits.max_minutes, gt=0, le=60)
    """Minutes from the answer to the hang-up."""
    warn_s: float = Field(default=_DEFAULT.limits.warn_s, ge=0)
    """How many seconds before the end the agent says so."""
    warning: Spoken = _DEFAULT.limits.warning
    """What it then says."""
    goodbye: Spoken = _DEFAULT.limits.goodbye
    """What it says at the end."""

    def build(self, language: str) -> core.Limits:
        return core.Limits(
            max_minutes=self.max_minutes,
            warn_s=self.warn_s,
            warning=_said(self, "warning", language),
            goodbye=_said(self, "goodbye", language),
        )


class Dtmf(Keys):
    """How keys that the caller presses become one message."""

    terminator: str = Field(default=_DEFAULT.dtmf.terminator, pattern=r"^[0-9*#A-D]?$")
    """The key that ends the message, in quotes; "" for none."""
    length: int | None = Field(default=None, ge=1, le=64)
    """The number of keys that makes it complete."""
    pause_s: float = Field(default=_DEFAULT.dtmf.pause_s, gt=0, le=60)
    """Seconds without a key after which it is complete."""

    @field_validator("terminator", mode="before")
    @classmethod
    def _comment(cls, value: Any) -> Any:
        if value is None:
            raise ValueError('write it in quotes ("#"): without them, # begins a comment')
        return str(value) if isinstance(value, int) else value


class FrontMatter(Keys):
    """The front matter of an agent file of phoneagent."""

    extends: str | None = None
    """The name of an agent whose front matter this one inherits, all but its numbers."""
    numbers: list[OwnNumber] = Field(default=[])
    """The telephone numbers that the agent answers; "*" for every number that no other agent claims."""
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$")
    """The language that the agent begins in, as in en, de or pt-BR. Default: en."""
    timezone: str = _DEFAULT.timezone
    """The time zone of {{now}}, as in Europe/Berlin."""

    model: str = Field(default=_DEFAULT.model, min_length=1)
    """The speech-to-speech model; on Azure, the deployment."""
    voice: Voice = _DEFAULT.voice
    """The agent's voice."""
    speed: float = Field(default=_DEFAULT.speed, ge=0.25, le=1.5)
    """The speed of its speech; 1 is normal."""
    reasoning: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """How much the model thinks before it answers. For reasoning models."""
    turn_detection: TurnDetection = TurnDetection()
    noise_reduction: Annotated[
        Literal["near_field", "far_field"] | None,
        BeforeValidator(off_as_none, json_schema_input_type=Literal["near_field", "far_field"] | Off),
    ] = _DEFAULT.noise_reduction
    """Filters noise before the model hears it: near_field (a handset), far_field (a loudspeaker) or off."""
    transcription: Transcription = TranscriptionKeys()
    """The recognition that writes down the caller's words: a model, its settings, or off."""
    truncation: Truncation = _DEFAULT.truncation
    """What is done when the conversation outgrows the model: auto, disabled, or the ratio that is kept."""
    max_output_tokens: MaxOutputTokens = _DEFAULT.max_output_tokens
    """The longest response, tool calls included."""

    tools: list[str] = Field(default=list(_DEFAULT.tools))
    """The names of the tools that the agent may use."""
    tool_choice: str = _DEFAULT.tool_choice
    """auto, none, required, or the one tool to be used."""
    transfer: dict[str, Number] = Field(default={})
    """To whom the agent may transfer the caller: names and numbers."""

    greeting: Greeting = _DEFAULT.greeting
    """The agent's first words; none to wait for the caller."""
    barge_in: BargeIn = _DEFAULT.barge_in.after_ms
    """Whether the caller's speech stops the agent: always, never, or after so much of it."""
    protect_greeting: bool = _DEFAULT.barge_in.protect_greeting
    """Whether the greeting is always heard to its end."""
    idle: Annotated[Idle | None, BeforeValidator(off_as_none, json_schema_input_type=Idle | Off)] = Idle()
    limits: Limits = Limits()
    dtmf: Dtmf = Dtmf()
    apology: Text = _DEFAULT.apology
    """What the carrier says when the agent itself no longer can."""
    dialogue: Dialogue | None = None
    """What the embedded engine talks about when it has no language model."""

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str) -> str:
        zones = available_timezones()
        if value not in zones:
            nearest = get_close_matches(value, zones, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else "write one as in Europe/Berlin"
            raise ValueError(f"unknown time zone {value!r}: {hint}")
        return value

    @field_validator("model")
    @classmethod
    def _speaks_realtime(cls, value: str) -> str:
        if not models.speaks_realtime(value):
            raise ValueError(f"{value} doesn't speak the Realtime protocol; use {_DEFAULT.model}")
        return value

    @field_validator("reasoning")
    @classmethod
    def _model_reasons(cls, value: str | None, info: ValidationInfo) -> str | None:
        model = info.data.get("model", _DEFAULT.model)
        if value and not models.reasons(model):
            raise ValueError(f"{model} doesn't reason: leave this out, or use {_DEFAULT.model}")
        return value

    @field_validator("tool_choice")
    @classmethod
    def _choice_is_tool(cls, value: str, info: ValidationInfo) -> str:
        if value not in ("auto", "none", "required", *info.data.get("tools", [value])):
            raise ValueError(f"must be auto, none, required or one of the agent's tools, got {value!r}")
        return value

    @field_validator("dialogue")
    @classmethod
    def _tools_of_dialogue(cls, value: Dialogue | None, info: ValidationInfo) -> Dialogue | None:
        tools = info.data.get("tools")
        if value is None or tools is None:
            return value
        lacking = [
            InitErrorDetails(
                type=PydanticCustomError("unknown_tool", "must be one of the agent's tools"),
                loc=("intents", name, "tool"),
                input=intent.tool,
            )
            for name, intent in value.intents.items()
            if intent.tool and intent.tool not in tools
        ]
        if lacking:
            raise ValidationError.from_exception_data("dialogue", lacking)
        return value

    def build(self, name: str, prompt: str, version: str) -> Agent:
        """The agent of this front matter."""
        language = self.language or _DEFAULT.language
        return Agent(
            name=name,
            prompt=prompt,
            version=version,
            numbers=tuple(dict.fromkeys(self.numbers)),
            greeting=_said(self, "greeting", language),
            language=language,
            timezone=self.timezone,
            model=self.model,
            voice=self.voice,
            speed=self.speed,
            reasoning=self.reasoning,
            turn_detection=self.turn_detection.build(),
            noise_reduction=self.noise_reduction,
            transcription=core.Transcription(
                model=self.transcription.model,
                language=self.transcription.language,
                prompt=self.transcription.prompt,
                keywords=tuple(self.transcription.keywords),
            ),
            truncation=self.truncation,
            max_output_tokens=self.max_output_tokens,
            tool_choice=self.tool_choice,
            tools=tuple(dict.fromkeys(self.tools)),
            transfer={name: core.Destination(number) for name, number in self.transfer.items()},
            barge_in=core.BargeIn(self.barge_in, self.protect_greeting),
            idle=self.idle.build(language) if self.idle else None,
            limits=self.limits.build(language),
            dtmf=core.Dtmf(self.dtmf.terminator, self.dtmf.length, self.dtmf.pause_s),
            apology=self.apology,
            # what was not said stays unsaid: the dialogue's own validation tells the two apart
            dialogue=self.dialogue.model_dump(mode="json", exclude_unset=True) if self.dialogue else None,
        )


def _said(keys: Keys, field: str, language: str) -> Any:
    """A line as the file has it; the default one in the agent's language."""
    line = getattr(keys, field)
    if not isinstance(line, Line) or field in keys.model_fields_set or language.split("-")[0] == "en":
        return line
    return Line(f"Say to the caller, in the language {language!r} and not in English: {line.text}", exact=False)
