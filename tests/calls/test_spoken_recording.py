"""Five minutes of speech with twenty interruptions, in simulated time: record, recording and phone agree."""

import asyncio
import random
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from phoneagent.calls.recording import Recorder, Recording
from phoneagent.core import agents
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent
from phoneagent.simulate import clips
from phoneagent.simulate.audio import SILENT_FRAME, read_wav, samples
from phoneagent.simulate.caller import Action
from phoneagent.simulate.network import Network
from phoneagent.twilio.wire import StreamOpening, parse
from tests.calls.test_recording import RATE, Samples, lag_ms, listen, no_interrupted_sample
from tests.calls.test_simulated_time import STREAM_SID, Call

CLIPS = [read_wav(path) for path in sorted(Path(clips.__path__[0]).glob("*.wav"))]
AGENT = Agent("ada", greeting=None, idle=None, recording=agents.Recording("on"))
BARGE_INS = 20
FRAME = 160
BLOCK = 20 * RATE // 1000
WORDS = "Blue Door, good evening! We have a table for four at seven, or one on the terrace at half past eight."


class Speaker:
    """A caller who says clips at planned times."""

    def __init__(self) -> None:
        self.utterances = []
        self.notes = []
        self._frames: dict[int, str] = {}

    def says(self, clip: bytes, at: float) -> float:
        """Plan to say it. Returns when it will have been said."""
        first = round(at * 50)
        for n, start in enumerate(range(0, len(clip), FRAME)):
            self._frames[first + n] = b64encode(clip[start : start + FRAME].ljust(FRAME, b"\xff")).decode()
        return at + len(clip) / RATE

    def act(self, now: float, heard: object) -> Action:
        return Action(self._frames.get(round(now * 50) - 1, SILENT_FRAME))


class RecordedCall(Call):
    """One whose recording is told of everything as the runner tells it."""

    def __init__(
        self, network: Network, rng: random.Random, caller: Speaker, folder: Path, agent: Agent = AGENT
    ) -> None:
        self.recorder = Recorder(folder, clock=lambda: self.now)
        self.recording: Recording | None = None
        super().__init__(network, rng, agent, caller)

    def _arrive(self, messages: list[str]) -> None:
        for message in messages:
            event = parse(message, STREAM_SID)
            if self.recording is not None and event is not None and not isinstance(event, StreamOpening):
                self.recording.note(event)
            super()._arrive([message])

    def _do(self, commands: do.Commands) -> None:
        for command in commands:
            if isinstance(command, do.Record) and self.recording is not None:
                self.recording.resume()
            elif isinstance(command, do.Record):
                self.recording = self.recorder.record("c1", datetime(2026, 11, 21, tzinfo=UTC))
            elif self.recording is not None and isinstance(command, do.KeepSilence):
                self.recording.pause(command.before_s)
            elif self.recording is not None:
                self.recording.note(command)
        super()._do(commands)

    def agent_says(self, turn: str, speech: bytes, at: float) -> float:
        """Plan a response of one turn, four times as fast as it is heard. Returns when it will have been heard."""
        self.plan(at, on.ResponseStarted(f"r-{turn}"))
        self.plan(at, on.AgentText(turn, WORDS))
        for start in range(0, len(speech), 800):
            piece = speech[start : start + 800]
            audio = on.AgentAudio(f"r-{turn}", turn, b64encode(piece).decode(), len(piece) / 8)
            self.plan(at + start / RATE / 4, audio)
        self.plan(at + len(speech) / RATE / 4, on.AgentTurnEnded(turn))
        self.plan(at + len(speech) / RATE / 4, on.ResponseEnded(f"r-{turn}", "completed"))
        return at + len(speech) / RATE


def converse(call: RecordedCall, caller: Speaker, rng: random.Random) -> float:
    """By turns an answer that is heard out and one that is interrupted. Returns when all of it is over."""
    at = 1.0
    for n in range(BARGE_INS):
        for interrupted in (False, True):
            turn = f"{n}.{interrupted}"
            heard_at = call.agent_says(turn, b"".join(rng.sample(CLIPS, 3)), at)
            speaks_at = rng.uniform(at + 1, heard_at - 1) if interrupted else heard_at + 0.6
            said_at = caller.says(rng.choice(CLIPS), speaks_at)
            call.plan(speaks_at + 0.15, on.CallerStartedSpeaking(f"c{turn}"))
            call.plan(said_at + 0.5, on.CallerStoppedSpeaking(f"c{turn}"))
            call.plan(said_at + 0.5, on.CallerTurnEnded(f"c{turn}"))
            call.plan(said_at + 0.6, on.CallerTranscript(f"c{turn}", "For four, please.", final=True))
            at = said_at + 0.9
    return at


def astray(ours: Samples, theirs: Samples) -> list[float]:
    """The seconds at which ours has sound that theirs does not have within 20 ms of them. Of 20 ms, 5 may lie across a
    seam that the network has left."""
    found = []
    for start in range(0, len(ours) - BLOCK, BLOCK):
        around = theirs[max(0, start - BLOCK) : start + 2 * BLOCK].tobytes()
        parts = (ours[part : part + BLOCK // 4] for part in range(start, start + BLOCK, BLOCK // 4))
        if sum(bool(part.all()) and part.tobytes() not in around for part in parts) > 1:
            found.append(start / RATE)
    return found


@pytest.mark.virtual_time
@pytest.mark.parametrize("network", [Network(), Network(delay_ms=15, jitter_ms=10)], ids=["loopback", "15 to 25 ms"])
async def test_five_minutes_of_speech_are_recorded_as_they_were_heard(
    tmp_path: Path, network: Network, figure: Callable[[str], None]
):
    rng, caller = random.Random(7), Speaker()
    call = RecordedCall(network, rng, caller, tmp_path)
    until = converse(call, caller, rng)
    while call.now < until:
        call.run(min(call.now + 1.0, until))
        await asyncio.sleep(1.0)  # in which the file is written
    assert call.recording is not None
    recorded = await call.recording.end()
    await call.recorder.close()
    call.phone.cut(call.now)
    assert recorded is not None
    assert recorded.problem is None
    assert recorded.duration_s > 300

    ours, theirs = listen(recorded.path), [samples(track) for track in call.phone.tracks()]
    window = 8 * RATE
    off_ms = []
    for mine, phones in zip(ours, theirs, strict=True):
        length = min(len(mine), len(phones))
        for part in (slice(0, window), slice(length - window, length)):
            off_ms.append(lag_ms(mine[part], phones[part]))
    heard_ms = [np.count_nonzero(side) / 8 for side in (ours[1], theirs[1])]
    figure(
        f"{recorded.duration_s:.0f} s of speech, {BARGE_INS} barge-ins, {network.delay_ms:g} to "
        f"{network.delay_ms + network.jitter_ms:g} ms a way: off by {off_ms} ms (caller at the start and at the end, "
        f"agent); {heard_ms[1] - heard_ms[0]:.0f} ms of {heard_ms[1]:.0f} that were heard are missing"
    )
    assert all(abs(off) <= 20 for off in off_ms)
    assert [astray(*sides) for sides in zip(ours, theirs, strict=True)] == [[], []]
    assert no_interrupted_sample(ours[1], theirs[1])
    assert 0 <= heard_ms[1] - heard_ms[0] <= 50 * BARGE_INS

    turns = [turn for turn in call.bridge.transcript.turns if turn.speaker == "agent"]
    assert (
        len(call.phone.clears) == call.bridge.counters.barge_ins == sum(turn.interrupted for turn in turns) == BARGE_INS
    )
    assert len(turns) == 2 * BARGE_INS
    for turn in turns:
        chunks = [call.phone.playout.chunks[number] for number in call.chunks_of[turn.turn_id]]
        played = sum(chunk.played_ms for chunk in chunks) / (sum(len(chunk.audio) for chunk in chunks) / 8)
        words = (len(turn.text) / len(WORDS)) if turn.interrupted else 1.0
        assert abs(words - played) < 0.08, turn
        start = round((turn.at_s - recorded.at_s) * RATE)
        sounding = ours[1][max(0, start - RATE // 4) : start + RATE // 2]
        assert np.count_nonzero(sounding), turn
