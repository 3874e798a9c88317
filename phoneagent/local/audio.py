"""Sample rates and formats, statefully, for the embedded engine. Samples are float32 in the range of 16 bits."""

from __future__ import annotations

import audioop  # audioop-lts from Python 3.13 on
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Format = Literal["audio/pcmu", "audio/pcma", "audio/pcm"]

RATES: dict[Format, int] = {"audio/pcmu": 8000, "audio/pcma": 8000, "audio/pcm": 24000}
BYTES_PER_MS: dict[Format, int] = {"audio/pcmu": 8, "audio/pcma": 8, "audio/pcm": 48}

_TAPS_PER_PHASE = 48  # 3 ms of delay at 8 kHz, images below -80 dB
_KAISER_BETA = 8.0


def decode(audio: bytes, format: Format) -> Samples:
    """Samples of a session's audio, at the format's own rate. An odd last byte of PCM is dropped."""
    if format == "audio/pcmu":
        audio = audioop.ulaw2lin(audio, 2)
    elif format == "audio/pcma":
        audio = audioop.alaw2lin(audio, 2)
    return np.frombuffer(audio[: len(audio) & ~1], dtype="<i2").astype(np.float32)


def encode(samples: Samples, format: Format) -> bytes:
    """A session's audio from samples at the format's own rate."""
    pcm = to_pcm(samples)
    if format == "audio/pcmu":
        return audioop.lin2ulaw(pcm, 2)
    return audioop.lin2alaw(pcm, 2) if format == "audio/pcma" else pcm


def to_pcm(samples: Samples) -> bytes:
    """16-bit little-endian PCM."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


class Resampler:
    """Changes the sample rate by `up / down`, block by block, with a short band-limited filter.

    soxr, good as it is, would hold back 73 ms of the caller's speech.
    """

    def __init__(self, up: int, down: int) -> None:
        length = _TAPS_PER_PHASE * up
        at = np.arange(length) - (length - 1) / 2
        cutoff = 0.95 / max(up, down)
        lowpass = up * cutoff * np.sinc(cutoff * at) * np.kaiser(length, _KAISER_BETA)
        self._taps = lowpass.reshape(_TAPS_PER_PHASE, up).T[:, ::-1].astype(np.float32)
        self._up, self._down = up, down
        self._past: Samples = np.zeros(_TAPS_PER_PHASE - 1, dtype=np.float32)
        self._at = 0  # of the next output, counted in upsampled samples from the start of the next block

    def process(self, block: Samples) -> Samples:
        """The output that this block completes."""
        signal = np.concatenate([self._past, block])
        at = np.arange(self._at, len(block) * self._up, self._down)
        self._at += len(at) * self._down - len(block) * self._up
        self._past = signal[len(block) :]
        windows: Any = np.lib.stride_tricks.sliding_window_view(signal, _TAPS_PER_PHASE)
        filtered: Samples = np.einsum("ij,ij->i", windows[at // self._up], self._taps[at % self._up])
        return filtered


class Upsampler:
    """A session's audio as the 16 kHz samples that detection and recognition want."""

    def __init__(self, format: Format) -> None:
        self._format = format
        self._resampler = Resampler(2, 3) if format == "audio/pcm" else Resampler(2, 1)
        self._noise = np.random.default_rng(0)

    def process(self, audio: bytes) -> Samples:
        """Continue with the next piece of audio."""
        samples = self._resampler.process(decode(audio, self._format))
        # Digital silence and a sharp upper edge are unlike anything that the models were trained on.
        return samples + self._noise.uniform(-30, 30, len(samples)).astype(np.float32)
