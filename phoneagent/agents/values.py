"""The forms that a value of the front matter may have, where it has more than one.

Each form is read by one function, so that an error speaks of the form that was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from phoneagent.agents.numbers import EVERY_NUMBER, e164
from phoneagent.core import agents as core
from phoneagent.core import models
from phoneagent.core.agents import Line

_DEFAULT = core.Transcription()


class Keys(BaseModel):
    """A mapping of the file. Unknown keys are refused, and so is a text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def refusals(reasons: Mapping[tuple[str | int, ...], str]) -> ValidationError:
    """Several errors at once, by their places."""
    return ValidationError.from_exception_data(
        "front matter",
        [
            InitErrorDetails(type=PydanticCustomError("refused", "{reason}", {"reason": reason}), loc=place, input=None)
            for place, reason in reasons.items()
        ],
    )


class Instruction(Keys):
    instruction: str = Field(min_length=1)
    """What the agent is told to say, in its own words."""


_TEXT = TypeAdapter(Annotated[str, Field(min_length=1, strict=True)])


def plain_text(value: Any) -> Any:
    """The value as it is, unless somebody expects variables to be filled in."""
    if isinstance(value, str) and "{{" in value:
        raise ValueError("{{…}} is filled in in the prompt only")
    return value


def line(value: Any) -> Line:
    """A line from a text, or from `{instruction: …}`."""
    found = (
        Line(Instruction.model_validate(value).instruction, exact=False)
        if isinstance(value, dict)
        else Line(_TEXT.validate_python(value))
    )
    plain_text(found.text)
    return found


def off_as_none(value: Any) -> Any:
    """None for `off` and `none`. An empty value is refused: it may be a slip."""
    if value is None:
        raise ValueError("has no value; write off if there is to be none")
    return None if value in ("off", "none") or value is False else value


def _greeting(value: Any) -> Line | None:
    return None if off_as_none(value) is None else line(value)


def _number(value: Any, info: ValidationInfo) -> str:
    return e164(str(value), (info.context or {}).get("region"))


def _own_number(value: Any, info: ValidationInfo) -> str:
    return EVERY_NUMBER if value == EVERY_NUMBER else _number(value, info)


_VOICES = ", ".join(models.VOICES)


class _CustomVoice(Keys):
    id: str = Field(min_length=1)
    """The id of a custom voice (voice_…), or the name of a voice that another server has."""


def _voice(value: Any) -> str:
    voice = _CustomVoice.model_validate(value).id if isinstance(value, dict) else value
    if voice in models.SPEECH_API_VOICES:
        raise ValueError(f"{voice!r} is a voice of the speech API only: choose one of {_VOICES}")
    if voice not in models.VOICES and not isinstance(value, dict):
        raise ValueError(
            f"must be one of {_VOICES}, got {voice!r}; a custom voice or one of another server is written {{id: …}}"
        )
    return str(voice)


class _AfterMs(Keys):
    after_ms: int = Field(ge=0, le=10_000)
    """Milliseconds of the caller's speech."""


def _barge_in(value: Any) -> int | None:
    if isinstance(value, dict):
        return _AfterMs.model_validate(value).after_ms
    if value not in ("always", "never"):
        raise ValueError(f"must be always, never or {{after_ms: N}}, got {value!r}")
    return 0 if value == "always" else None


def _on_off(value: Any) -> bool:
    if value not in ("on", "off") and not isinstance(value, bool):
        raise ValueError(f"must be on or off, got {value!r}")
    return value in ("on", True)


def _truncation(value: Any) -> str | float:
    if value in ("auto", "disabled"):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"must be auto, disabled or a ratio above 0 and up to 1, got {value!r}")
    return float(value)


def _max_output_tokens(value: Any) -> int | None:
    if value == "inf":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4096:
        raise ValueError(f"must be a whole number from 1 to 4096, or inf, got {value!r}")
    return value


class TranscriptionKeys(Keys):
    model: str | None = Field(default=_DEFAULT.model, max_length=models.LONGEST)
    """The model that writes down the caller's words."""
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    """What the caller speaks, as in en or de. Default: the agent's language."""
    prompt: str | None = None
    """What the conversation is about. Not for gpt-realtime-whisper."""
    keywords: list[str] = Field(default=[])
    """Names and terms to expect. For gpt-live-transcribe and gpt-transcribe."""

    @field_validator("prompt", "keywords")
    @classmethod
    def _supported(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        option: Any = info.field_name
        if value and model and not models.transcription_takes(model, option):
            raise ValueError(f"{model} takes none; use gpt-live-transcribe or gpt-transcribe")
        return value


def _dollars(value: Any) -> Decimal:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1_000_000:  # NaN fails this too
        raise ValueError(f"must be an amount in US dollars above 0, such as 1.50, got {value!r}")
    return Decimal(str(value))


class _TransferTo(Keys):
    transfer: str = Field(min_length=1)
    """To whom: one of the names in transfer."""


def _over_limit(value: Any) -> str | None:
    if isinstance(value, dict):
        return _TransferTo.model_validate(value).transfer
    if value != "goodbye":
        raise ValueError(f"must be goodbye or {{transfer: a name}}, got {value!r}")
    return None


def _transcription(value: Any) -> TranscriptionKeys:
    if off_as_none(value) is None:
        return TranscriptionKeys(model=None)
    return TranscriptionKeys.model_validate(value if isinstance(value, dict) else {"model": value})


# What the front matter's fields are declared as. The serializers write the defaults of the JSON Schema.
Off = Literal["off", "none"]
Text = Annotated[str, Field(min_length=1)]
Spoken = Annotated[
    Line,
    PlainValidator(line, json_schema_input_type=str | Instruction),
    PlainSerializer(lambda line: line.text),
]
Greeting = Annotated[
    Line | None,
    PlainValidator(_greeting, json_schema_input_type=str | Instruction),
    PlainSerializer(lambda line: line.text if line else "none"),
]
OnOff = Annotated[
    bool,
    PlainValidator(_on_off, json_schema_input_type=Literal["on", "off"] | bool),
    PlainSerializer(lambda on: "on" if on else "off"),
]
OwnNumber = Annotated[str, PlainValidator(_own_number, json_schema_input_type=str | int)]
Voice = Annotated[str, PlainValidator(_voice, json_schema_input_type=models.Voice | _CustomVoice)]
BargeIn = Annotated[
    int | None,
    PlainValidator(_barge_in, json_schema_input_type=Literal["always", "never"] | _AfterMs),
    PlainSerializer(lambda after_ms: "never" if after_ms is None else "always" if after_ms == 0 else after_ms),
]
Truncation = Annotated[
    str | float,
    PlainValidator(
        _truncation, json_schema_input_type=Literal["auto", "disabled"] | Annotated[float, Field(gt=0, le=1)]
    ),
]
MaxOutputTokens = Annotated[
    int | None,
    PlainValidator(_max_output_tokens, json_schema_input_type=Literal["inf"] | Annotated[int, Field(ge=1, le=4096)]),
    PlainSerializer(lambda tokens: tokens or "inf"),
]
Dollars = Annotated[
    Decimal,
    PlainValidator(_dollars, json_schema_input_type=Annotated[float, Field(gt=0, le=1_000_000)]),
]
OverLimit = Annotated[
    str | None,
    PlainValidator(_over_limit, json_schema_input_type=Literal["goodbye"] | _TransferTo),
    PlainSerializer(lambda name: {"transfer": name} if name else "goodbye"),
]
Transcription = Annotated[
    TranscriptionKeys, PlainValidator(_transcription, json_schema_input_type=str | TranscriptionKeys)
]
