"""Hold music: what the caller hears while the agent is away or a tool takes its time."""

from __future__ import annotations

import asyncio
import audioop
import logging
import wave
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr  # type: ignore[import-untyped]

from phoneagent.core.commands import ClearPlayout, Command, PlayAudio

log = logging.getLogger(__name__)

RATE = 8000
PIECE_S = 1.0
AHEAD_S = 0.5  # queued beyond the piece that plays, for a loop or a network that is late

Samples = np.ndarray[Any, np.dtype[np.float64]]

_BAR_S = 3.0
_NOTE_S = 4.0  # a note rings on into the next bar
_LOUDNESS = 0.06  # of full scale: 24 dB below it, a background
_BARS = (  # C, A minor, F, G
    (261.63, 329.63, 392.00),
    (220.00, 261.63, 329.63),
    (174.61, 220.00, 261.63),
    (196.00, 246.94, 293.66),
)


class MusicError(Exception):
    """A sound file that can't be played; says which, and why."""


class HoldMusic:
    """Plays music on a call's leg, from where it stopped last, over and over."""

    def __init__(self, send: Callable[[Command], None], audio: bytes) -> None:
        """`send` puts a command on the leg; `audio` is µ-law at 8 kHz."""
        self._send = send
        self._audio = audio
        self._at = 0
        self._due = 0.0  # of the next piece, in the loop's time
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Play from now on."""
        if self._timer is None:
            self._due = asyncio.get_running_loop().time()
            self._piece(PIECE_S + AHEAD_S)

    def stop(self) -> None:
        """Play no more, and throw away what is queued."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._send(ClearPlayout())

    def _piece(self, seconds: float = PIECE_S) -> None:
        length = round(seconds * RATE)
        repeated = self._audio[self._at :] + self._audio * (length // len(self._audio) + 1)
        self._at = (self._at + length) % len(self._audio)
        self._send(PlayAudio(b64encode(repeated[:length]).decode()))
        self._due += PIECE_S
        self._timer = asyncio.get_running_loop().call_at(self._due, self._piece)


@cache
def music(path: str | None = None) -> bytes:
    """The music of a WAV file, or the built-in, as µ-law at 8 kHz. Raises MusicError.

    Reads the file once, and takes some 10 ms to make music of it.
    """
    return _ulaw(_built_in() if path is None else _read(Path(path)))


def music_or_built_in(path: str | None) -> bytes:
    """The same; the built-in for a file that can't be played, which is logged."""
    try:
        return music(path)
    except MusicError as error:
        log.warning("hold music can't be played", extra={"reason": str(error)})
        return music()


def _built_in() -> Samples:
    """Four slow chords that go round without a seam: soft tones, each swelling and fading."""
    length = round(len(_BARS) * _BAR_S * RATE)
    loop = np.zeros(length)
    times = np.arange(round(_NOTE_S * RATE)) / RATE
    swell = np.sin(np.pi * times / _NOTE_S) ** 2  # begins and ends at nothing: no clicks
    for bar, chord in enumerate(_BARS):
        for voice, pitch in enumerate(chord):
            tone = np.sin(2 * np.pi * pitch * times) + 0.25 * np.sin(4 * np.pi * pitch * times)
            start = round((bar + voice / 6) * _BAR_S * RATE)
            loop[(start + np.arange(tone.size)) % length] += tone * swell
    quiet: Samples = loop * (_LOUDNESS / np.abs(loop).max())
    return quiet


def _read(path: Path) -> Samples:
    try:
        with wave.open(str(path)) as file:
            width, rate, channels = file.getsampwidth(), file.getframerate(), file.getnchannels()
            frames = file.readframes(file.getnframes())
    except (OSError, wave.Error, EOFError) as error:
        raise MusicError(f"{path} can't be played: {error}") from error
    if width == 1:  # unsigned, unlike the others
        frames = audioop.bias(frames, 1, -128)
    samples = np.frombuffer(audioop.lin2lin(frames, width, 2), dtype=np.int16).astype(np.float64) / 2**15
    if not samples.size:
        raise MusicError(f"{path} can't be played: there is nothing in it")
    mono = samples.reshape(-1, channels).mean(axis=1)
    resampled: Samples = soxr.resample(mono, rate, RATE)
    return resampled


def _ulaw(samples: Samples) -> bytes:
    pcm = (np.clip(samples, -1, 1) * (2**15 - 1)).astype(np.int16)
    return audioop.lin2ulaw(pcm.tobytes(), 2)
