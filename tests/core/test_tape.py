"""What is on a call's tape: the caller as they spoke, the agent as far as it was heard, both on one clock."""

import random
import re
from base64 import b64encode
from itertools import pairwise

import pytest

from phoneagent.core.tape import CUT_EARLY_S, RATE, SETTLE_S, SILENCE, Tape
from tests.core.phone_world import BEGAN, FRAME, PhoneWorld, noise

SETTLED = 1000.0  # long after all that a test does


def sound(ms: int, kind: bytes = b"a") -> str:
    return b64encode(kind * (8 * ms)).decode()


def sides(tape: Tape, now: float = SETTLED) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The rest of the tape: for each side which sounds ("." is silence) there are, and for how many milliseconds."""
    both = tape.take(now + SETTLE_S).replace(b"\xff", b".").decode()
    left, right = ([(run[0], len(run) / 8) for run in runs(side)] for side in (both[0::2], both[1::2]))
    return left, right


def runs(text: str) -> list[str]:
    return [match[0] for match in re.finditer(r"(.)\1*", text)]


def test_a_frame_was_spoken_before_it_came():
    tape = Tape(0.0)
    tape.caller(sound(20), now=0.12)
    assert sides(tape, now=0.2)[0] == [(".", 100), ("a", 20), (".", 80)]


def test_frames_that_a_stall_held_up_are_where_they_were_spoken():
    tape = Tape(0.0)
    tape.caller(sound(20, b"a"), now=0.02)
    for kind in (b"b", b"c", b"d"):
        tape.caller(sound(20, kind), now=0.08)
    assert sides(tape, now=0.1)[0] == [("a", 20), ("b", 20), ("c", 20), ("d", 20), (".", 20)]


def test_a_pause_in_which_the_phone_sends_nothing_is_silence():
    tape = Tape(0.0)
    tape.caller(sound(20, b"a"), now=0.02)
    tape.caller(sound(20, b"b"), now=1.02)
    assert sides(tape, now=1.02)[0] == [("a", 20), (".", 980), ("b", 20)]


def test_jitter_leaves_no_seam():
    rng = random.Random(1)
    tape = Tape(0.0)
    for number in range(1, 101):
        tape.caller(sound(20), now=0.02 * number + rng.uniform(0, 0.015))
    assert sides(tape, now=1.5)[0][-1][1] >= 1490  # the rest of the tape is not settled: nothing has come behind it


def test_what_is_late_beyond_measure_is_left_out_and_what_follows_is_in_time():
    tape = Tape(0.0)
    tape.take(5.0)  # two seconds are on the tape
    for number in range(50):
        tape.caller(sound(20, b"ab"[number % 2 :][:1]), now=2.5)  # of 1.5 to 2.5
    tape.caller(sound(20, b"z"), now=2.52)
    left, _ = sides(tape, now=2.52)
    assert len(left) == 26  # half of the fifty
    assert sum(ms for _, ms in left) == 520
    assert left[-1] == ("z", 20)


def test_audio_is_heard_when_the_mark_in_front_of_it_comes_back():
    tape = Tape(0.0)
    tape.mark("1", now=1.0)
    tape.play(sound(500), now=1.0)
    tape.reached("1", now=1.2)
    assert sides(tape, now=2.0)[1] == [(".", 1200), ("a", 500), (".", 300)]


def test_audio_is_heard_after_what_was_queued_before():
    tape = Tape(0.0)
    tape.play(sound(500, b"a"), now=1.0)
    tape.play(sound(500, b"b"), now=1.1)
    tape.play(sound(500, b"c"), now=2.5)
    assert sides(tape, now=3.0)[1] == [(".", 1000), ("a", 500), ("b", 500), (".", 500), ("c", 500)]


def test_a_mark_that_a_stall_held_up_with_the_frames_is_put_between_them():
    tape = Tape(0.0)
    for number in range(1, 10):
        tape.caller(sound(20), now=0.02 * number)
    tape.mark("1", now=0.1)
    tape.play(sound(500), now=0.1)
    for number in range(10, 60):
        if number == 30:  # which ends at 620 ms
            tape.reached("1", now=1.2)
        tape.caller(sound(20, b"b"), now=1.2)
    assert sides(tape, now=1.2)[1] == [(".", 620), ("a", 500), (".", 80)]


def test_what_a_clear_threw_away_is_not_on_the_tape():
    tape = Tape(0.0)
    tape.play(sound(1000, b"a"), now=1.0)
    tape.play(sound(1000, b"b"), now=1.0)
    tape.clear(now=1.5)
    tape.play(sound(100, b"c"), now=1.6)
    assert sides(tape, now=3.0)[1] == [(".", 1000), ("a", 490), (".", 110), ("c", 100), (".", 1300)]


def test_a_clear_takes_a_round_trip_and_is_put_a_little_earlier():
    tape = Tape(0.0)
    tape.mark("1", now=1.0)
    tape.play(sound(1000), now=1.0)
    tape.reached("1", now=1.2)
    tape.clear(now=1.5)
    assert sides(tape, now=3.0)[1] == [(".", 1200), ("a", 490), (".", 1310)]


def test_a_mark_that_a_clear_gave_back_was_not_played():
    tape = Tape(0.0)
    for number, kind in enumerate((b"a", b"b", b"c")):
        tape.mark(str(number), now=1.0)
        tape.play(sound(400, kind), now=1.0)
    tape.reached("0", now=1.1)
    tape.clear(now=1.3)
    tape.reached("1", now=1.4)
    tape.reached("2", now=1.4)
    assert sides(tape, now=2.0)[1] == [(".", 1100), ("a", 290), (".", 610)]


def test_a_mark_that_was_on_its_way_back_when_a_clear_was_sent_was_played():
    tape = Tape(0.0)
    tape.mark("0", now=0.0)
    tape.play(sound(100, b"0"), now=0.0)
    tape.reached("0", now=0.2)
    tape.mark("1", now=1.0)
    tape.play(sound(1000, b"a"), now=1.0)
    tape.clear(now=1.1)
    tape.reached("1", now=1.2)  # the clear arrives at 1.2 on the tape's clock, 1.3
    assert sides(tape, now=2.0)[1] == [(".", 200), ("0", 100), (".", 900), ("a", 90), (".", 710)]


def test_what_was_queued_when_the_stream_ended_is_not_on_the_tape_and_the_next_stream_begins_at_once():
    tape = Tape(0.0)
    tape.play(sound(1000, b"a"), now=1.0)
    tape.gone(now=1.4)
    tape.play(sound(100, b"b"), now=1.5)
    tape.caller(sound(20, b"b"), now=1.52)
    left, right = sides(tape, now=2.0)
    assert right == [(".", 1000), ("a", 390), (".", 110), ("b", 100), (".", 400)]
    assert left == [(".", 1500), ("b", 20), (".", 480)]


def test_nothing_of_either_side_is_kept_while_paused():
    tape = Tape(0.0)
    tape.play(sound(2000), now=0.0)
    for number in range(1, 101):
        tape.caller(sound(20), now=0.02 * number)
    tape.pause(now=0.5)
    tape.resume(now=0.6)
    tape.pause(now=1.5)
    expected = [("a", 500), (".", 100), ("a", 900), (".", 500)]
    assert sides(tape, now=2.0) == (expected, expected)
    tape.caller(sound(20), now=2.02)
    tape.resume(now=2.04)
    tape.caller(sound(20), now=2.06)
    assert sides(tape, now=2.06)[0] == [(".", 40), ("a", 20)]


def test_a_pause_may_have_begun_before_the_one_before_it():
    tape = Tape(0.0)
    tape.play(sound(3000), now=0.0)
    tape.pause(now=1.0)
    tape.resume(now=1.1)
    tape.pause(now=0.5)
    taken = tape.take(SETTLE_S + 0.8) + tape.take(SETTLE_S + 2.0)
    assert taken[1::2] == b"a" * (RATE // 2) + SILENCE * (RATE * 3 // 2)


def test_a_pause_is_the_same_however_often_the_tape_is_taken():
    def taken(times: list[float]) -> bytes:
        tape = Tape(0.0)
        tape.play(sound(3000), now=0.0)
        tape.pause(now=1.0)
        tape.resume(now=2.0)
        return b"".join(tape.take(SETTLE_S + at) for at in times)

    assert taken([2.7]) == taken([0.3, 0.9, 1.1, 1.7, 2.0, 2.1, 2.7])


def test_only_what_can_change_no_more_is_taken():
    tape = Tape(0.0)
    tape.play(sound(5000), now=0.0)
    assert tape.take(SETTLE_S) == b""
    assert len(tape.take(SETTLE_S + 1.0)) == 2 * RATE
    tape.clear(now=SETTLE_S + 1.0)
    rest = tape.end(now=SETTLE_S + 1.5)
    assert rest[1::2].rstrip(b"\xff") == b"a" * round((SETTLE_S - CUT_EARLY_S) * RATE)
    assert tape.duration_s == SETTLE_S + 1.5


class Talk:
    """What is said in an hour: speech at all speeds, often interrupted, music, pauses of the line, stalls."""

    def __init__(self, world: PhoneWorld, length_s: float) -> None:
        self.world, self.rng = world, world.rng
        self.barge_ins = 0
        at = BEGAN + 1
        while at < BEGAN + length_s - 30:
            at = self.rng.choice([*[self.turn] * 15, self.music, self.silent_line])(at) + self.rng.uniform(2.5, 6)

    def turn(self, at: float) -> float:
        world, rng = self.world, self.rng
        if rng.random() < 0.15:
            stall_s = rng.uniform(0.1, 1.5)
            world.at(at + 0.5, lambda: setattr(world, "stalled_until", world.now + stall_s))
        turn, length_s, speed = str(at), rng.uniform(1, 8), rng.choice([1.2, 2, 10])
        said_s = 0.0
        while said_s < length_s:
            audio = noise(rng, rng.choice([320, 800, 2000, 3200]))
            world.at(at + said_s / speed, lambda audio=audio: world.say(turn, audio))
            said_s += len(audio) / RATE
        world.at(at + said_s / speed, lambda: world.said(turn))
        if rng.random() < 0.5:
            return at + said_s
        self.barge_ins += 1
        interrupted_at = at + rng.uniform(said_s / speed, said_s) + 0.001
        world.at(interrupted_at, world.clear)
        return interrupted_at

    def music(self, at: float) -> float:
        for second in range(20):
            length = RATE if second else RATE * 3 // 2
            self.world.at(at + second, lambda length=length: self.world.play(noise(self.rng, length)))
        self.world.at(at + 20.2, self.world.clear)
        return at + 20.2

    def silent_line(self, at: float) -> float:
        self.world.at(at, lambda: setattr(self.world, "line_is_silent", True))
        self.world.at(at + 5, lambda: setattr(self.world, "line_is_silent", False))
        return self.turn(at)


@pytest.mark.parametrize(
    ("length_s", "jitter_s", "drift"),
    [(3600, 0.002, 50e-6), (600, 0.002, -50e-6), (600, 0, 0)],
    ids=["an hour", "a phone whose clock is slow", "only stalls"],
)
def test_both_sides_are_in_time_to_the_end(length_s: float, jitter_s: float, drift: float):
    world = PhoneWorld(random.Random(4), delay_s=0.03, jitter_s=jitter_s, drift=drift)
    talk = Talk(world, length_s)
    world.run(BEGAN + length_s)
    world.end()

    off_ms: list[list[float]] = []
    for side, truth in zip((bytes(world.heard[0::2]), bytes(world.heard[1::2])), world.truth(), strict=True):
        off_ms.append([])
        for at in range(0, len(side) - FRAME, RATE // 4):
            if b"\xff" not in side[at : at + 40]:
                expected = world.sample_of(at)
                off = [
                    truth.find(side[i : i + 20], max(0, expected - RATE), expected + RATE) - i + at
                    for i in (at, at + 20)
                ]
                found = max(off)  # one of them may lie across a seam
                assert found >= 0, f"what is on the tape at {at / RATE} s was not heard"
                off_ms[-1].append((found - expected) / 8)
        # the last that is on the tape of anything was heard
        for end in (match.start() for match in re.finditer(rb"(?<!\xff)\xff{400}", side)):
            ending = side[max(0, end - 16) : end]
            assert b"\xff" in ending or ending in truth[max(0, end - RATE) : end + 2 * RATE]
        sounding, sounded = (len(one) - one.count(b"\xff") for one in (side, truth))
        assert 0.99 * sounded < sounding <= sounded
    assert talk.barge_ins > length_s / 40
    assert len(off_ms[0]) > 3 * length_s
    assert len(off_ms[1]) > length_s
    for side_off in off_ms:
        late = [off for off in side_off if abs(off) > 20]
        # Of speech that comes no faster than it is heard, a stall may part what no mark divides.
        assert len(late) <= len(side_off) / 1000, late
        assert all(abs(off) <= 20 for off in side_off[-100:])


def test_an_operator_who_cuts_the_agent_off_is_in_its_place():
    world = PhoneWorld(random.Random(5), delay_s=0.03, jitter_s=0.004)
    agent, operator = noise(world.rng, 4 * RATE), noise(world.rng, 3 * RATE)
    world.at(BEGAN + 1, lambda: world.say("turn", agent))
    world.at(BEGAN + 2, world.clear)
    for at in range(0, len(operator), FRAME):  # frames as they come from a microphone, without marks
        frame = operator[at : at + FRAME]
        world.at(BEGAN + 2 + at / RATE, lambda frame=frame: world.play(frame))
    world.run(BEGAN + 10)
    world.end()
    heard, (_, truth) = bytes(world.heard[1::2]), world.truth()

    def spoken(whose: bytes, side: bytes) -> list[int]:
        """Where on a side each 20 ms of somebody's are, of those that are there."""
        places = [side.find(whose[at : at + 40]) for at in range(0, len(whose), FRAME)]
        return [place for place in places if place >= 0]

    assert len(spoken(agent, truth)) - 2 <= len(spoken(agent, heard)) <= len(spoken(agent, truth)) < 55
    assert len(spoken(operator, heard)) == len(spoken(operator, truth)) == len(operator) // FRAME
    off = [a - b for a, b in zip(spoken(operator, heard), spoken(operator, truth), strict=True)]
    assert max(map(abs, off)) <= 0.02 * RATE


def test_a_tape_is_the_same_however_often_it_is_taken():
    tapes = []
    for every_s in (0.02, 1.0, 7.0):
        tape = Tape(0.0)
        rng = random.Random(2)
        heard = b""
        for number in range(1, 1000):
            now = 0.02 * number
            tape.caller(b64encode(noise(rng, FRAME)).decode(), now)
            if number % 100 == 1:
                tape.mark(str(number), now)
                tape.play(b64encode(noise(rng, 1500 * 8)).decode(), now)
            if number % 100 == 3:
                tape.reached(str(number - 2), now)
            if number % 200 == 50:
                tape.clear(now)
            if now % every_s < 0.02:
                heard += tape.take(now)
        tapes.append(heard + tape.end(20.0))
    assert all(one == other for one, other in pairwise(tapes))
