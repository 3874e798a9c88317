"""Groups of keys of the front matter: how the agent hears, waits, ends and reads keys."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from phoneagent.agents.values import Dollars, Keys, OverLimit, Spoken
from phoneagent.core import agents as core
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
            prompt=said(self, "prompt", language),
            goodbye=said(self, "goodbye", language),
        )


class Limits(Keys):
    """How long a call may last, and what it may cost."""

    max_minutes: float = Field(default=_DEFAULT.limits.max_minutes, gt=0, le=60)
    """Minutes from the answer to the hang-up."""
    warn_s: float = Field(default=_DEFAULT.limits.warn_s, ge=0)
    """How many seconds before the end the agent says so."""
    warning: Spoken = _DEFAULT.limits.warning
    """What it then says."""
    goodbye: Spoken = _DEFAULT.limits.goodbye
    """What it says at the end."""
    call_usd: Dollars | None = None
    """US dollars that a call may cost."""
    day_usd: Dollars | None = None
    """US dollars that the agent's calls of a day (UTC) may cost together."""
    number_day_usd: Dollars | None = None
    """US dollars that those of a day may cost on one of its numbers."""
    over_limit: OverLimit = None
    """What happens when one of these is used up: goodbye, or a transfer."""

    def build(self, language: str) -> core.Limits:
        return core.Limits(
            max_minutes=self.max_minutes,
            warn_s=self.warn_s,
            warning=said(self, "warning", language),
            goodbye=said(self, "goodbye", language),
            call_usd=self.call_usd,
            day_usd=self.day_usd,
            number_day_usd=self.number_day_usd,
            over_limit=self.over_limit,
        )


class Dtmf(Keys):
    """How keys that the caller presses become one message."""

    terminator: str = Field(default=_DEFAULT.dtmf.terminator, pattern=r"^[0-9*#A-D]?$")
    """The key that ends the message, in quotes; "" for none."""
    length: int | None = Field(default=None, ge=1, le=64)
    """The number of keys that makes it complete."""
    pause_s: float = Field(default=_DEFAULT.dtmf.pause_s, gt=0, le=60)
    """Seconds without a key after which it is complete."""
    secure: bool = False
    """Whether the keys are a secret, such as a PIN, of which no record and no recording is made."""

    @field_validator("terminator", mode="before")
    @classmethod
    def _comment(cls, value: Any) -> Any:
        if value is None:
            raise ValueError('write it in quotes ("#"): without them, # begins a comment')
        return str(value) if isinstance(value, int) else value


def said(keys: Keys, field: str, language: str) -> Any:
    """A line as the file has it; the default one in the agent's language."""
    line = getattr(keys, field)
    return line if not isinstance(line, Line) or field in keys.model_fields_set else in_language(line, language)


def in_language(line: Line, language: str) -> Line:
    """One of our lines, which are English, for an agent of any language."""
    if language.split("-")[0] == "en":
        return line
    return Line(f"Say to the caller, in the language {language!r} and not in English: {line.text}", exact=False)
