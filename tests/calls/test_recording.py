"""What is left of a call to listen to."""

import asyncio
import errno
import hashlib
import json
import logging
import random
import resource
import signal
import stat
import subprocess
import sys
import wave
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phoneagent.app import Service
from phoneagent.calls import recording
from phoneagent.calls.live import CallRecorded
from phoneagent.calls.recording import Recorded, Recorder, Recording, seal
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_twilio import NoAnswer
from phoneagent.simulate.network import Network
from phoneagent.simulate.realtime_events import Speech, ToolCall, caller_turn_ended, response
from phoneagent.simulate.record import CallRecord
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession
from tests.calls.service import NUMBER, WITHIN_S, in_time, phone_of, records, serving, write_agent
from tests.calls.telephony import COLD, HUMAN, TRANSFER, scene
from tests.house.tree import ROOT
from tests.lateness import lateness_ms

BEGAN = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
RATE = 8000
BARGE_INS = 4
RECORDED = "greeting: none\nidle: none\nrecording: on"
Samples = np.ndarray[Any, np.dtype[np.int16]]


def listen(path: Path) -> tuple[Samples, Samples]:
    """Both sides of a WAV file."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def sound(ms: int) -> str:
    return b64encode(b"\x20" * (8 * ms)).decode()


def virtual(folder: Path, format: recording.Format = "wav") -> Recorder:
    return Recorder(folder, format, asyncio.get_running_loop().time)


async def speak(tape: Recording, seconds: float) -> None:
    """A caller's sound for some time."""
    for _ in range(round(seconds * 50)):
        await asyncio.sleep(0.02)
        tape.note(on.CallerAudio(sound(20)))


# Files


@pytest.mark.virtual_time
async def test_a_recording_is_a_file_of_its_day_that_only_its_owner_reads(tmp_path: Path):
    recorder = virtual(tmp_path / "recordings")
    tape = recorder.record("c1", BEGAN)
    tape.note(do.PlayAudio(sound(1000)))
    await speak(tape, 2)
    recorded = await tape.end()
    await recorder.close()

    path = tmp_path / "recordings/2026/11/21/c1.wav"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert recorded == Recorded("c1", path, "2026/11/21/c1.wav", 0.0, 2.0, path.stat().st_size, digest)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    caller, agent = listen(path)
    assert np.count_nonzero(caller) == 2 * RATE
    assert np.count_nonzero(agent) == np.count_nonzero(agent[:RATE]) == RATE


@pytest.mark.virtual_time
async def test_the_file_can_be_played_while_the_call_lasts(tmp_path: Path):
    recorder = virtual(tmp_path)
    tape = recorder.record("c1", BEGAN)
    lengths = []
    for _ in range(8):
        await speak(tape, 1.5)
        lengths.append(len(listen(tmp_path / "2026/11/21/c1.0.part.wav")[0]) / RATE)
    recorded = await tape.end()
    await recorder.close()
    assert lengths == sorted(lengths)
    assert all(1.5 * n - length <= 5.1 for n, length in enumerate(lengths, 1))
    assert recorded is not None
    assert recorded.duration_s == pytest.approx(12)


@pytest.mark.virtual_time
async def test_what_is_said_in_a_pause_is_not_in_the_file(tmp_path: Path):
    recorder = virtual(tmp_path)
    tape = recorder.record("c1", BEGAN)
    await speak(tape, 5)
    tape.pause(before_s=2.0)
    await speak(tape, 5)
    tape.resume()
    await speak(tape, 1)
    tape.pause(before_s=2.0)  # which reaches back into what is silent already
    tape.resume()
    await speak(tape, 4)
    recorded = await tape.end()
    await recorder.close()
    assert recorded is not None
    caller, _ = listen(recorded.path)
    assert np.flatnonzero(caller == 0).tolist() == list(range(3 * RATE, 11 * RATE))


KILLED = """
import asyncio, os, sys
from itertools import count
from pathlib import Path
from tests.calls.test_recording import BEGAN, speak, virtual
from tests.calls.virtual_time import VirtualTimeLoop

async def main():
    tape = virtual(Path(sys.argv[1])).record("c1", BEGAN)
    await speak(tape, float(sys.argv[2]))
    os.kill(os.getpid(), 9)

asyncio.Runner(loop_factory=VirtualTimeLoop).run(main())
"""


def test_what_a_killed_process_leaves_can_be_played(tmp_path: Path):
    run = subprocess.run([sys.executable, "-c", KILLED, tmp_path, "31.7"], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL
    caller, _ = listen(tmp_path / "2026/11/21/c1.0.part.wav")
    assert np.count_nonzero(caller) == len(caller) >= 26 * RATE


@pytest.mark.virtual_time
async def test_a_call_that_was_recorded_before_is_recorded_beside_that(tmp_path: Path):
    recorder = virtual(tmp_path)
    for name in ("2026/11/21/c1.wav", "2026/11/21/c1-2.wav"):
        tape = recorder.record("c1", BEGAN)
        await speak(tape, 1)
        recorded = await tape.end()
        assert recorded is not None
        assert recorded.name == name
    await recorder.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize("format", ["flac", "opus"])
async def test_a_recording_is_brought_into_its_format_when_the_call_is_over(tmp_path: Path, format: recording.Format):
    soundfile = pytest.importorskip("soundfile")
    recorder = virtual(tmp_path, format)
    tape = recorder.record("c1", BEGAN)
    await speak(tape, 5)
    recorded = await tape.end()
    await recorder.close()
    assert recorded is not None
    assert [path.name for path in (tmp_path / "2026/11/21").iterdir()] == [f"c1.{format}"]
    assert stat.S_IMODE(recorded.path.stat().st_mode) == 0o600
    assert recorded.sha256 == hashlib.sha256(recorded.path.read_bytes()).hexdigest()
    assert recorded.duration_s == pytest.approx(5)
    with soundfile.SoundFile(recorded.path) as file:
        assert (file.channels, file.frames) == (2, 5 * RATE)
        caller, agent = file.read(dtype="int16").T
    assert np.abs(caller).max() > 1000
    assert np.abs(agent).max() <= 100


def left_over(folder: Path, seconds: int) -> Path:
    """What a killed process has left."""
    path = folder / "c1.1500.part.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes(random.Random(1).randbytes(4 * seconds * RATE))
    return path


@pytest.mark.parametrize("format", ["wav", "flac", "opus"])
async def test_what_a_killed_process_left_is_finished_by_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, format: recording.Format
):
    caplog.set_level(logging.INFO)
    left_over(tmp_path, 2)
    recorder = Recorder(tmp_path, format)
    finished: list[Recorded] = []
    recorder.start(finished.append)
    await until(lambda: [path.name for path in tmp_path.iterdir()] == [f"c1.{format}"])
    await recorder.close()
    assert [(one.call_id, one.name, one.at_s) for one in finished] == [("c1", f"c1.{format}", 1.5)]
    [line] = caplog.records
    digest = hashlib.sha256((tmp_path / f"c1.{format}").read_bytes()).hexdigest()
    assert line.message == "call recorded"
    assert {"call_id": "c1", "file": f"c1.{format}", "seconds": 2.0, "sha256": digest}.items() <= vars(line).items()


@pytest.mark.virtual_time
async def test_what_another_process_still_records_is_left_to_it(tmp_path: Path):
    recorder, other = virtual(tmp_path, "flac"), virtual(tmp_path, "flac")
    tape = recorder.record("c1", BEGAN)
    await speak(tape, 3)
    other.start()
    await asyncio.sleep(1)
    await other.close()
    assert [path.name for path in (tmp_path / "2026/11/21").iterdir()] == ["c1.0.part.wav"]
    recorded = await tape.end()
    await recorder.close()
    assert recorded is not None
    assert recorded.name == "2026/11/21/c1.flac"


@pytest.mark.virtual_time
async def test_recordings_that_are_not_over_end_with_the_recorder(tmp_path: Path):
    finished: list[Recorded] = []
    recorder = virtual(tmp_path)
    await speak(recorder.record("c1", BEGAN, finished=finished.append), 3)
    await recorder.close()
    assert [(one.name, one.duration_s) for one in finished] == [("2026/11/21/c1.wav", 3.0)]


# What goes wrong


@pytest.mark.virtual_time
async def test_a_full_disk_costs_the_recording_only(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    recorder = virtual(tmp_path, "flac")  # which it is not brought into: there is no room
    tape = recorder.record("c1", BEGAN)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
    try:
        await speak(tape, 15)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await speak(tape, 5)  # room again; but what is on the file has a hole by now
    recorded = await tape.end()
    await recorder.close()

    assert recorded is not None
    assert recorded.problem is not None
    assert "File too large" in recorded.problem
    assert recorded.path.suffix == ".wav"
    caller, _ = listen(recorded.path)
    assert np.count_nonzero(caller) == len(caller) > 4 * RATE
    assert [(record.message, record.__dict__["call_id"]) for record in caplog.records] == [("recording given up", "c1")]


@pytest.mark.parametrize("format", ["flac", "opus"])
def test_without_room_for_another_file_the_recording_stays_as_it_is(tmp_path: Path, format: recording.Format):
    pytest.importorskip("soundfile")
    path = left_over(tmp_path, 20)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, unlimited[1]))
    try:
        with pytest.raises(OSError, match="can't be converted"):
            seal(path, tmp_path, format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert list(tmp_path.iterdir()) == [path]
    assert seal(path, tmp_path).duration_s == 20


@pytest.mark.virtual_time
async def test_what_can_not_be_converted_is_still_a_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def full(wav: Path, name: Path, format: recording.Format) -> Path:
        raise OSError("no room")

    monkeypatch.setattr(recording, "_convert", full)
    recorder = virtual(tmp_path, "opus")
    tape = recorder.record("c1", BEGAN)
    await speak(tape, 5)
    recorded = await tape.end()
    await recorder.close()
    assert recorded is not None
    assert (recorded.name, recorded.duration_s, recorded.problem) == ("2026/11/21/c1.wav", 5.0, "no room")
    assert [record.message for record in caplog.records] == ["recording stays a WAV"]


@pytest.mark.virtual_time
async def test_without_a_folder_there_is_no_recording(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "recordings").write_text("not a folder")
    recorder = virtual(tmp_path / "recordings")
    tape = recorder.record("c1", BEGAN)
    await speak(tape, 3)
    assert await tape.end() is None
    await recorder.close()
    assert [record.message for record in caplog.records] == ["recording given up"]


@pytest.mark.virtual_time
async def test_a_disk_that_does_not_keep_up_fills_no_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recording, "MOST_WAITING", 500)
    recorder = virtual(tmp_path)
    tape = recorder.record("c1", BEGAN)
    for _ in range(1000):
        tape.note(on.CallerAudio(sound(20)))
    recorded = await tape.end()
    await recorder.close()
    assert recorded is None or recorded.problem == "the disk does not keep up"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# Whole calls


def recordings(service: Service) -> asyncio.Queue[CallRecorded]:
    """The recordings that are finished from now on."""
    queue: asyncio.Queue[CallRecorded] = asyncio.Queue()
    service.feed.watch(lambda news: queue.put_nowait(news) if isinstance(news, CallRecorded) else None)
    return queue


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 -- files tell nobody
            await asyncio.sleep(0.01)


def lag_ms(one: Samples, other: Samples) -> float:
    """By how much one is later than the other, where they are most alike."""
    size = 2 * len(one)
    product = np.fft.rfft(one.astype(np.float64), size) * np.conj(np.fft.rfft(other.astype(np.float64), size))
    alike = np.fft.irfft(product, size)
    best = int(np.argmax(alike))
    return (best if best < len(one) else best - size) / 8


def noise(rng: random.Random, ms: int) -> bytes:
    return rng.randbytes(8 * ms).translate(bytes([*range(127), 126, *range(128, 255), 254]))  # never silence


async def talk(
    call: FakeCall, session: ScriptedSession, rng: random.Random, barge_ins: int, sentences: int = 3
) -> None:
    """The agent says two things that are heard out, and between them others that are interrupted, each of so many
    sentences."""
    await session.received("session.update")
    await call.until(lambda record: record.streams and record.line.frames_sent)
    for n in count():
        interrupted = len(call.record.line.clears)
        items = [Speech(item_id=f"item_{n}_{m}", audio=noise(rng, rng.randrange(400, 900))) for m in range(sentences)]
        session.emit(*response(*items, response_id=f"resp_{n}", speed=rng.choice((None, 4.0, 1.5))))
        if n == 0 or interrupted == barge_ins:
            await asyncio.sleep(sum(len(item.ulaw) for item in items) / RATE + 0.3)
            if n > 0:
                break
        else:
            await asyncio.sleep(rng.uniform(0.4, 1.1))
            if not in_time(call, session):
                continue
            session.interrupt(f"item_caller_{n}")
            await call.until(lambda record, interrupted=interrupted: len(record.line.clears) > interrupted)
            session.emit(*caller_turn_ended(f"item_caller_{n}"))
            await asyncio.sleep(0.1)
    call.hang_up()


async def test_the_recording_agrees_with_the_phones_own(tmp_path: Path, figure: Callable[[str], None]):
    write_agent(tmp_path, RECORDED)
    networks = (None, Network(delay_ms=15, jitter_ms=10))
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        finished, ended = recordings(service), records(service)
        async with lateness_ms() as late_ms, asyncio.TaskGroup() as talks:
            calls = []
            for number, network in enumerate(networks):
                calls.append(phone.dial(NUMBER, [Silence(60)], network=network, noise=1000))
                talks.create_task(talk(calls[-1], await model.session(number), random.Random(3), BARGE_INS))
        phones = [await call.ended() for call in calls]
        all_news = [await asyncio.wait_for(finished.get(), WITHIN_S) for _ in calls]
        call_sids = {record.call_id: record.call_sid for record in (ended.get_nowait() for _ in calls)}
    recorded = {call_sids[news.call_id]: news.recorded for news in all_news}
    for record, network in zip(phones, networks, strict=True):
        way_ms = 0 if network is None else network.delay_ms + network.jitter_ms
        record.save_recording(tmp_path / "phone.wav")
        agrees(recorded[record.call_sid], record, tmp_path / "phone.wav", way_ms, late_ms(), figure)


def agrees(
    recorded: Recorded,
    record: CallRecord,
    theirs_at: Path,
    way_ms: float,
    late_ms: float,
    figure: Callable[[str], None],
) -> None:
    """Our recording has what the phone's has; all of it may begin later, by a `way_ms`, and by `late_ms` if the process
    was late."""
    assert recorded.path.stem == recorded.call_id
    assert recorded.path.is_relative_to(theirs_at.parent / "data/recordings")
    assert recorded.problem is None
    assert len(record.line.clears) == BARGE_INS
    theirs, ours = listen(theirs_at), listen(recorded.path)
    late = late_ms * RATE / 1000
    assert abs(len(theirs[0]) - len(ours[0])) < 0.1 * RATE + 2 * late
    start, end = slice(0, 2 * RATE), slice(min(len(theirs[0]), len(ours[0])) - 2 * RATE, -RATE // 4)
    off_ms = [lag_ms(ours[side][window], theirs[side][window]) for side in (0, 1) for window in (start, end)]
    missing = np.count_nonzero(theirs[1]) - np.count_nonzero(ours[1])
    figure(
        f"recording and phone, {len(ours[0]) / RATE:.0f} s, {BARGE_INS} barge-ins, {way_ms:g} ms a way: off by "
        f"{off_ms} ms (caller at the start and at the end, agent) in a process that was late by {late_ms:.0f} ms; "
        f"{missing / 8:.0f} ms of what was heard of the agent are missing"
    )
    assert all(abs(off) <= 20 + way_ms + late_ms for off in off_ms)
    assert max(off_ms) - min(off_ms) <= 20 + late_ms
    assert -late <= missing <= 0.05 * RATE * BARGE_INS + late
    assert no_interrupted_sample(ours[1], theirs[1], late_ms)


def no_interrupted_sample(ours: Samples, theirs: Samples, late_ms: float = 0.0) -> bool:
    """Whether each stretch of our recording ends with what the phone has played, but for `late_ms` of it."""
    late, sounding = round(8 * late_ms), np.flatnonzero(ours)
    ends = [*sounding[:-1][np.diff(sounding) > 400], sounding[-1]]
    played = theirs.astype("<i2").tobytes()
    return all(ours[end - late - 20 : end - late + 1].astype("<i2").tobytes() in played for end in ends)


async def test_nothing_is_recorded_unless_the_agent_is_to_be(tmp_path: Path):
    write_agent(tmp_path)
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        call = phone.dial(NUMBER, [Silence(60)])
        await talk(call, await model.session(0), random.Random(3), 0, sentences=1)
        await call.ended()
    assert not (tmp_path / "data/recordings").exists()


async def test_a_call_goes_on_without_its_recording_when_the_disk_is_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def full(file: object, samples: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recording._WavFile, "write", full)
    write_agent(tmp_path, RECORDED)
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        call = phone.dial(NUMBER, [Silence(60)])
        await talk(call, await model.session(0), random.Random(3), 1)
        record = await call.ended()
    assert len(record.line.clears) == 1
    assert record.agent_turns
    [given_up] = [line for line in caplog.records if line.message == "recording given up"]
    assert "No space left" in given_up.__dict__["reason"]
    assert not list((tmp_path / "data/recordings").rglob("*.*"))


async def test_a_caller_who_comes_back_after_a_transfer_is_on_the_same_recording(tmp_path: Path):
    async with scene(tmp_path, f"{COLD}\nrecording: on") as s:
        finished = recordings(s.service)
        s.twilio.answers(HUMAN, NoAnswer())  # for a second: its time is twenty times ours
        caller = await s.call(Speech("One moment.", ms=400), TRANSFER)
        await caller.until(lambda record: len(record.streams) == 2 and len(record.agent_turns) >= 2)
        await asyncio.sleep(0.3)
        caller.hang_up()
        await s.record()
        news = await asyncio.wait_for(finished.get(), WITHIN_S)
        await asyncio.sleep(0.1)
    assert finished.empty()
    _, agent = listen(news.recorded.path)
    sounding = np.flatnonzero(agent)
    silences = np.flatnonzero(np.diff(sounding) > RATE // 2)
    assert len(silences) == 1, "between what was said before and after"


async def test_while_an_agent_speaks_that_is_not_recorded_there_is_silence(tmp_path: Path):
    write_agent(tmp_path, f"{RECORDED}\nhandoff: [grace]", "ada")
    write_agent(tmp_path, "numbers: []\ngreeting: none\nhandoff: [ada]", "grace")
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        finished = recordings(service)
        call = phone.dial(NUMBER, [Silence(60)], noise=1000)
        session = await model.session(0)
        await session.received("session.update")
        await call.until(lambda record: bool(record.streams and record.line.frames_sent))
        await asyncio.sleep(1)
        session.emit(*response(ToolCall("hand_over", json.dumps({"to": "grace", "reason": "She knows."}))))
        await session.received("session.update")
        await asyncio.sleep(1)
        call.hang_up()
        await call.ended()
        news = await asyncio.wait_for(finished.get(), WITHIN_S)
    caller, _ = listen(news.recorded.path)
    half = RATE // 2
    assert np.count_nonzero(caller[:half])
    assert not np.count_nonzero(caller[-half:])
