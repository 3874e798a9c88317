"""What the embedded engine is made of, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The engine's parts. Every URL is the base of an OpenAI-compatible API, such as `http://127.0.0.1:11434/v1`.

    `stt_url` hears instead of pocketsphinx, `tts_url` speaks instead of espeak-ng, `llm_url` thinks instead of the
    agent's dialogue. `api_key` is sent to those that are set.
    """

    max_calls: int = 2
    stt_url: str | None = None
    stt_model: str = "whisper-1"
    tts_url: str | None = None
    tts_model: str = "tts-1"
    llm_url: str | None = None
    llm_model: str = "default"
    api_key: str | None = field(default=None, repr=False)
