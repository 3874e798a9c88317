"""Recordings that are made of tones: of each side, how loud each second of it is."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import soundfile

from phoneagent.core.tape import RATE


def tones(caller: Sequence[float], agent: Sequence[float], *, format: str = "WAV", coding: str = "PCM_16") -> bytes:
    """A file with both sides: 1 is as loud as can be, 0 is silence."""
    tone = np.sin(np.arange(RATE) * 2 * np.pi * 400 / RATE)
    sides = [np.concatenate([level * tone for level in side]) for side in (caller, agent)]
    file = io.BytesIO()
    soundfile.write(file, np.stack(sides, axis=1), RATE, coding, format=format)
    return file.getvalue()
