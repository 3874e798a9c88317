"""How loud recordings are."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest

from phoneagent.calls.peaks import LEAST_STEP_S, MOST_STEPS, Peaks, PeaksOf
from phoneagent.store.blobs import BlobError, Blobs, NoBlobError
from tests.calls.tones import tones

CALLER, AGENT = (0.0, 0.5, 0.0, 0.25), (1.0, 0.0, 0.0, 0.0)


def keep(folder: Path, audio: bytes, name: str = "c1.wav") -> str:
    """Have it in the folder. Returns its SHA-256."""
    (folder / name).write_bytes(audio)
    return sha256(audio).hexdigest()


def each_second(levels: tuple[float, ...], step_s: float) -> list[float]:
    """The loudest step in the middle of each second."""
    steps = round(1 / step_s)
    return [max(levels[start + 5 : start + steps - 5]) for start in range(0, len(levels), steps)]


@pytest.mark.parametrize(
    ("format", "coding", "within"),
    [
        ("WAV", "PCM_16", 0.005),
        ("FLAC", "PCM_16", 0.005),
        ("OGG", "OPUS", 0.06),  # how far a tone overshoots is not the same on every processor
    ],
)
async def test_both_sides_are_as_loud_as_they_were(tmp_path, format, coding, within):
    sha = keep(tmp_path, tones(CALLER, AGENT, format=format, coding=coding))
    peaks = await PeaksOf(Blobs(tmp_path)).recording("c1.wav", sha)
    assert peaks.step_s == LEAST_STEP_S
    assert each_second(peaks.caller, peaks.step_s) == pytest.approx(CALLER, abs=within)
    assert each_second(peaks.agent, peaks.step_s) == pytest.approx(AGENT, abs=within)


async def test_a_long_one_has_no_more_steps_and_is_not_held_in_memory(tmp_path):
    seconds = 1200
    sha = keep(tmp_path, tones((0.0, 0.5) * (seconds // 2), (0.25,) * seconds))
    blobs = PeaksOf(Blobs(tmp_path))
    tracemalloc.start()
    peaks = await blobs.recording("c1.wav", sha)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(peaks.caller) == len(peaks.agent) == MOST_STEPS
    assert peaks.step_s == seconds / MOST_STEPS
    assert most < 8 * 1024 * 1024  # the file has 38 MB


async def test_one_without_a_sound_has_no_steps(tmp_path):
    sha = keep(tmp_path, tones((0.0,), (0.0,))[:44])
    assert await PeaksOf(Blobs(tmp_path)).recording("c1.wav", sha) == Peaks(LEAST_STEP_S, (), ())


async def test_each_is_looked_at_once(tmp_path):
    sha = keep(tmp_path, tones(CALLER, AGENT))
    known = PeaksOf(Blobs(tmp_path))
    first = await known.recording("c1.wav", sha)
    (tmp_path / "c1.wav").unlink()
    assert await known.recording("c1.wav", sha) is first


async def test_what_is_none_or_is_gone_is_an_error(tmp_path):
    known = PeaksOf(Blobs(tmp_path))
    with pytest.raises(NoBlobError):
        await known.recording("c1.wav", "ab")
    with pytest.raises(BlobError, match="is no recording that can be read"):
        await known.recording("c1.wav", keep(tmp_path, b"noise" * 1000))
