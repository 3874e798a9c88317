"""Hold music: what it is, and that it plays on without a gap until it is stopped."""

import asyncio
import audioop
import math
import wave
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from phoneagent.calls.music import PIECE_S, RATE, HoldMusic, MusicError, music, music_or_built_in
from phoneagent.core.commands import ClearPlayout, Command, PlayAudio


def samples(ulaw: bytes) -> np.ndarray:
    return np.frombuffer(audioop.ulaw2lin(ulaw, 2), dtype=np.int16).astype(float) / 2**15


def wav(path: Path, *, rate: int, channels: int, width: int, seconds: float = 1.0) -> str:
    """A tone of 440 Hz at half of full scale."""
    tone = np.repeat(np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate) / 2, channels)
    frames = audioop.lin2lin((tone * 2**15).astype(np.int16).tobytes(), 2, width)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(audioop.bias(frames, 1, 128) if width == 1 else frames)
    return str(path)


def test_the_built_in_music_is_quiet_and_goes_round_without_a_click():
    heard = samples(music())
    assert 0.05 < np.abs(heard).max() < 0.08
    round_again = np.concatenate([heard, heard[:1]])
    assert np.abs(np.diff(round_again)).max() < 0.03
    loudness = [np.sqrt(np.mean(part**2)) for part in np.split(heard, 12)]
    assert min(loudness) > 0.005, "no second of it is silent"


@pytest.mark.parametrize(("rate", "channels", "width"), [(8000, 1, 2), (44100, 2, 2), (16000, 1, 1), (48000, 2, 3)])
def test_a_wav_file_of_any_kind_is_played(tmp_path: Path, rate: int, channels: int, width: int):
    heard = samples(music(wav(tmp_path / "tone.wav", rate=rate, channels=channels, width=width)))
    assert abs(len(heard) - RATE) < 10
    spectrum = np.abs(np.fft.rfft(heard[:RATE]))
    assert int(np.argmax(spectrum)) in (439, 440, 441)
    assert math.isclose(np.abs(heard).max(), 0.5, abs_tol=0.03)


def test_a_file_that_can_not_be_played_is_said_so_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "noise.wav").write_bytes(b"RIFF, but no music")
    empty = wav(tmp_path / "empty.wav", rate=8000, channels=1, width=2, seconds=0)
    for path in (str(tmp_path / "noise.wav"), str(tmp_path / "none.wav"), empty):
        with pytest.raises(MusicError, match=path):
            music(path)
        assert music_or_built_in(path) == music()
    assert len(caplog.records) == 3


@pytest.mark.virtual_time
async def test_it_plays_on_without_a_gap_until_it_is_stopped():
    sent: list[tuple[float, Command]] = []
    loop = asyncio.get_running_loop()
    audio = bytes(range(256)) * 47  # 1.5 s: pieces do not begin where the music does
    player = HoldMusic(lambda command: sent.append((loop.time(), command)), audio)
    player.start()
    player.start()
    await asyncio.sleep(5.2)
    player.stop()
    player.stop()
    await asyncio.sleep(5)
    pieces = [(at, b64decode(command.audio)) for at, command in sent if isinstance(command, PlayAudio)]
    assert [command for _, command in sent if isinstance(command, ClearPlayout)] == [ClearPlayout()]
    assert isinstance(sent[-1][1], ClearPlayout)
    played = b"".join(piece for _, piece in pieces)
    assert played == (audio * 10)[: len(played)]
    ends_at = 0.0
    for at, piece in pieces:
        assert ends_at - at > 0.4 or at == 0, "the next piece is there before the last one ends"
        assert len(piece) / RATE <= PIECE_S + 0.5
        ends_at += len(piece) / RATE
    player.start()  # goes on where it was
    assert b64decode(sent[-1][1].audio)[:10] == (audio * 10)[len(played) :][:10]  # type: ignore[union-attr]
    player.stop()
