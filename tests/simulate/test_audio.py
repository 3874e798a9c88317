"""Clips from WAV files of any kind, and recordings."""

from __future__ import annotations

import random
import wave
from pathlib import Path

import numpy as np
import pytest

from phoneagent.simulate.audio import (
    FRAME_BYTES,
    SILENT_FRAME,
    Clip,
    ClipError,
    comfort_noise,
    lay_out,
    read_wav,
    samples,
    ulaw,
)


def write(path: Path, rate: int, channels: int, width: int = 2) -> Path:
    """One second of a 400 Hz tone, the last quarter of it silent."""
    tone = 8000 * np.sin(2 * np.pi * 400 * np.arange(rate) / rate)
    tone[rate * 3 // 4 :] = 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(tone.astype("<i2" if width == 2 else "i1").repeat(channels).tobytes())
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_wav_file_of_16_bits_becomes_telephone_audio(tmp_path: Path, rate: int, channels: int):
    audio = read_wav(write(tmp_path / "tone.wav", rate, channels))
    assert len(audio) == pytest.approx(8000, abs=2)
    spectrum = np.abs(np.fft.rfft(samples(audio)[:6000].astype(float)))
    assert np.argmax(spectrum) * 8000 / 6000 == pytest.approx(400, abs=2)
    clip = Clip.of(audio)
    assert len(clip.frames) == 50
    assert clip.speech_ms == pytest.approx(750, abs=15)


def test_what_is_no_usable_wav_file_is_said_with_its_name(tmp_path: Path):
    with pytest.raises(ClipError, match=r"eight\.wav has 8-bit samples; save it as"):
        read_wav(write(tmp_path / "eight.wav", 8000, 1, width=1))
    (tmp_path / "song.wav").write_bytes(b"ID3")
    with pytest.raises(ClipError, match=r"cannot read the sound file .*song\.wav"):
        read_wav(tmp_path / "song.wav")


def test_a_clip_is_filled_up_to_whole_frames():
    clip = Clip.of(b"\x10" * (FRAME_BYTES + 1))
    assert [len(frame) for frame in clip.frames] == [216, 216]
    assert clip.speech_ms == pytest.approx(20.125)
    assert Clip.of(b"") == Clip((), 0.0)


def test_comfort_noise_has_its_level():
    assert comfort_noise(0, random.Random(1)) == (SILENT_FRAME,)
    [*frames] = comfort_noise(100, random.Random(1))
    assert len(set(frames)) == 50


def test_mulaw_there_and_back_is_nearly_the_same():
    wave_form = (10_000 * np.sin(np.arange(800) / 5)).astype(np.int16)
    back = samples(ulaw(wave_form)).astype(float)
    assert np.abs(back - wave_form).max() < 500


def test_pieces_are_laid_out_at_their_times():
    assert lay_out([(1.001, b"aa"), (1.0015, b"b")], began_at=1.0) == b"\xff" * 8 + b"aa\xff\xffb"
