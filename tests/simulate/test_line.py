"""The phone's end of a media stream in simulated time: whole calls in microseconds, without a socket."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

from phoneagent.simulate.audio import Clip, comfort_noise
from phoneagent.simulate.caller import Caller
from phoneagent.simulate.line import Line, PhoneLine, StreamIdentity
from phoneagent.simulate.network import DelayedLine, Network
from phoneagent.simulate.script import (
    DropConnection,
    HangUp,
    Interrupt,
    Press,
    Say,
    Silence,
    Step,
    WaitForAgent,
    conversation,
)

WHO = StreamIdentity("AC1", "CA1", "MZ1")
HALF_A_SECOND = Clip.of(b"\x10\x90" * 2000)


def media(ms: float, fill: int = 0x55) -> str:
    audio = base64.b64encode(bytes([fill]) * round(8 * ms)).decode()
    return json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": audio}})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})


CLEAR = json.dumps({"event": "clear", "streamSid": "MZ1"})


class Call:
    """A line in simulated time; what it sends is kept with the time at which it came."""

    def __init__(self, *script: Step, network: Network | None = None, noise: int = 0) -> None:
        rng = random.Random(7)
        self.caller = Caller(script, lambda what: HALF_A_SECOND, comfort_noise(noise, rng))
        self.phone = PhoneLine(WHO, self.caller)
        self.line: Line = self.phone if network is None else DelayedLine(self.phone, network, rng)
        self.now = 1000.0
        self.sent: list[tuple[float, dict[str, Any]]] = []
        self._keep(self.line.open(self.now))

    def run(self, seconds: float = 60.0) -> Call:
        until = self.now + seconds
        while self.line.ended is None and self.line.deadline <= until:
            self.now = self.line.deadline
            self._keep(self.line.tick(self.now))
        if self.line.ended is None:
            self.now = until
        return self

    def receive(self, *messages: str | bytes) -> Call:
        for message in messages:
            self._keep(self.line.receive(message, self.now))
        return self

    def events(self, event: str) -> list[tuple[float, Any]]:
        return [(round(at - 1000, 6), m[event]) for at, m in self.sent if m["event"] == event]

    def _keep(self, messages: list[str]) -> None:
        self.sent += [(self.now, json.loads(message)) for message in messages]


def test_a_frame_every_20_ms_for_ten_minutes_without_drift():
    call = Call(Silence(600), HangUp()).run(4000)
    frames = call.events("media")
    assert len(frames) == 30_001
    assert all(at == pytest.approx(0.02 * n, abs=1e-6) for n, (at, _) in enumerate(frames, 1))
    assert frames[-1][1]["chunk"] == "30001"
    numbers = [m["sequenceNumber"] for _, m in call.sent if m["event"] != "connected"]
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]


def test_a_late_tick_sends_what_was_missed_and_remembers_how_late_it_was():
    call = Call()
    call.now += 0.1
    call._keep(call.line.tick(call.now))
    assert len(call.events("media")) == 5
    assert call.phone.worst_delay_s == pytest.approx(0.08)
    delayed = Call(network=Network(delay_ms=50))
    delayed.line.tick(delayed.now + 0.1)
    assert delayed.phone.worst_delay_s == pytest.approx(0.08)


def test_marks_return_when_their_audio_was_played():
    call = Call().receive(media(100), mark("a"), media(250), mark("b")).run(1)
    assert call.events("mark") == [(0.1, {"name": "a"}), (0.35, {"name": "b"})]
    assert all(one.played for one in call.phone.marks)


def test_a_clear_returns_all_marks_at_once_and_nothing_is_played_after_it():
    call = Call().receive(media(1000, fill=1), mark("a"), media(1000, fill=2), mark("b"))
    call.run(1.25).receive(CLEAR)
    assert call.events("mark") == [(1.0, {"name": "a"}), (1.25, {"name": "b"})]
    assert [one.played for one in call.phone.marks] == [True, False]
    assert [chunk.played_ms for chunk in call.phone.playout.chunks] == [1000, 250]
    [clear] = call.phone.clears
    assert (clear.played_ms, clear.dropped_ms) == (1250, pytest.approx(750))


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("{", 31951, "not JSON"),
        ("[]", 31951, "unknown event"),
        ('{"event":"hello","streamSid":"MZ1"}', 31951, "unknown event 'hello'"),
        ('{"event":"clear","streamSid":"MZ1","why":1}', 31951, "extra fields: ['why']"),
        ('{"event":"clear"}', 31951, "extra fields: ['streamSid']"),
        ('{"event":"mark","streamSid":"MZ1"}', 31951, "extra fields: ['mark']"),
        ('{"event":"mark","streamSid":"MZ1","mark":{}}', 31951, "mark.name"),
        ('{"event":"mark","streamSid":"MZ2","mark":{"name":"a"}}', 31951, "another stream"),
        ('{"event":"media","streamSid":"MZ1","media":{"payload":"?"}}', 31951, "base64"),
        ('{"event":"media","streamSid":"MZ1","media":{"payload":7}}', 31951, "media.payload"),
        ('{"event":"media","streamSid":"MZ1","media":{"payload":"","track":"x"}}', 31951, "media.payload"),
        (b"\x00", 31950, "binary"),
        (media(601_000), 31931, "ten minutes"),
    ],
)
def test_what_twilio_would_warn_of_is_noted_and_dropped(message: str | bytes, code: int, reason: str):
    call = Call().receive(message)
    [warning] = call.phone.warnings
    assert warning.code == code
    assert reason in warning.reason
    assert not call.phone.playout.playing(call.now)
    assert call.phone.clears == []


def test_the_caller_waits_for_the_agent_to_finish():
    call = Call(WaitForAgent(quiet_ms=500), Say("yes"), HangUp())
    call.run(1).receive(media(400)).run(0.7).receive(media(300)).run()
    [said] = call.caller.utterances
    assert said.began_at - 1000 == pytest.approx(1.7 + 0.3 + 0.5, abs=0.021)
    assert said.ended_at - said.began_at == pytest.approx(0.5)
    assert call.caller.notes == []


def test_waiting_for_the_agent_begins_anew_with_every_word():
    call = Call(Say("hello"), WaitForAgent(quiet_ms=500, timeout_s=5), HangUp())
    call.receive(media(200)).run()  # over before the caller has ended
    assert call.caller.notes == ["the agent did not speak within 5 s"]
    assert call.events("stop")[0][0] == pytest.approx(5.5, abs=0.05)


def test_what_runs_on_for_a_moment_after_an_interruption_is_not_the_answer():
    call = Call(Interrupt(after_ms=600, what="stop"), WaitForAgent(quiet_ms=300), HangUp())
    call.receive(media(10_000, fill=1)).run(1.5).receive(CLEAR)  # the words were over at 1.1
    call.run(1.0).receive(media(200, fill=2)).run()
    [said] = call.caller.utterances
    assert said.began_at - 1000 == pytest.approx(0.6, abs=0.021)
    assert said.interrupts
    assert call.events("stop")[0][0] == pytest.approx(2.5 + 0.2 + 0.3, abs=0.03)


def test_an_agent_that_does_not_let_itself_be_interrupted_is_waited_for_all_the_same():
    call = Call(Interrupt(after_ms=600, what="stop"), WaitForAgent(quiet_ms=300), HangUp())
    call.receive(media(5000)).run()
    assert call.caller.notes == []
    assert call.events("stop")[0][0] == pytest.approx(5.3, abs=0.03)


def test_a_turn_too_short_to_interrupt_is_noted():
    call = Call(Interrupt(after_ms=600, what="stop"), HangUp()).receive(media(300)).run()
    assert "before it could be interrupted at 600 ms" in call.caller.notes[0]
    assert len(call.caller.utterances) == 1


def test_keys_stop_and_drop():
    call = Call(Press("1#", every_ms=100), HangUp()).run()
    assert call.events("dtmf") == [
        (0.02, {"track": "inbound_track", "digit": "1"}),
        (0.12, {"track": "inbound_track", "digit": "#"}),
    ]
    assert call.sent[-1][1]["event"] == "stop"
    assert call.line.ended == "hung up"
    assert call.receive(media(100), mark("late")).sent[-1][1]["event"] == "stop"
    dropped = Call(DropConnection()).run()
    assert dropped.line.ended == "dropped"
    assert dropped.events("stop") == []


def test_comfort_noise_is_not_silence_and_the_same_every_time():
    one, other = (Call(noise=60).run(1).events("media") for _ in range(2))
    assert one == other
    assert "/" * 100 not in one[0][1]["payload"]


def test_what_was_said_and_heard_can_be_listened_to():
    call = Call(Silence(0.2), Say(Path("clip.wav")), HangUp())
    call.run(0.1).receive(media(100, fill=9)).run()
    caller, agent = call.phone.tracks()
    assert caller == b"\xff" * 1600 + b"\x10\x90" * 2000 + b"\xff" * 160
    assert agent == b"\xff" * 800 + b"\x09" * 800


def test_what_a_clear_threw_away_takes_no_time_on_the_recording():
    call = Call(Silence(9))
    call.receive(media(1000, fill=8), media(1000, fill=9)).run(0.5).receive(CLEAR, media(100, fill=7)).run(1)
    assert call.phone.tracks()[1] == b"\x08" * 4000 + b"\x07" * 800


def test_a_network_delays_both_ways_and_keeps_the_order():
    network = Network(delay_ms=50, jitter_ms=40)
    call = Call(Silence(1), HangUp(), network=network)
    call.receive(*(mark(str(n)) for n in range(20))).run()
    assert [content["name"] for _, content in call.events("mark")] == [str(n) for n in range(20)]
    assert all(0.1 <= at <= 0.18 for at, _ in call.events("mark"))
    frames = call.events("media")
    assert [content["chunk"] for _, content in frames] == [str(n) for n in range(1, 52)]
    delays = [at - 0.02 * n for n, (at, _) in enumerate(frames, 1)]
    assert 0.049 < min(delays) < max(delays) < 0.0901
    assert max(delays) - min(delays) > 0.01
    assert call.sent[-1][1]["event"] == "stop"
    assert call.line.ended == "hung up"


def test_a_polite_conversation():
    steps = conversation(["one", "two.wav"])
    assert [type(step).__name__ for step in steps] == [
        "WaitForAgent",
        "Say",
        "WaitForAgent",
        "Say",
        "WaitForAgent",
        "HangUp",
    ]
    assert [step.what for step in steps if isinstance(step, Say)] == ["one", Path("two.wav")]
