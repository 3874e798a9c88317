"""Texts made into telephone audio beforehand, for a caller that is simulated."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from phoneagent.local.mouth import LocalMouth, Manner
from phoneagent.local.worker import Worker

# Of espeak-ng's voices and speeds, what the engine's own ears understand best.
_VOICE, _SPEED = "echo", 0.95


async def synthesize(texts: Iterable[str], *, voice: str = _VOICE, language: str = "en") -> dict[str, bytes]:
    """Each text as G.711 µ-law at 8 kHz, spoken by espeak-ng in a process of its own.

    Raises WorkerError if it can't be started, MouthError if it can't say something.
    """
    worker = await Worker.start("phoneagent.local.mouth_process")
    try:
        mouth, manner = LocalMouth(worker), Manner(voice, language, _SPEED, "audio/pcmu")
        return {
            text: b"".join([base64.b64decode(audio) async for audio, _ in mouth.speak(text, manner)]) for text in texts
        }
    finally:
        await worker.stop()
