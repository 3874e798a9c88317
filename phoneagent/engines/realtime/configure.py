"""The configuration of a session: what is asked for, and whether it is what the server confirmed.

OpenAI Realtime API, `session.update`: the session object of type "realtime".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phoneagent.core.agents import Agent, McpServer, ToolSpec, Transcription, TurnDetection
from phoneagent.core.errors import Problem
from phoneagent.core.models import reasons
from phoneagent.core.secrets import filled
from phoneagent.engines.realtime.targets import AudioFormat

_FORMATS: dict[AudioFormat, dict[str, Any]] = {
    "pcmu": {"type": "audio/pcmu"},  # with a rate, which Live requires here, the update would be refused
    "pcm": {"type": "audio/pcm", "rate": 24000},
}

_TRANSCRIBES_WITH_HINTS = frozenset({"gpt-live-transcribe", "gpt-transcribe"})
_TRANSCRIBES_WITHOUT_PROMPT = frozenset({"gpt-realtime-whisper"})


def session_update(
    agent: Agent,
    prompt: str,
    tools: tuple[ToolSpec, ...],
    audio_format: AudioFormat,
    *,
    servers: Sequence[Mapping[str, Any]] = (),
    dialogue: bool = False,
) -> dict[str, Any]:
    """The `session` object for an agent; with its `dialogue` for the embedded engine, whose extension that is.

    `servers` are those whose tools the engine's service runs, as `mcp_server` makes them. A server takes such an
    object whole or, for one field that it does not like, not at all.
    """
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": prompt,
        "audio": {
            "input": {
                "format": _FORMATS[audio_format],
                "noise_reduction": {"type": agent.noise_reduction} if agent.noise_reduction else None,
                "transcription": _transcription(agent.transcription, agent.language),
                "turn_detection": _turn_detection(agent.turn_detection, by_session=agent.barge_in.by_session),
            },
            "output": {"format": _FORMATS[audio_format], "voice": _voice(agent.voice), "speed": agent.speed},
        },
        **_tools(agent, tools, servers),
        "max_output_tokens": agent.max_output_tokens or "inf",
        "truncation": (
            agent.truncation
            if isinstance(agent.truncation, str)
            else {"type": "retention_ratio", "retention_ratio": agent.truncation}
        ),
    }
    if agent.reasoning and reasons(agent.model):
        session["reasoning"] = {"effort": agent.reasoning}
    if dialogue and agent.dialogue is not None:
        session["dialogue"] = _dialogue(agent)
    return session


def change_of_agent(
    old: Agent,
    new: Agent,
    prompt: str,
    tools: tuple[ToolSpec, ...],
    *,
    servers: Sequence[Mapping[str, Any]] = (),
    dialogue: bool = False,
) -> dict[str, Any]:
    """The `session` object by which a running session goes on as another agent.

    How it listens changes if it differs. What it sounds like, how it thinks and the audio formats stay as they are:
    they can't change any more, or not while a response is generated.
    """
    heard: dict[str, Any] = {}
    transcription = _transcription(new.transcription, new.language)
    if transcription != _transcription(old.transcription, old.language):
        heard["transcription"] = transcription
    detection = _turn_detection(new.turn_detection, by_session=new.barge_in.by_session)
    if detection != _turn_detection(old.turn_detection, by_session=old.barge_in.by_session):
        heard["turn_detection"] = detection
    session = {"type": "realtime", "instructions": prompt, **_tools(new, tools, servers)}
    if heard:
        session["audio"] = {"input": heard}
    if dialogue:
        session["dialogue"] = _dialogue(new)
    return session


def mcp_server(name: str, server: McpServer, secrets: Mapping[str, str]) -> dict[str, Any]:
    """A server whose tools the engine's service runs, as a tool of the session. Raises UnknownSecretError."""
    tool: dict[str, Any] = {
        "type": "mcp",
        "server_label": name,
        "server_url": server.url,
        "require_approval": "always" if server.confirm else "never",
    }
    if server.headers:
        tool["headers"] = {header: filled(text, secrets) for header, text in server.headers.items()}
    if server.tools is not None:
        tool["allowed_tools"] = list(server.tools)
    return tool


def _tools(agent: Agent, tools: tuple[ToolSpec, ...], servers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    functions = [
        {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in tools
    ]
    one = agent.tool_choice not in ("auto", "none", "required")
    return {
        "tools": [*functions, *servers],
        "tool_choice": {"type": "function", "name": agent.tool_choice} if one else agent.tool_choice,
    }


def _dialogue(agent: Agent) -> dict[str, Any] | None:
    return {**agent.dialogue, "timezone": agent.timezone} if agent.dialogue is not None else None


def _transcription(transcription: Transcription, language_of_agent: str) -> dict[str, Any] | None:
    if transcription.model is None:
        return None
    config: dict[str, Any] = {"model": transcription.model}
    language = (transcription.language or language_of_agent).partition("-")[0]  # ISO 639-1
    if transcription.model in _TRANSCRIBES_WITH_HINTS:
        config["languages"] = [language]
        if transcription.keywords:
            config["keywords"] = list(transcription.keywords)
    else:
        config["language"] = language
    if transcription.prompt and transcription.model not in _TRANSCRIBES_WITHOUT_PROMPT:
        config["prompt"] = transcription.prompt
    return config


def _turn_detection(detection: TurnDetection, *, by_session: bool) -> dict[str, Any]:
    names = (
        ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")
        if detection.type == "server_vad"
        else ("eagerness",)
    )
    config = {name: value for name in names if (value := getattr(detection, name)) is not None}
    # Both or neither: a session that interrupts and doesn't answer falls silent at every noise.
    return {"type": detection.type, **config, "create_response": by_session, "interrupt_response": by_session}


def confirm(config: Mapping[str, Any], requested: Mapping[str, Any]) -> Problem | None:
    """What is wrong with the configuration in `session.updated`: the first wrong audio format, or None."""
    for direction in ("input", "output"):
        wanted = _format_name(requested, direction)
        found = _format_name(config, direction)
        if found != wanted:
            return Problem(
                "format_mismatch",
                f"asked for {wanted}, the session has {found or 'not said which'}",
                f"session.audio.{direction}.format",
            )
    return None


def _format_name(config: Mapping[str, Any], direction: str) -> str | None:
    value: Any = config
    for key in ("audio", direction, "format"):
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        return None
    # G.711 is 8 kHz whatever is said; PCM without a rate is at the protocol's 24 kHz.
    return f"{value['type']} at {value.get('rate', 24000)} Hz" if value["type"] == "audio/pcm" else value["type"]


def refuses_format(problem: Problem) -> bool:
    """Whether a refused `session.update` was refused for its audio formats."""
    return "format" in (problem.param or "") or "audio/pcmu" in problem.message


def _voice(voice: str) -> str | dict[str, str]:
    """A voice by its name, or a custom one by its id."""
    return {"id": voice} if voice.startswith("voice_") else voice
