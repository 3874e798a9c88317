"""Probes: audio that says where it comes from and when it was sent, for measuring what is between two ends.

A probe is the first 24 bytes of a piece of µ-law audio. It survives wherever µ-law is passed on untouched, and
is gone where audio is converted. Times are of `time.monotonic`, which processes of one machine share.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from binascii import Error
from typing import NamedTuple

from phoneagent.simulate.audio import SILENCE

SIZE = 24

_MAGIC = b"\x00probe\xff\x00"
_LAYOUT = struct.Struct("<8sIId")
_BASE64_SIZE = SIZE // 3 * 4  # a whole number of base64 groups, so that it can be spliced in and cut out


class Probe(NamedTuple):
    """`source` is the number of the call or turn, `sequence` counts its pieces from 0."""

    source: int
    sequence: int
    sent_at: float

    def base64(self) -> str:
        """The probe as the beginning of a base64 text, to be followed by any other."""
        return b64encode(_LAYOUT.pack(_MAGIC, *self)).decode()


def read_probe(audio: bytes) -> Probe | None:
    """The probe at the beginning of some µ-law audio, if there is one."""
    if not audio.startswith(_MAGIC) or len(audio) < SIZE:
        return None
    return Probe(*_LAYOUT.unpack_from(audio)[1:])


def read_base64_probe(audio: str) -> Probe | None:
    """The probe at the beginning of base64 audio, if there is one."""
    try:
        return read_probe(b64decode(audio[:_BASE64_SIZE]))
    except Error:
        return None


def silence_after_probe(length: int) -> str:
    """Base64 silence to follow a probe in a piece of audio of `length` bytes."""
    return b64encode(SILENCE * (length - SIZE)).decode()
