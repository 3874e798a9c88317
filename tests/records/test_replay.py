"""A call is replayed from its log: the bridge answers as it did, or the first difference is told."""

from __future__ import annotations

import asyncio
import gzip
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from phoneagent.calls import event_log
from phoneagent.calls.event_log import EventLogs
from phoneagent.calls.record import CallDetails
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, Dtmf, Line, Recording, ToolPolicy
from phoneagent.core.bridge import CallBridge
from phoneagent.core.floor import Floor
from phoneagent.records.replay import accept, replay
from phoneagent.store.event_logs import EventLogError, read
from phoneagent.store.event_logs import event_log as log_of
from tests.core.calls import FRAME
from tests.core.chaos import TOOLS
from tests.core.test_invariants import Watched, play

CALLS = int(os.environ.get("PHONEAGENT_RANDOM_CALLS", "40"))
ANSWERED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ADA = Agent("ada", greeting=Line("Hello!"), event_log=True)
TALK = (
    on.SessionReady(),
    on.StreamStarted(),
    on.ResponseStarted("r1"),
    on.AgentText("t1", "You said 4111 1111 1111 1111?"),
    on.AgentAudio("r1", "t1", FRAME * 50, 1000.0),
    on.ResponseEnded("r1", "completed"),
    *[on.CallerAudio(FRAME)] * 30,
    on.CallerStartedSpeaking("c1"),
    on.CallerTranscript("c1", "Yes, my card is 4111-1111-1111-1111", final=True),
    *map(on.DigitPressed, "4112"),
    on.CallerWrote("Or 4111 1111 1111 1113"),
    on.ToolCalled("r2", "call1", "pay", '{"card": "4111 1111 1111 1111", "number": 4111111111111111}'),
    on.ToolFinished("call1", '{"result": "paid with 4111111111111111"}'),
)


def logged(folder: Path, number: int = 1, agent: Agent = ADA, **tools: ToolPolicy) -> tuple[EventLogs, CallBridge]:
    logs = EventLogs(folder)
    return logs, logs.bridge(call_of(agent, f"call{number}"), 0.0, tools)


def call_of(agent: Agent, call_id: str) -> CallDetails:
    return CallDetails(call_id, "CA1", "+15550199", "+15550100", agent, ANSWERED)


async def talk(folder: Path) -> Path:
    """The log of a short talk, in which the agent is interrupted."""
    logs, bridge = logged(folder, pay=ToolPolicy())
    for number, event in enumerate(TALK):
        bridge.receive(event, 1.0 + number / 50)
    bridge.receive(on.StreamEnded(), 9.0)
    await logs.close()
    path = log_of(folder, "call1", ANSWERED)
    assert path is not None
    return path


async def test_random_calls_are_replayed_as_they_were(tmp_path):
    logs = EventLogs(tmp_path)
    for seed in range(CALLS):
        call = Watched(Random(seed), f"call{seed:04d}")
        call.bridge = logs.bridge(call_of(replace(call.bridge.agent, event_log=True), call.name), 0.0, TOOLS)
        play(call)
        if seed % 50 == 0:
            await asyncio.sleep(0)
    await logs.close()
    steps = 0
    for seed in range(CALLS):
        path = log_of(tmp_path, f"call{seed:04d}", ANSWERED)
        assert path is not None
        replayed = replay(path)
        assert replayed.difference is None, f"call {seed}: {replayed.difference}"
        steps += replayed.steps
    assert steps > 10 * CALLS


async def test_another_answer_is_told_with_what_came_before(tmp_path, monkeypatch):
    path = await talk(tmp_path)
    assert replay(path).difference is None
    monkeypatch.setattr(Floor, "interrupt", lambda self, now, **_: ())
    found = replay(path).difference
    assert found is not None
    assert found.step.event == on.CallerStartedSpeaking("c1")
    assert {"do": "ClearPlayout"} in found.step.commands
    assert {"do": "ClearPlayout"} not in found.answered
    assert on.AgentText("t1", "xxx xxxx 0000 0000 0000 0000?") in [step.event for step in found.before]


async def test_what_the_bridge_answers_now_can_be_accepted(tmp_path, monkeypatch):
    path = await talk(tmp_path)
    monkeypatch.setattr(Floor, "interrupt", lambda self, now, **_: ())
    accept(path, tmp_path / "accepted.jsonl.gz")
    assert replay(tmp_path / "accepted.jsonl.gz").difference is None
    monkeypatch.undo()
    assert replay(tmp_path / "accepted.jsonl.gz").difference is not None


async def test_nothing_that_was_said_or_typed_is_in_a_log(tmp_path):
    text = gzip.decompress((await talk(tmp_path)).read_bytes()).decode()
    kept = text.split("\n", 1)[1]  # the head is the agent's file
    for said in ("4111", "card is", "You said", "paid"):
        assert said not in kept
    assert kept.count('"digit":"0"') == kept.count('"digit"') == 4


async def test_of_a_secret_no_key_is_in_a_log_and_no_number(tmp_path):
    asking = replace(ADA, recording=Recording("ask"), dtmf=Dtmf(secure=True, terminator="0"))
    logs, bridge = logged(tmp_path, agent=asking, pay=ToolPolicy())
    asked = [on.SessionReady(), on.StreamStarted(), *TALK[2:6]]
    typed = [on.DigitPressed(key) for key in "1212190"]  # the first agrees to be recorded
    paid = on.ToolCalled("r2", "call1", "pay", '{"pin": 21219, "pins": [212.190, 2.1219e4], "nights": 12}')
    for number, event in enumerate([*asked, *typed, paid, on.StreamEnded()]):
        bridge.receive(event, 1.0 + number / 50)
    await logs.close()
    path = log_of(tmp_path, "call1", ANSWERED)
    assert path is not None
    steps = list(read(path)[1])
    assert "".join(step.event.digit for step in steps if isinstance(step.event, on.DigitPressed)) == "1999990"
    [asked_for] = [step.event.arguments for step in steps if isinstance(step.event, on.ToolCalled)]
    assert asked_for == '{"pin": 100, "pins": [101, 100], "nights": 12}'
    assert replay(path).difference is None


async def test_an_agent_that_does_not_want_it_has_no_log(tmp_path):
    logs, bridge = logged(tmp_path, agent=replace(ADA, event_log=False))
    bridge.receive(on.SessionReady(), 1.0)
    await logs.close()
    assert type(bridge) is CallBridge
    assert not list(tmp_path.iterdir())


async def test_a_log_is_nobody_elses(tmp_path):
    path = await talk(tmp_path)
    assert path == tmp_path / "2026/11/21/call1.jsonl.gz"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_what_a_killed_process_leaves_can_be_replayed(tmp_path):
    path = await talk(tmp_path)
    lines = gzip.decompress(path.read_bytes())
    torn = tmp_path / "torn.jsonl"
    for length in range(len(lines) - 2000, len(lines), 97):
        torn.write_bytes(lines[:length])
        assert replay(torn).difference is None


async def test_a_log_is_finished_once_whatever_is_under_way_when_the_service_ends(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(event_log, "WRITE_EVERY_S", 0.0)
    logs, bridge = logged(tmp_path)
    bridge.receive(on.CallerGone("completed"), 1.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # now a thread writes
    await logs.close()
    path = log_of(tmp_path, "call1", ANSWERED)
    assert path is not None
    assert replay(path).steps == 1
    assert caplog.text == ""


@pytest.mark.parametrize("step", ["open", "copyfileobj", "replace"])
async def test_of_a_log_that_is_erased_while_it_is_packed_nothing_stays(tmp_path, monkeypatch, caplog, step):
    """It is erased right before this step."""
    holder: Any = event_log.shutil if step == "copyfileobj" else Path
    whole = getattr(holder, step)

    def erased_before(*arguments: Any, **options: Any) -> Any:
        for log in tmp_path.rglob("*.jsonl"):
            log.unlink()
        return whole(*arguments, **options)

    logs, bridge = logged(tmp_path)
    bridge.receive(on.SessionReady(), 1.0)
    await asyncio.to_thread(event_log._write_all, tuple(logs._open))
    monkeypatch.setattr(holder, step, erased_before)
    await logs.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert caplog.records == []


async def test_what_is_left_on_a_machine_is_disguised_and_can_be_replayed(tmp_path):
    logs, bridge = logged(tmp_path)
    bridge.receive(on.SessionReady(), 1.0)
    bridge.receive(on.StreamStarted(), 1.0)
    bridge.receive(on.MachineAnswered("Your table for two is ready."), 2.0)
    while bridge.ended is None:
        assert bridge.deadline is not None
        bridge.tick(bridge.deadline)
    await logs.close()
    path = log_of(tmp_path, "call1", ANSWERED)
    assert path is not None
    assert replay(path).difference is None
    assert b"table" not in gzip.decompress(path.read_bytes()).split(b"\n", 1)[1]


async def test_a_disk_that_does_not_keep_up_costs_the_log_and_no_more_room(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(event_log, "MOST_WAITING", 10)
    logs, bridge = logged(tmp_path)
    for number, event in enumerate(TALK):  # with no time to write in between
        bridge.receive(event, 1.0 + number / 50)
    bridge.receive(on.StreamEnded(), 9.0)
    await logs.close()
    assert caplog.text.count("event log given up") == 1
    assert log_of(tmp_path, "call1", ANSWERED) is None


async def test_a_log_that_becomes_too_long_ends_and_can_be_replayed(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(event_log, "MOST_BYTES", 1500)
    replayed = replay(await talk(tmp_path))
    assert replayed.difference is None
    assert 0 < replayed.steps < len(TALK)
    assert "event log given up" in caplog.text


async def test_an_hour_takes_less_than_a_megabyte(tmp_path):
    logs, bridge = logged(tmp_path)
    bridge.receive(on.SessionReady(), 0.0)
    bridge.receive(on.StreamStarted(), 0.0)
    random = Random(1)
    for frame in range(60 * 50):  # a minute, with a network's jitter
        bridge.receive(on.CallerAudio(FRAME), frame / 50 + random.random() / 100)
    await logs.close()
    path = log_of(tmp_path, "call1", ANSWERED)
    assert path is not None
    assert path.stat().st_size * 60 < 1_000_000


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1: no head of an event log"),
        (b'{"hello": 1}\n', "line 1: no head of an event log"),
        (b"\x1f\x8b" + b"x" * 40, "line 1|can't be read"),
    ],
)
def test_what_is_no_log_is_said_to_be_none(tmp_path, content, problem):
    path = tmp_path / "strange.jsonl"
    path.write_bytes(content)
    with pytest.raises(EventLogError, match=problem):
        read(path)


@pytest.mark.parametrize(
    "line",
    [
        '{"at": 1, "event": {"on": "Nothing"}, "commands": []}',
        '{"at": null, "event": null, "commands": []}',
        '{"at": 1, "event": null, "commands": [1]}',
        '{"at": 1, "event": {"on": "CallerAudio", "audio": "loud"}, "commands": []}',
        '{"at": "1 s", "frames": [[0, "20", true]]}',
        '{"at": 1, "frames": [[0, "loud", true]]}',
        '{"at": 1, "frames": [[0, [], true]]}',
    ],
)
def test_a_line_that_is_no_step_is_named(tmp_path, line):
    async def head() -> bytes:
        return gzip.decompress((await talk(tmp_path)).read_bytes()).split(b"\n", 1)[0]

    path = tmp_path / "odd.jsonl"
    path.write_bytes(asyncio.run(head()) + f"\n{line}\n".encode())
    with pytest.raises(EventLogError, match="line 2: no step of a call"):
        replay(path)
