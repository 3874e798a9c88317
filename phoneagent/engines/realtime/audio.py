"""Audio for servers without G.711: base64 of µ-law at 8 kHz to base64 of 16-bit PCM at 24 kHz, and back.

Both directions keep their state from piece to piece: converting piece by piece without it is heard as clicks.
The two filters differ for a reason. What the caller says must not wait, so it passes a short one of our own
(4 ms). What the agent says comes faster than real time, so soxr may hold back its 73 ms until the turn's end.
"""

from __future__ import annotations

import audioop
import binascii
from base64 import b64decode, b64encode

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]

from phoneagent.core.events import AgentAudio, AgentTurnEnded, Event, ResponseEnded
from phoneagent.engines.realtime.fields import WireError

_MODEL_HZ, _CALLER_HZ = 24000, 8000
_FACTOR = _MODEL_HZ // _CALLER_HZ
_TAPS_PER_PHASE = 65


def _interpolator() -> tuple[npt.NDArray[np.float32], ...]:
    """The phases of a low pass of 195 taps at 24 kHz: flat to 3.6 kHz, 89 dB down from 4.4 kHz."""
    taps = _FACTOR * _TAPS_PER_PHASE
    at = np.arange(taps) - (taps - 1) / 2
    low_pass = np.sinc(at / _FACTOR) * np.kaiser(taps, 8.85)
    # Each phase makes every third sample, and must have unity gain for itself or a tone of 8 kHz is heard.
    phases = (low_pass[phase::_FACTOR] for phase in range(_FACTOR))
    return tuple((phase / phase.sum()).astype(np.float32) for phase in phases)


_PHASES = _interpolator()


class CallerToModel:
    """The caller's audio for the session, 4 ms late."""

    def __init__(self) -> None:
        self._past = np.zeros(_TAPS_PER_PHASE - 1, np.float32)

    def convert(self, audio: str) -> str:
        """Base64 of µ-law to base64 of PCM. Raises WireError."""
        samples = np.frombuffer(audioop.ulaw2lin(_decoded(audio), 2), np.int16)
        if not samples.size:
            return ""
        signal = np.concatenate((self._past, samples), dtype=np.float32)
        self._past = signal[-self._past.size :]
        upsampled = np.empty((samples.size, _FACTOR), np.float32)
        for phase, taps in enumerate(_PHASES):
            upsampled[:, phase] = np.convolve(signal, taps, "valid")
        return _encoded(_samples(upsampled))


class ModelToCaller:
    """The agent's audio for the caller. Each turn is converted by itself: none holds a rest of another."""

    def __init__(self) -> None:
        self._turns: dict[str, _TurnAudio] = {}

    def convert(self, event: Event) -> tuple[Event, ...]:
        """The event, with PCM made µ-law; before the end of a turn the audio held back. Raises WireError."""
        match event:
            case AgentAudio(response_id, turn_id, audio):
                if (turn := self._turns.get(turn_id)) is None:
                    turn = self._turns[turn_id] = _TurnAudio(response_id, turn_id)
                return turn.next(_decoded(audio))
            case AgentTurnEnded(turn_id) if turn_id in self._turns:
                return *self._turns.pop(turn_id).next(b"", last=True), event
            case ResponseEnded(response_id):  # a server may leave out the end of a turn that was cancelled
                self._turns = {id_: turn for id_, turn in self._turns.items() if turn.response_id != response_id}
        return (event,)


class _TurnAudio:
    def __init__(self, response_id: str, turn_id: str) -> None:
        self.response_id = response_id
        self._turn_id = turn_id
        # In integers, soxr adds dither: silence would hiss.
        self._resampler = soxr.ResampleStream(_MODEL_HZ, _CALLER_HZ, 1, "float32", "HQ")
        self._half_sample = b""

    def next(self, pcm: bytes, last: bool = False) -> tuple[AgentAudio, ...]:
        pcm = self._half_sample + pcm
        whole = len(pcm) & ~1
        self._half_sample = pcm[whole:]
        signal = np.frombuffer(pcm[:whole], np.int16).astype(np.float32)
        resampled = self._resampler.resample_chunk(signal, last=last)
        if not resampled.size:
            return ()
        audio = _encoded(audioop.lin2ulaw(_samples(resampled), 2))
        return (AgentAudio(self.response_id, self._turn_id, audio, resampled.size * 1000 / _CALLER_HZ),)


def _samples(signal: npt.NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16).tobytes()


def _decoded(audio: str) -> bytes:
    try:
        return b64decode(audio)
    except (binascii.Error, ValueError):
        raise WireError("audio is not base64") from None


def _encoded(audio: bytes) -> str:
    return b64encode(audio).decode("ascii")
