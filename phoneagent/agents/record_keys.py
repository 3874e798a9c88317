"""Keys of the front matter for the record of a call: how long it is kept, what is left out, what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationInfo, field_validator

from phoneagent.agents.groups import in_language
from phoneagent.agents.tool_keys import Json
from phoneagent.agents.values import Keys, Spoken, plain_text, refusals
from phoneagent.core import agents as core
from phoneagent.core.redaction import KINDS, Kind, Pattern, PatternError

_NEVER_KEPT = ("card", "cvv")

Days = Annotated[int, Field(ge=1, le=36_500)]


class RecordingKeys(Keys):
    """Whether calls are recorded, and what the agent says of it before its greeting."""

    mode: Literal["off", "on", "ask"]
    """ask: only the calls of callers who agree."""
    line: Spoken | None = None
    """What it says: with on, an announcement; with ask, the question."""

    @field_validator("line")
    @classmethod
    def _is_of_use(cls, value: core.Line | None, info: ValidationInfo) -> core.Line | None:
        if value is not None and info.data.get("mode") == "off":
            raise ValueError("belongs to mode: on or mode: ask")
        return value

    def build(self, language: str) -> core.Recording:
        line = self.line
        if self.mode == "ask" and line is None:
            line = in_language(core.QUESTION, language)
        return core.Recording(self.mode, line)


def _recording(value: Any) -> RecordingKeys:
    if isinstance(value, dict):
        return RecordingKeys.model_validate(value)
    if isinstance(value, bool):
        value = "on" if value else "off"
    if value not in ("off", "on", "ask"):
        raise ValueError(f"must be off, on, ask or {{mode: on or ask, line: a text}}, got {value!r}")
    return RecordingKeys(mode=value)


RecordingValue = Annotated[
    RecordingKeys,
    PlainValidator(_recording, json_schema_input_type=Literal["off", "on", "ask"] | bool | RecordingKeys),
    PlainSerializer(lambda keys: keys.mode),
]


class RetentionKeys(Keys):
    """For how many days after a call its record is kept. Default: until somebody deletes it."""

    call_days: Days | None = None
    """Days for all of it."""
    recording_days: Days | None = None
    """Days for the recording."""
    transcript_days: Days | None = None
    """Days for what was said, done and taken down, the summary included."""

    @field_validator("recording_days", "transcript_days")
    @classmethod
    def _within_the_call(cls, value: int | None, info: ValidationInfo) -> int | None:
        call_days = info.data.get("call_days")
        if value is not None and call_days is not None and value > call_days:
            raise ValueError(
                f"the whole record goes after {call_days} days (call_days): write that or less, got {value}"
            )
        return value

    def build(self) -> core.Retention:
        return core.Retention(**self.model_dump())


class AfterCallKeys(Keys):
    """What a language model makes of the transcript once the call is over."""

    summary: bool = False
    """Whether it writes a summary."""
    prompt: Annotated[str, Field(min_length=1), BeforeValidator(plain_text)] | None = None
    """What the summary is to tell, and how."""
    extract: dict[str, Json] | None = Field(default=None, min_length=1)
    """What it is to find: names, each with a description or a JSON Schema; or one whole JSON Schema of type object."""

    @field_validator("extract")
    @classmethod
    def _each_is_described(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and not _is_schema(value):
            reason = "must be a description, or a JSON Schema as in {type: integer, description: …}"
            strange = [name for name, field in value.items() if not isinstance(field, str | dict)]
            if strange:
                raise refusals({(name,): reason for name in strange})
        return value

    def build(self) -> core.AfterCall:
        return core.AfterCall(self.summary, self.prompt, None if self.extract is None else _schema(self.extract))


def _is_schema(extract: Mapping[str, Any]) -> bool:
    return extract.get("type") == "object"


def _schema(extract: Mapping[str, Any]) -> Mapping[str, Any]:
    """The whole JSON Schema. In the short form each field is there, null if nothing was said of it."""
    if _is_schema(extract):
        return extract
    described = {
        name: {"type": "string", "description": field} if isinstance(field, str) else field
        for name, field in extract.items()
    }
    return {
        "type": "object",
        "properties": {name: {"anyOf": [field, {"type": "null"}]} for name, field in described.items()},
        "required": list(described),
        "additionalProperties": False,
    }


class RedactionKeys(Keys):
    """What is taken out of the record before it is kept."""

    kinds: list[Kind] = Field(default=list(KINDS))
    """The kinds that are known; card and cvv are always among them."""
    patterns: dict[str, str] = Field(default={})
    """Regular expressions by names, which then stand in brackets where one of them matched."""

    @field_validator("kinds")
    @classmethod
    def _cards_are_never_kept(cls, value: list[Kind]) -> list[Kind]:
        if missing := [kind for kind in _NEVER_KEPT if kind not in value]:
            raise ValueError(f"cards are never kept: add {' and '.join(missing)}")
        return value

    @field_validator("patterns")
    @classmethod
    def _patterns_end_in_time(cls, value: dict[str, str]) -> dict[str, str]:
        reasons: dict[tuple[str | int, ...], str] = {}
        for name, regex in value.items():
            try:
                Pattern(name, regex)
            except PatternError as error:
                reasons[name,] = str(error)
        if reasons:
            raise refusals(reasons)
        return value

    def build(self) -> core.Redaction:
        return core.Redaction(tuple(dict.fromkeys(self.kinds)), self.patterns)
