import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Line, Transcription

from .calls import TestCall, seconds, without_reports

LOUD = "gICA" * 53 + "gA=="  # 160 bytes at full scale


def heard_for(call: TestCall, s: float) -> None:
    """The phone returns its first mark at once, and `s` seconds pass."""
    call.returns(call.marks()[0])
    call.at(call.now + s)


def test_the_caller_stops_the_agent_where_they_stopped_hearing_it():
    call = TestCall()
    call.responds()
    call.speaks(4.0)
    heard_for(call, 1.5)
    assert without_reports(call.caller_speaks()) == (do.ClearPlayout(), do.TruncateTurn("a1", 1500))


def test_an_agent_that_was_heard_to_the_end_is_left_alone():
    call = TestCall()
    call.answers(1.0)
    call.at(1.0)
    call.plays_all()
    assert call.caller_speaks() == ()


def test_a_response_that_is_generated_but_still_heard_is_stopped_too():
    call = TestCall()
    call.answers(4.0)
    heard_for(call, 2.0)
    assert without_reports(call.caller_speaks()) == (do.ClearPlayout(), do.TruncateTurn("a1", 2000))


def test_audio_that_arrives_after_the_clear_is_never_played():
    call = TestCall()
    call.responds("r1")
    call.speaks(1.0)
    heard_for(call, 0.5)
    call.caller_speaks()
    assert call.speaks(1.0) == ()
    assert call.bridge.counters.stale_audio_dropped == 1
    call.response_ends("r1", "cancelled")
    call.responds("r2")
    assert do.PlayAudio(seconds(0.2)) in call.speaks(0.2, "a2", "r2")


def test_of_several_turns_in_the_queue_one_is_heard_one_is_cut_the_rest_is_removed():
    call = TestCall()
    call.responds("r1")
    call.says(1.0, "a1")
    call.says(2.0, "a2")
    call.response_ends("r1")
    call.responds("r2")
    call.says(1.0, "a3", "r2")
    call.response_ends("r2")
    heard_for(call, 0.0)
    call.at(1.0)
    call.returns(call.marks()[1])  # the end of a1, in front of a2
    call.at(1.4)
    assert without_reports(call.caller_speaks()) == (
        do.ClearPlayout(),
        do.TruncateTurn("a2", 400),
        do.DeleteTurn("a3"),
    )


def test_a_turn_of_the_interrupted_response_that_shows_up_later_is_removed_once():
    call = TestCall()
    call.responds()
    call.speaks(1.0, "a1")
    heard_for(call, 0.5)
    call.caller_speaks()
    assert without_reports(call.speaks(0.2, "a2")) == (do.DeleteTurn("a2"),)
    assert call.speaks(0.2, "a2") == ()


def test_marks_given_back_by_the_clear_do_not_count_as_heard():
    call = TestCall()
    call.answers(3.0, text="one two three four five six")
    heard_for(call, 1.0)
    old = call.marks()
    call.caller_speaks()
    call.returns(*old)
    call.response_ends("r1", "cancelled")
    call.answers(3.0, "a2", "r2")
    assert without_reports(call.caller_speaks("c2")) == (do.ClearPlayout(), do.DeleteTurn("a2"))


def test_what_was_never_heard_is_removed_rather_than_cut_to_nothing():
    call = TestCall()
    call.responds()
    call.speaks(1.0)
    assert without_reports(call.caller_speaks()) == (do.ClearPlayout(), do.DeleteTurn("a1"))


def test_the_playhead_stands_still_when_the_phone_runs_dry():
    call = TestCall()
    call.responds()
    call.speaks(0.5)
    heard_for(call, 3.0)  # 2.5 s of silence, in which the agent thinks
    call.speaks(2.0)
    call.at(3.2)
    assert without_reports(call.caller_speaks()) == (do.ClearPlayout(), do.TruncateTurn("a1", 500))


def test_the_clock_never_passes_a_mark_that_has_not_come_back():
    call = TestCall()
    call.responds()
    for _ in range(4):
        call.speaks(0.1)
    heard_for(call, 0.35)
    assert do.TruncateTurn("a1", 100) in call.caller_speaks()


def test_the_least_delayed_mark_tells_the_time():
    call = TestCall()
    call.responds()
    for _ in range(20):
        call.speaks(0.25)
    late_ms = [50, 10, 40]
    for n, mark in enumerate(call.marks()[:3]):
        call.at((n * 250 + late_ms[n]) / 1000)
        call.returns(mark)
    call.at(0.57)
    assert do.TruncateTurn("a1", 560) in call.caller_speaks()


def test_a_truncation_refused_as_too_long_is_tried_once_more_with_the_length_named():
    call = TestCall()
    call.responds()
    call.speaks(4.0)
    heard_for(call, 1.5)
    call.caller_speaks()
    assert call.happens(on.TruncationRefused("a1", 1415)) == (do.TruncateTurn("a1", 1415),)
    assert call.happens(on.TruncationRefused("a1", 1400)) == ()
    assert call.bridge.counters.truncations_refused == 2


def test_speech_must_last_when_the_agent_asks_for_it():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.responds()
    call.speaks(5.0)
    heard_for(call, 1.0)
    assert call.caller_speaks() == ()
    assert all(len(commands) == 1 for commands in call.frames(9, LOUD))
    (commands,) = call.frames(1, LOUD)
    assert without_reports(commands) == (
        do.ClearPlayout(),
        do.CancelResponse("r1"),
        do.TruncateTurn("a1", 1000),
        do.AppendAudio(LOUD),
    )


def test_a_short_sound_neither_stops_the_agent_nor_is_answered():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.answers(5.0)
    heard_for(call, 1.0)
    call.caller_speaks()
    call.frames(5, LOUD)
    call.frames(20)
    call.caller_stops(text="mm-hm")
    assert not [c for c in call.done if isinstance(c, do.ClearPlayout | do.RequestResponse)]


def test_a_short_answer_over_the_agents_last_word_is_answered():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.answers(1.0)
    heard_for(call, 0.9)
    call.caller_speaks()
    call.frames(5, LOUD)
    call.at(1.5)
    call.plays_all()
    assert do.RequestResponse() in call.caller_stops(text="yes")


def test_a_bridge_that_takes_the_turns_answers_every_turn_of_the_caller():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.caller_speaks()
    assert do.RequestResponse() in call.caller_stops()


def test_a_legal_notice_is_heard_to_the_end_and_the_caller_answered_after_it():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=None)))
    call.responds()
    call.says(5.0)
    heard_for(call, 1.0)
    assert call.caller_speaks() == ()
    assert call.caller_stops() == ()
    assert do.RequestResponse() in call.response_ends()
    assert not [c for c in call.done if isinstance(c, do.ClearPlayout)]


@pytest.mark.parametrize("transcription", [Transcription(), Transcription(model=None)])
def test_a_protected_greeting_is_heard_to_the_end_and_later_turns_are_not(transcription):
    agent = Agent("test", greeting=Line("Hello"), transcription=transcription, barge_in=BargeIn(protect_greeting=True))
    call = TestCall(agent)
    call.answers(2.0, "a1", "greeting")
    heard_for(call, 1.0)
    assert call.caller_speaks() == ()
    assert do.RequestResponse() in call.caller_stops()
    call.at(2.0)
    call.plays_all()
    call.responds("r2")
    call.speaks(2.0, "a2", "r2")
    assert do.CancelResponse("r2") in call.caller_speaks("c2")


def test_a_speech_with_nothing_to_stop_is_just_listened_to():
    call = TestCall()
    assert call.caller_speaks() == ()
    assert call.bridge.counters.barge_ins == 0


def test_a_leg_that_returns_no_marks_is_taken_to_have_played_in_the_end():
    call = TestCall()
    call.answers(1.0, text="All of it.")
    call.at(3.5)
    assert call.turns() == [("agent", "All of it.", "")]
    assert call.caller_speaks() == ()


def test_marks_that_come_back_after_they_were_given_up_tell_nothing():
    call = TestCall()
    call.answers(1.0)
    call.at(3.5)
    call.returns(call.marks()[0])
    assert call.caller_speaks() == ()


def test_a_response_that_has_not_said_anything_yet_leaves_nothing_to_clear():
    call = TestCall()
    call.responds()
    assert call.caller_speaks() == ()
    assert call.speaks(1.0)[0] == do.DeleteTurn("a1")


def test_an_agent_that_thinks_in_the_middle_of_a_turn_is_stopped_where_it_was_heard_to():
    call = TestCall()
    call.responds()
    call.speaks(0.5)
    heard_for(call, 1.0)
    assert do.TruncateTurn("a1", 500) in call.caller_speaks()


def test_turns_whose_audio_comes_interleaved_are_cut_each_at_its_own_place():
    call = TestCall()
    call.responds()
    for n, turn in enumerate(("a1", "a2", "a1")):
        call.at(n * 0.1)
        call.speaks(1.0, turn)
    call.at(2.5)
    call.plays_all()
    assert without_reports(call.caller_speaks()) == (
        do.ClearPlayout(),
        do.TruncateTurn("a1", 1000),
        do.TruncateTurn("a2", 1000),
    )


def test_noise_after_a_short_sound_does_not_make_it_a_long_one():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    call.responds()
    call.speaks(5.0)
    call.caller_speaks()
    call.frames(6, LOUD)
    call.happens(on.CallerStoppedSpeaking("c1"))
    call.frames(20, LOUD)
    assert do.ClearPlayout() not in call.done
