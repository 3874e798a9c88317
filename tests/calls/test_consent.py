"""Callers who are asked whether they may be recorded, and keys that nobody is to hear: whole calls."""

import asyncio
import json
import random
from pathlib import Path

import numpy as np
import pytest

from phoneagent.core.agents import Agent, Dtmf, Recording
from phoneagent.simulate.audio import ulaw
from phoneagent.simulate.caller import Action
from phoneagent.simulate.network import Network
from phoneagent.simulate.realtime_events import Speech, ToolCall, caller_turn_ended, response
from phoneagent.simulate.script import Press, Silence, Step, WaitForAgent
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.store import open_store
from phoneagent.store.calls import CallDetail
from tests.calls.service import NUMBER, WITHIN_S, phone_of, serving, write_agent
from tests.calls.test_recording import RATE, Samples, listen, noise, recordings
from tests.calls.test_spoken_recording import CLIPS, RecordedCall, Speaker

QUESTION_MS = 700
ASKING = "greeting: none\nidle: none\nrecording: ask"


async def kept(folder: Path) -> CallDetail:
    """The only call that was kept."""
    store = await open_store(f"sqlite:///{folder}/data/phoneagent.db")
    [row] = (await store.calls.page()).calls
    call = await store.calls.get(row.id)
    await store.close()
    assert call is not None
    return call


def answers(call: CallDetail) -> list[object]:
    return [event.data for event in call.events if event.kind == "consent"]


async def ask(folder: Path, caller: list[Step], *says: ToolCall) -> None:
    """A call whose caller is asked, answers by a key or in words that the agent passes on, and talks for a second."""
    write_agent(folder, ASKING)
    rng = random.Random(1)
    async with ScriptedModel() as model, serving(folder, model) as service, phone_of(service) as phone:
        finished = recordings(service)
        call = phone.dial(NUMBER, [*caller, Silence(60)], noise=1000)
        session = await model.session(0)
        update = await session.received("session.update")
        assert "recording_consent" in [tool["name"] for tool in update["session"]["tools"]]
        question = await session.received("response.create")
        assert "May I record this call?" in question["response"]["instructions"]
        session.emit(*response(Speech(audio=noise(rng, QUESTION_MS)), response_id="question"))
        await call.until(lambda record: record.agent_turns)
        if says:
            await asyncio.sleep(QUESTION_MS / 1000 + 0.4)
            session.interrupt("caller")
            session.emit(*caller_turn_ended("caller"), *response(*says, response_id="noted"))
        await session.received("response.create")
        session.emit(*response(Speech(item_id="item_2", audio=noise(rng, 500)), response_id="goes on"))
        await call.until(lambda record: len(record.agent_turns) > 1)
        await asyncio.sleep(0.7)
        call.hang_up()
        await call.ended()
        if (folder / "data/recordings").exists():
            await asyncio.wait_for(finished.get(), WITHIN_S)


async def test_who_agrees_by_key_is_recorded_from_then_on(tmp_path: Path):
    await ask(tmp_path, [WaitForAgent(), Press("1")])
    call = await kept(tmp_path)
    assert answers(call) == [{"given": True, "how": "key"}]
    [recording] = call.recordings
    [consent] = [event for event in call.events if event.kind == "consent"]
    assert recording.kept.at_s == pytest.approx(consent.at_s, abs=0.5)
    assert recording.kept.at_s > QUESTION_MS / 1000
    caller, agent = listen(tmp_path / "data/recordings" / recording.kept.name)
    assert np.count_nonzero(caller) > RATE / 2
    assert np.count_nonzero(agent) < 0.55 * RATE  # nothing of the question


async def test_who_agrees_in_words_is_recorded_too(tmp_path: Path):
    await ask(tmp_path, [], ToolCall("recording_consent", json.dumps({"given": True})))
    call = await kept(tmp_path)
    assert answers(call) == [{"given": True, "how": "speech"}]
    assert len(call.recordings) == 1


@pytest.mark.parametrize(
    ("keys", "says", "how"),
    [([WaitForAgent(), Press("2")], [], "key"), ([], [ToolCall("recording_consent", '{"given": false}')], "speech")],
    ids=["by key", "in words"],
)
async def test_of_who_does_not_agree_there_is_no_recording(
    tmp_path: Path, keys: list[Step], says: list[ToolCall], how: str
):
    await ask(tmp_path, keys, *says)
    call = await kept(tmp_path)
    assert answers(call) == [{"given": False, "how": how}]
    assert call.recordings == ()
    assert not (tmp_path / "data/recordings").exists()


# Secret keys

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_PADS = ("123A", "456B", "789C", "*0#D")


class Typist(Speaker):
    """A caller who types, too: one hears the tone of a key for some time before and after we are told of it."""

    def __init__(self) -> None:
        super().__init__()
        self._digits: dict[int, str] = {}

    def types(self, digit: str, at: float, *, told_after_s: float = 0.1, lasts_s: float = 0.3) -> None:
        row = next(n for n, keys in enumerate(_PADS) if digit in keys)
        times = np.arange(round(lasts_s * RATE)) / RATE
        pitches = _ROWS[row], _COLUMNS[_PADS[row].index(digit)]
        self.says(ulaw((sum(6000 * np.sin(2 * np.pi * hz * times) for hz in pitches)).astype(np.int16)), at)
        self._digits[round((at + told_after_s) * 50)] = digit

    def act(self, now: float, heard: object) -> Action:
        return Action(super().act(now, heard).audio, digit=self._digits.get(round(now * 50) - 1))


def tones(side: Samples) -> list[float]:
    """The seconds at which a key is heard: most of the power of 40 ms is in one pitch of each group."""
    heard = []
    for start in range(0, len(side) - 320, 160):
        piece = side[start : start + 320].astype(np.float64) * np.hanning(320)
        if np.abs(piece).max() < 500:
            continue
        power = np.abs(np.fft.rfft(piece, RATE)) ** 2  # 1 Hz each
        groups = [max(power[hz - 25 : hz + 25].sum() for hz in group) for group in (_ROWS, _COLUMNS)]
        if min(groups) > 0.2 * power.sum():
            heard.append(start / RATE)
    return heard


async def typed(folder: Path, dtmf: Dtmf, pause_s: float) -> Samples:
    """The caller's side of a recording: they say something, type 4271#, and say something."""
    caller = Typist()
    agent = Agent("test", greeting=None, idle=None, recording=Recording("on"), dtmf=dtmf)
    call = RecordedCall(Network(delay_ms=15, jitter_ms=10), random.Random(1), caller, folder, agent)
    at = caller.says(CLIPS[0], 1.0) + 2.5
    for digit in "4271#":
        caller.types(digit, at)
        at += pause_s
    until = caller.says(CLIPS[0], at + 1.5) + 1.0
    while call.now < until:
        call.run(min(call.now + 1.0, until))
        await asyncio.sleep(1.0)
    assert call.recording is not None
    recorded = await call.recording.end()
    await call.recorder.close()
    assert recorded is not None
    return listen(recorded.path)[0]


@pytest.mark.virtual_time
async def test_the_tones_of_ordinary_keys_are_on_the_recording(tmp_path: Path):
    assert len(tones(await typed(tmp_path, Dtmf(), 0.5))) > 5 * 10


@pytest.mark.virtual_time
@pytest.mark.parametrize("pause_s", [0.5, 1.8, 2.6], ids=["quickly", "slowly", "key by key"])
async def test_the_tones_of_secret_keys_are_not_and_what_is_said_around_them_is(tmp_path: Path, pause_s: float):
    caller = await typed(tmp_path, Dtmf(secure=True), pause_s)
    assert tones(caller) == []
    speech = len(CLIPS[0])
    assert np.count_nonzero(caller) > 1.8 * np.count_nonzero(caller[: RATE + speech])
