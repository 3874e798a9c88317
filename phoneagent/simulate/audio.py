"""A telephone's audio: clips of speech from WAV files, comfort noise, and the recording of a call.

µ-law at 8 kHz, one channel, unless a name says otherwise.
"""

from __future__ import annotations

import base64
import random
import warnings
import wave
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr  # type: ignore[import-untyped]

with warnings.catch_warnings():  # the standard library's own until 3.12; audioop-lts is the same module
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATE = 8000
FRAME_MS = 20
FRAME_BYTES = 160
SILENCE = b"\xff"
SILENT_FRAME = base64.b64encode(SILENCE * FRAME_BYTES).decode()

_AUDIBLE = 300  # of 32767: quieter than this is not speech


class ClipError(Exception):
    """A sound file that cannot be used as something to say."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Something to say, cut into 20 ms frames of base64; it is speech until `speech_ms`."""

    frames: tuple[str, ...] = field(repr=False)
    speech_ms: float

    @classmethod
    def of(cls, audio: bytes) -> Clip:
        """A clip of µ-law audio of any length; the last frame is filled up with silence."""
        padded = audio + SILENCE * (-len(audio) % FRAME_BYTES)
        starts = range(0, len(padded), FRAME_BYTES)
        frames = (base64.b64encode(padded[at : at + FRAME_BYTES]).decode() for at in starts)
        loud = np.flatnonzero(np.abs(samples(audio).astype(np.int32)) > _AUDIBLE)
        return cls(tuple(frames), speech_ms=float(loud[-1] + 1) / 8 if loud.size else 0.0)


def samples(audio: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    """µ-law as 16-bit samples."""
    return np.frombuffer(audioop.ulaw2lin(audio, 2), dtype=np.int16)


def ulaw(pcm: np.ndarray[Any, np.dtype[np.int16]]) -> bytes:
    """16-bit samples as µ-law."""
    return audioop.lin2ulaw(pcm.tobytes(), 2)


def read_wav(path: Path) -> bytes:
    """The µ-law audio of a WAV file of 16-bit samples, at any rate and with any number of channels.

    Raises ClipError, which names the file and says what is wrong with it.
    """
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            raw = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise ClipError(f"cannot read the sound file {path}: {error}") from error
    if width != 2:
        raise ClipError(f"{path} has {8 * width}-bit samples; save it as a WAV file with 16-bit samples")
    mono = np.frombuffer(raw, dtype="<i2").reshape(-1, channels).mean(axis=1)
    resampled = soxr.resample(mono, rate, RATE) if rate != RATE else mono
    return ulaw(np.clip(resampled, -32768, 32767).astype(np.int16))


def comfort_noise(level: int, rng: random.Random, frames: int = 50) -> tuple[str, ...]:
    """Frames of base64 of white noise, `level` its root mean square of 32767; at 0, one silent frame."""
    if level == 0:
        return (SILENT_FRAME,)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, level, (frames, FRAME_BYTES))
    return tuple(base64.b64encode(ulaw(np.clip(one, -32768, 32767).astype(np.int16))).decode() for one in noise)


def lay_out(chunks: Iterable[tuple[float, bytes]], began_at: float) -> bytes:
    """Pieces of audio, each at its time, as one track from `began_at` on, with silence between them."""
    track = bytearray()
    for at, audio in chunks:
        start = max(len(track), round((at - began_at) * RATE))
        track += SILENCE * (start - len(track)) + audio
    return bytes(track)


def write_stereo_wav(path: Path, left: bytes, right: bytes) -> None:
    """Write two µ-law tracks as a 16-bit stereo WAV file; the shorter one ends in silence."""
    length = max(len(left), len(right))
    tracks = [samples(track.ljust(length, SILENCE)) for track in (left, right)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack(tracks, axis=1).astype("<i2").tobytes())
