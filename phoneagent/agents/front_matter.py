"""The front matter of an agent file: its keys, what they may hold, and the agent that they make.

Ranges and values of the session's fields: OpenAI Realtime API, session object; see docs/protocols.md.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from phoneagent.agents.call_keys import (
    Country,
    DestinationKeys,
    DestinationValue,
    HoldMusic,
    OutboundKeys,
    SmsKeys,
    refused,
)
from phoneagent.agents.dialogue import Dialogue
from phoneagent.agents.groups import Dtmf, Idle, Limits, TurnDetection, said
from phoneagent.agents.numbers import COUNTRIES
from phoneagent.agents.record_keys import AfterCallKeys, RecordingKeys, RecordingValue, RedactionKeys, RetentionKeys
from phoneagent.agents.tool_keys import HttpToolKeys, McpKeys, ServerName, Tool, named
from phoneagent.agents.values import (
    BargeIn,
    Greeting,
    Keys,
    MaxOutputTokens,
    Off,
    OnOff,
    OwnNumber,
    Text,
    Transcription,
    TranscriptionKeys,
    Truncation,
    Voice,
    off_as_none,
    refusals,
)
from phoneagent.core import agents as core
from phoneagent.core import models
from phoneagent.core.agents import Agent

_DEFAULT = Agent(name="")
_HAND_OVER = "hand_over"  # the built-in tool that a handoff needs
_CONSENT = "recording_consent"  # the one that `recording: ask` needs


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

    model: str = Field(default=_DEFAULT.model, min_length=1, max_length=models.LONGEST)
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

    handoff: list[str] = Field(default=[])
    """The names of the agents that may take over the call."""
    tools: list[Tool] = Field(default=list(_DEFAULT.tools))
    """The tools that the agent may use: names, names with options, and HTTP tools."""
    tool_choice: str = _DEFAULT.tool_choice
    """auto, none, required, or the one tool to be used."""
    mcp: dict[ServerName, McpKeys] = Field(default={})
    """Servers of further tools (Model Context Protocol), by names of your choice."""
    countries: list[Country] = Field(default=[])
    """The countries to which the agent may transfer, text and call. Default: those of its numbers."""
    transfer: dict[str, DestinationValue] = Field(default={})
    """To whom the agent may transfer the caller: names and numbers."""
    sms: SmsKeys = SmsKeys()
    outbound: OutboundKeys = OutboundKeys()
    hold_music: HoldMusic | None = None
    """A WAV file, its path from where the folder of agents is."""
    recording: RecordingValue = RecordingKeys(mode="off")
    """Whether calls are recorded while this agent has them: off, on, or ask (the caller)."""
    redaction: RedactionKeys = RedactionKeys()
    retention: RetentionKeys = RetentionKeys()
    after_call: AfterCallKeys = AfterCallKeys()
    event_log: OnOff = _DEFAULT.event_log
    """Whether all that happens in a call is kept, so that it can be replayed: on or off."""

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

    @field_validator("tools")
    @classmethod
    def _tools_are_declared_once(cls, value: list[Any]) -> list[Any]:
        for tool in value:
            if not isinstance(tool, str) and [named(other) for other in value].count(named(tool)) > 1:
                raise ValueError(f"the tool {named(tool)!r} is there twice")
        return value

    @field_validator("tool_choice")
    @classmethod
    def _choice_is_tool(cls, value: str, info: ValidationInfo) -> str:
        tools = _tool_names(info.data)
        if tools is not None and value not in ("auto", "none", "required", *tools):
            raise ValueError(f"must be auto, none, required or one of the agent's tools, got {value!r}")
        return value

    @field_validator("transfer")
    @classmethod
    def _destinations_may_be_called(
        cls, value: dict[str, DestinationKeys], info: ValidationInfo
    ) -> dict[str, DestinationKeys]:
        _refuse({name: to.number for name, to in value.items()}, info)
        return value

    @field_validator("limits")
    @classmethod
    def _somebody_takes_over(cls, value: Limits, info: ValidationInfo) -> Limits:
        people = info.data.get("transfer")
        if value.over_limit is not None and people is not None and value.over_limit not in people:
            reason = f"must be one of the names in transfer, got {value.over_limit!r}"
            raise refusals({("over_limit", "transfer"): reason})
        return value

    @field_validator("sms")
    @classmethod
    def _others_may_be_texted(cls, value: SmsKeys, info: ValidationInfo) -> SmsKeys:
        _refuse(value.numbers, info, "numbers")
        return value

    @field_validator("dialogue")
    @classmethod
    def _tools_of_dialogue(cls, value: Dialogue | None, info: ValidationInfo) -> Dialogue | None:
        tools = _tool_names(info.data)
        if value is None or tools is None:
            return value
        strangers = {
            name: intent.tool for name, intent in value.intents.items() if intent.tool and intent.tool not in tools
        }
        if strangers:
            reason = "must be one of the agent's tools, got {!r}"
            raise refusals({("intents", name, "tool"): reason.format(tool) for name, tool in strangers.items()})
        return value

    def build(self, name: str, prompt: str, version: str) -> Agent:
        """The agent of this front matter."""
        language = self.language or _DEFAULT.language
        handoff = [other for other in self.handoff if other != name]  # inherited by one of them, perhaps
        options = {name: keys for tool in self.tools if not isinstance(tool, str) for name, keys in tool.items()}
        return Agent(
            name=name,
            prompt=prompt,
            version=version,
            numbers=tuple(dict.fromkeys(self.numbers)),
            greeting=said(self, "greeting", language),
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
            tools=tuple(_tool_names({"tools": self.tools, "handoff": handoff, "recording": self.recording}) or ()),
            tool_options={name: policy for name, keys in options.items() if (policy := keys.policy())},
            http_tools={name: keys.build() for name, keys in options.items() if isinstance(keys, HttpToolKeys)},
            mcp={name: server.build() for name, server in self.mcp.items()},
            handoff=tuple(dict.fromkeys(handoff)),
            transfer={name: to.build() for name, to in self.transfer.items()},
            sms=core.Sms(self.sms.numbers, self.sms.templates),
            outbound=self.outbound.build(),
            countries=tuple(dict.fromkeys(self.countries)),
            hold_music=self.hold_music,
            recording=self.recording.build(language),
            redaction=self.redaction.build(),
            retention=self.retention.build(),
            after_call=self.after_call.build(),
            event_log=self.event_log,
            barge_in=core.BargeIn(self.barge_in, self.protect_greeting),
            idle=self.idle.build(language) if self.idle else None,
            limits=self.limits.build(language),
            dtmf=core.Dtmf(**self.dtmf.model_dump()),
            apology=self.apology,
            # what was not said stays unsaid: the dialogue's own validation tells the two apart
            dialogue=self.dialogue.model_dump(mode="json", exclude_unset=True) if self.dialogue else None,
        )


def _tool_names(data: dict[str, Any]) -> list[str] | None:
    """The names of the agent's tools, each once; None if the list can't be read."""
    if "tools" not in data:
        return None
    needed = [_HAND_OVER] if data.get("handoff") else []
    if "recording" in data and data["recording"].mode == "ask":
        needed.append(_CONSENT)
    return list(dict.fromkeys([*map(named, data["tools"]), *needed]))


def _refuse(numbers: dict[str, str], info: ValidationInfo, *place: str) -> None:
    """Raise for those of the numbers, by their names, that the agent may not dial."""
    reasons = refused(
        numbers,
        own=info.data.get("numbers"),
        countries=info.data.get("countries", COUNTRIES),
        region=(info.context or {}).get("region"),
    )
    if reasons:
        raise refusals({(*place, name): reason for name, reason in reasons.items()})
