"""The session object: what `session.update` and `response.create` may hold, validated all or nothing.

OpenAI Realtime API, session object and response parameters (GA). One field is ours: `session.dialogue`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from phoneagent.agents.dialogue import Dialogue
from phoneagent.local.audio import Format
from phoneagent.local.protocol import RealtimeError


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Pcm(_Model):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class Pcmu(_Model):
    type: Literal["audio/pcmu"]


class Pcma(_Model):
    type: Literal["audio/pcma"]


AudioFormat = Annotated[Pcm | Pcmu | Pcma, Field(discriminator="type")]


class ServerVad(_Model):
    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(default=0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0, le=5000)
    silence_duration_ms: int = Field(default=500, ge=0, le=10000)
    idle_timeout_ms: int | None = Field(default=None, ge=5000, le=30000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(_Model):
    type: Literal["semantic_vad"]
    eagerness: Literal["auto", "low", "medium", "high"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True

    def as_server_vad(self) -> ServerVad:
        """The same patience, in silence: the engine does not know when a thought is complete."""
        silence_ms = {"low": 1200, "auto": 700, "medium": 700, "high": 400}[self.eagerness]
        return ServerVad(
            silence_duration_ms=silence_ms,
            create_response=self.create_response,
            interrupt_response=self.interrupt_response,
        )


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class Transcription(_Model):
    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    prompt: str | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(_Model):
    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


class AudioInput(_Model):
    format: AudioFormat = Pcm()
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = ServerVad()


class CustomVoice(_Model):
    id: str


class AudioOutput(_Model):
    format: AudioFormat = Pcm()
    voice: str | CustomVoice = "marin"
    speed: float = Field(default=1.0, ge=0.25, le=1.5)


class Audio(_Model):
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class FunctionTool(_Model):
    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] = {}


class ToolChoice(_Model):
    type: Literal["function"]
    name: str


class Reasoning(_Model):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None


class RetentionRatio(_Model):
    type: Literal["retention_ratio"]
    retention_ratio: float = Field(ge=0, le=1)
    token_limits: dict[str, int] | None = None


def _is_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{name!r} is not a time zone") from None
    return name


class AgentDialogue(Dialogue):
    """Our extension: the dialogue of the agent's file, and where it is "today"; None: where the engine is."""

    timezone: Annotated[str, AfterValidator(_is_time_zone)] | None = None

    def today(self) -> dt.date:
        return dt.datetime.now(ZoneInfo(self.timezone) if self.timezone else None).date()


Modality = Literal["text", "audio"]
MaxTokens = Annotated[int, Field(ge=1)] | Literal["inf"]


class Session(_Model):
    """The effective session. The engine speaks with one voice per response and has no use for some fields."""

    type: Literal["realtime"]
    object: Literal["realtime.session"] = "realtime.session"
    id: str | None = None
    expires_at: int | None = None
    model: str | None = None
    instructions: str = ""
    output_modalities: list[Modality] = Field(default=["audio"], min_length=1, max_length=1)
    audio: Audio = Audio()
    tools: list[FunctionTool] = []
    tool_choice: Literal["none", "auto", "required"] | ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: MaxTokens = "inf"
    truncation: Literal["auto", "disabled"] | RetentionRatio = "auto"
    tracing: Literal["auto"] | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    include: list[str] | None = None
    dialogue: AgentDialogue | None = None

    @property
    def input_format(self) -> Format:
        return self.audio.input.format.type

    @property
    def vad(self) -> ServerVad | None:
        detection = self.audio.input.turn_detection
        return detection.as_server_vad() if isinstance(detection, SemanticVad) else detection

    @property
    def language(self) -> str:
        transcription = self.audio.input.transcription
        return (transcription.language if transcription else None) or "en"


class ResponseOutput(_Model):
    format: AudioFormat | None = None
    voice: str | CustomVoice | None = None


class ResponseAudio(_Model):
    output: ResponseOutput = ResponseOutput()


class ResponseRequest(_Model):
    """The parameters of `response.create`; None leaves the session's."""

    instructions: str | None = None
    output_modalities: list[Modality] | None = Field(default=None, min_length=1, max_length=1)
    audio: ResponseAudio = ResponseAudio()
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: MaxTokens | None = None
    conversation: Literal["auto", "none"] = "auto"
    metadata: dict[str, str] | None = None
    prompt: dict[str, Any] | None = None
    input: list[dict[str, Any]] | None = None


_CONTAINERS = ("audio", "input", "output")  # of which an update may hold a part; everything else it replaces
_READ_ONLY = ("id", "object", "expires_at", "model")
M = TypeVar("M", bound=BaseModel)


def updated(session: Session, changes: Any) -> Session:
    """The session with the changes of a `session.update`. Raises RealtimeError, and then nothing has changed."""
    if not isinstance(changes, dict):
        raise RealtimeError("missing_required_parameter", "Missing required parameter: 'session'.", "session")
    if "type" not in changes:
        raise RealtimeError("missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type")
    changes = {name: value for name, value in changes.items() if name not in _READ_ONLY}
    current = session.model_dump(exclude={"dialogue"}) | {"dialogue": session.dialogue}
    return validated(Session, _merged(current, changes), "session")


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        nested = name in _CONTAINERS and isinstance(value, dict) and isinstance(old.get(name), dict)
        merged[name] = _merged(old[name], value) if nested else value
    return merged


def validated(model: type[M], data: Any, name: str) -> M:
    """Validate `data`, which the client calls `name`. Raises RealtimeError with the first problem."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _refusal(error, name, data) from error


def _refusal(error: ValidationError, name: str, data: Any) -> RealtimeError:
    problem = error.errors(include_url=False)[0]
    path = [name]
    part: Any
    for part in problem["loc"]:  # pydantic names the branches of unions too, which the client did not write
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int)):
            data = data[part]
        elif problem["type"] != "missing" or part != problem["loc"][-1]:
            continue
        path.append(str(part))
    param = ".".join(path)
    context, given = problem.get("ctx", {}), problem["input"]
    match problem["type"]:
        case "extra_forbidden":
            return RealtimeError("unknown_parameter", f"Unknown parameter: '{param}'.", param)
        case "missing":
            return RealtimeError("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
        case "literal_error" | "union_tag_invalid":
            expected = context.get("expected") or context.get("expected_tags")
            return RealtimeError("invalid_value", f"Invalid value: {given!r}. Supported values are: {expected}.", param)
        case "greater_than_equal" if isinstance(given, int):
            return RealtimeError(
                "integer_below_min_value",
                f"Invalid '{param}': integer below minimum value. Expected a value >= {context['ge']}, but got "
                f"{given} instead.",
                param,
            )
        case _:
            return RealtimeError("invalid_value", f"Invalid value for '{param}': {problem['msg']}.", param)
