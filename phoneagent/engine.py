"""Opens what holds the conversations, and runs the embedded engine alone."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from phoneagent.engines.realtime import targets
from phoneagent.engines.realtime.session import RealtimeEngine
from phoneagent.port import bracketed, not_listening
from phoneagent.settings import Settings, SettingsError

if TYPE_CHECKING:
    from phoneagent.local.config import EngineConfig

log = logging.getLogger(__name__)


async def run_engine(settings: Settings, host: str, port: int) -> None:
    """Run the embedded engine alone until it is told to stop."""
    from phoneagent.local.server import serve as serve_engine

    try:
        engine = await serve_engine(engine_config(settings), host=host, port=port)
    except OSError as error:
        raise SettingsError([not_listening(error, "--host", "--port", host, port)]) from None
    log.info("listening", extra={"url": f"http://{bracketed(host)}:{engine.port}/v1"})
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await engine.close()


async def open_engine(settings: Settings, stack: AsyncExitStack) -> RealtimeEngine:
    """What holds the conversations; an embedded engine is started, and ends with `stack`. Raises SettingsError."""
    audio_format = settings.realtime_format
    match settings.engine:
        case "openai":
            target = targets.openai(settings.openai_api_key, settings.openai_base_url, audio_format)
        case "azure":
            assert settings.azure_openai_endpoint
            assert settings.azure_openai_api_key
            target = targets.azure(settings.azure_openai_endpoint, settings.azure_openai_api_key, audio_format)
        case "local":
            target = targets.local(await _start_engine(settings, stack))
    return RealtimeEngine(target, secrets=dict(settings.tool_secrets))


async def _start_engine(settings: Settings, stack: AsyncExitStack) -> str:
    from phoneagent.local.process import EngineError, EngineProcess

    process = EngineProcess(engine_config(settings), log=settings.log, log_level=settings.log_level)
    try:
        url = await process.start()
    except EngineError as error:
        raise SettingsError(
            [f"PHONEAGENT_ENGINE=local: {error} (is phoneagent installed with its extra [local]?)"]
        ) from None
    stack.push_async_callback(process.stop)
    return url


def engine_config(settings: Settings) -> EngineConfig:
    """How the embedded engine is to hear, think and speak."""
    from phoneagent.local.config import EngineConfig, Server

    def server(url: str | None, model: str | None, api_key: str | None) -> Server | None:
        return Server(url, model, api_key) if url and model else None

    return EngineConfig(
        ears=server(settings.stt_url, settings.stt_model, settings.stt_api_key),
        brain=server(settings.llm_url, settings.llm_model, settings.llm_api_key),
        mouth=server(settings.tts_url, settings.tts_model, settings.tts_api_key),
        voice=settings.tts_voice,
    )
