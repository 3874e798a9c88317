"""The conversions for servers without G.711, in figures."""

from __future__ import annotations

import audioop
import base64
from typing import Any

import numpy as np
import pytest

from phoneagent.core.events import AgentAudio, AgentTurnEnded, ResponseEnded, ResponseStarted
from phoneagent.engines.realtime.audio import CallerToModel, ModelToCaller
from phoneagent.engines.realtime.fields import WireError

Samples = np.ndarray[Any, np.dtype[Any]]


def tone(hz: float, rate: int, seconds: float = 1.0) -> Samples:
    at = np.arange(int(rate * seconds)) / rate
    return np.rint(8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def level_db(samples: Samples, hz: float, rate: int) -> float:
    """The level of one frequency against that of `tone`, away from the ends."""
    middle = samples[len(samples) // 4 : -len(samples) // 4].astype(float) * np.hanning(len(samples) // 2)
    at = np.arange(len(middle)) / rate
    amplitude = 4 * abs(np.mean(middle * np.exp(-2j * np.pi * hz * at)))
    return float(20 * np.log10(amplitude / 8000 + 1e-9))


def to_model(samples: Samples, frame: int = 160) -> Samples:
    converter = CallerToModel()
    frames = (samples[at : at + frame] for at in range(0, len(samples), frame))
    converted = [converter.convert(base64.b64encode(audioop.lin2ulaw(f.tobytes(), 2)).decode()) for f in frames]
    return np.frombuffer(b"".join(base64.b64decode(piece) for piece in converted), np.int16)


def agent_audio(pcm: bytes, turn_id: str = "i", response_id: str = "r") -> AgentAudio:
    return AgentAudio(response_id, turn_id, base64.b64encode(pcm).decode(), len(pcm) / 48)


def to_caller(samples: Samples, sizes: tuple[int, ...] = (9600,)) -> tuple[Samples, float]:
    """Samples and ms of a turn that comes in pieces of these sizes in bytes."""
    converter, pcm, events, at, turn = ModelToCaller(), samples.tobytes(), [], 0, 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        events.extend(converter.convert(agent_audio(pcm[at : at + size])))
        at, turn = at + size, turn + 1
    events.extend(converter.convert(AgentTurnEnded("i")))
    assert events.pop() == AgentTurnEnded("i")
    audio = b"".join(base64.b64decode(event.audio) for event in events)
    return np.frombuffer(audioop.ulaw2lin(audio, 2), np.int16), sum(event.ms for event in events)


@pytest.mark.parametrize("hz", [300, 1000, 2000, 3000, 3400])
def test_the_callers_speech_passes_unchanged(hz: int):
    assert level_db(to_model(tone(hz, 8000)), hz, 24000) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("hz", [300, 1000, 2000, 3000, 3400])
def test_the_callers_speech_has_no_images(hz: int):
    upsampled = to_model(tone(hz, 8000))
    for image in (8000 - hz, 8000 + hz, 8000):
        assert level_db(upsampled, image, 24000) < -80


def test_the_callers_speech_waits_4_ms():
    click = np.zeros(1600, np.int16)
    click[800] = 16000
    late = int(np.argmax(np.abs(to_model(click)))) - 3 * 800
    print(f"caller to model: {late / 24:.2f} ms late")
    assert late / 24 == pytest.approx(4.0, abs=0.1)


def test_the_callers_speech_may_be_cut_anywhere():
    speech = tone(440, 8000)
    whole = to_model(speech, frame=8000)
    assert np.array_equal(to_model(speech, frame=160), whole)
    assert np.array_equal(to_model(speech, frame=37), whole)
    assert CallerToModel().convert("") == ""


def test_full_scale_is_clipped_and_does_not_wrap():
    square = np.where(tone(500, 8000) > 0, 32124, -32124).astype(np.int16)
    upsampled = to_model(square).astype(int)
    assert np.max(np.abs(np.diff(upsampled))) < 40000
    assert upsampled.max() == 32767


@pytest.mark.parametrize("hz", [300, 1000, 2000, 3000, 3400])
def test_the_agents_speech_passes_unchanged(hz: int):
    assert level_db(to_caller(tone(hz, 24000))[0], hz, 8000) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("hz", [4600, 5000, 6000, 7600, 9000, 11000])
def test_the_agents_speech_has_no_aliases(hz: int):
    alias = abs(hz - 8000 * round(hz / 8000))
    assert level_db(to_caller(tone(hz, 24000))[0], alias, 8000) < -60  # nothing but what µ-law can say


def test_a_turn_is_as_long_as_it_was_and_may_be_cut_anywhere():
    speech = tone(440, 24000)
    whole, ms = to_caller(speech, (len(speech) * 2,))
    assert (len(whole), ms) == (8000, 1000)
    pieces, ms = to_caller(speech, (9600, 1, 4799, 3, 20000))  # also in the middle of a sample
    assert np.array_equal(pieces, whole)
    assert ms == 1000


def test_no_turn_holds_a_rest_of_another():
    converter = ModelToCaller()
    loud = agent_audio(tone(1000, 24000, 0.2).tobytes(), turn_id="interrupted")
    assert converter.convert(loud)
    silent = agent_audio(bytes(9600), turn_id="next", response_id="r2")
    events = (*converter.convert(silent), *converter.convert(AgentTurnEnded("next")))
    audio = b"".join(base64.b64decode(event.audio) for event in events if isinstance(event, AgentAudio))
    assert audio == b"\xff" * 1600


def test_what_an_unfinished_turn_held_back_goes_with_its_response():
    converter = ModelToCaller()
    converter.convert(agent_audio(tone(1000, 24000, 0.2).tobytes()))
    ended = ResponseEnded("r", "cancelled")
    assert converter.convert(ended) == (ended,)
    assert converter.convert(AgentTurnEnded("i")) == (AgentTurnEnded("i"),)


def test_a_piece_shorter_than_the_filter_makes_no_event():
    assert ModelToCaller().convert(agent_audio(bytes(48))) == ()


def test_other_events_pass():
    assert ModelToCaller().convert(ResponseStarted("r")) == (ResponseStarted("r"),)


def test_what_is_no_base64_is_a_wire_error():
    with pytest.raises(WireError):
        CallerToModel().convert("abcde")
    with pytest.raises(WireError):
        ModelToCaller().convert(AgentAudio("r", "i", "ü", 0))
