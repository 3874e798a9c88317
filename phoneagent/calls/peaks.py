"""How loud recordings are, for drawing them."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from phoneagent.store.blobs import BlobError, Blobs

MOST_STEPS = 2000
LEAST_STEP_S = 0.02
REMEMBERED = 200  # recordings, some 40 KB each
_BLOCK_S = 10


@dataclass(frozen=True, slots=True)
class Peaks:
    """The loudest sample of each step of a recording, 0 to 1, by side: the caller's, and what they heard."""

    step_s: float
    caller: tuple[float, ...] = field(repr=False)
    agent: tuple[float, ...] = field(repr=False)


class PeaksOf:
    """Knows the peaks of recordings: looks at each once, one at a time, and remembers the last."""

    def __init__(self, files: Blobs) -> None:
        """`files` are the recordings."""
        self._files = files
        self._known: OrderedDict[str, Peaks] = OrderedDict()  # by the files' SHA-256
        self._looking = asyncio.Lock()

    async def recording(self, name: str, sha256: str) -> Peaks:
        """The peaks of the recording of this name, whose file has this SHA-256. Raises BlobError."""
        async with self._looking:  # a long one takes seconds of a core: those of the calls are worth more
            if sha256 not in self._known:
                with await self._files.open(name) as file:
                    self._known[sha256] = await asyncio.to_thread(_look, file, name)
            self._known.move_to_end(sha256)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return self._known[sha256]


def _look(file: BinaryIO, name: str) -> Peaks:
    import soundfile  # type: ignore[import-untyped]  # a library of C that nobody needs who keeps no recordings

    caller: list[float] = []
    agent: list[float] = []
    try:
        with soundfile.SoundFile(file) as sound:
            rate, frames = sound.samplerate, sound.frames
            step = max(math.ceil(frames / MOST_STEPS), round(rate * LEAST_STEP_S))
            for block in sound.blocks(max(1, _BLOCK_S * rate // step) * step, dtype="int16", always_2d=True):
                loud = np.abs(block.astype(np.int32))
                peaks = np.maximum.reduceat(loud, np.arange(0, len(loud), step)) / 32768
                caller.extend(np.round(peaks[:, 0], 3).tolist())
                agent.extend(np.round(peaks[:, -1], 3).tolist())
    except soundfile.LibsndfileError as error:
        raise BlobError(f"{name} is no recording that can be read: {error}") from error
    return Peaks(step / rate, tuple(caller), tuple(agent))
