"""What the core needs to know of G.711 µ-law: how long a piece of audio is, and whether it is loud."""

from __future__ import annotations

from base64 import b64decode

BYTES_PER_MS = 8
# -40 dB below full scale: above the noise of a line, below quiet speech.
_LOUD = 328


def _expand(code: int) -> int:
    """The magnitude, 0-32124, of a µ-law code (ITU-T G.711)."""
    code = ~code & 0x7F
    return (((code & 0x0F) << 3) + 0x84 << (code >> 4)) - 0x84


_MAGNITUDES = tuple(_expand(code) for code in range(256))
_LOUDER = bytes(~code & 0x7F for code in range(256))  # greater for what is louder


def duration_ms(audio: str) -> float:
    """How long base64 µ-law audio lasts, without decoding it."""
    padding = 2 if audio.endswith("==") else 1 if audio.endswith("=") else 0
    return (len(audio) * 3 // 4 - padding) / BYTES_PER_MS


def is_loud(audio: str) -> bool:
    """Whether base64 µ-law audio is louder than the noise of a line, on average."""
    samples = b64decode(audio)
    return sum(map(_MAGNITUDES.__getitem__, samples)) > _LOUD * len(samples)


def peak(audio: bytes | bytearray) -> float:
    """The loudest sample of µ-law audio, as a share (0-1) of full scale."""
    return _MAGNITUDES[~max(audio.translate(_LOUDER), default=0) & 0xFF] / _MAGNITUDES[0]
