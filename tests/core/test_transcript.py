import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, TurnDetection
from phoneagent.core.transcript import split_heard

from .calls import TestCall


def test_turns_stand_in_the_order_of_the_conversation_not_of_arrival():
    call = TestCall()
    call.happens(on.TurnAdded("c1", "caller", None))
    call.happens(on.TurnAdded("a1", "agent", "c1"))
    call.answers(1.0, text="At eight.")
    call.at(1.0)
    call.plays_all()
    call.happens(on.CallerTranscript("c1", "When do you open?", final=True))
    assert call.turns() == [("caller", "When do you open?", ""), ("agent", "At eight.", "")]


def test_an_item_that_learns_its_place_later_moves_there():
    call = TestCall()
    call.happens(on.AgentText("a1", "second"))
    call.happens(on.TurnAdded("c1", "caller", None))
    call.happens(on.CallerTranscript("c1", "first", final=True))
    call.happens(on.TurnAdded("tool", None, "c1"))
    call.happens(on.TurnAdded("a1", "agent", "tool"))
    assert [text for _, text, unheard in call.turns() for text in [text or unheard]] == ["first", "second"]


def test_the_callers_turn_has_the_time_at_which_they_began_to_speak():
    call = TestCall()
    call.at(2.0)
    call.caller_speaks("c1")
    call.at(9.0)
    call.caller_stops("c1", "I have been thinking about it for a while, and I'd like a table.")
    [turn] = call.bridge.transcript.turns
    assert turn.at_s == 2.0


def test_an_interrupted_turn_holds_what_was_heard_and_separately_what_was_not():
    call = TestCall()
    call.answers(4.0, text="We are open from eight to noon.")
    call.returns(call.marks()[0])
    call.at(2.0)
    report = call.caller_speaks()[-1]
    assert isinstance(report, do.ReportTurn)
    assert (report.turn.text, report.turn.unheard) == ("We are open", "from eight to noon.")
    assert report.turn.interrupted
    assert report.turn.final


def test_words_that_nobody_has_heard_yet_are_unheard():
    call = TestCall()
    call.answers(1.0, text="Hello.")
    assert call.turns() == [("agent", "", "Hello.")]
    call.at(1.0)
    call.plays_all()
    assert call.turns() == [("agent", "Hello.", "")]


def test_partial_words_of_the_caller_grow_and_the_final_ones_replace_them():
    call = TestCall()
    call.happens(on.CallerTranscript("c1", "I'd like ", final=False))
    call.happens(on.CallerTranscript("c1", "a table", final=False))
    assert call.turns() == [("caller", "I'd like a table", "")]
    call.happens(on.CallerTranscript("c1", "I would like a table.", final=True))
    assert call.turns() == [("caller", "I would like a table.", "")]


def test_a_silent_segment_is_no_turn():
    call = TestCall()
    call.happens(on.TurnAdded("c1", "caller", None))
    call.happens(on.CallerTurnEnded("c1", silent=True))
    call.happens(on.CallerTranscript("c1", "", final=True))
    assert call.turns() == []


def test_latency_counts_from_the_end_of_speech_to_the_first_audio_played():
    call = TestCall(Agent("test", greeting=None, turn_detection=TurnDetection(silence_duration_ms=500)))
    call.caller_speaks()
    call.at(3.0)
    call.caller_stops(text="Hello?")  # the end of speech was half a second ago
    call.at(3.4)
    call.answers(1.0)
    call.at(3.45)
    (report,) = call.returns(call.marks()[0])
    assert report.turn.latency_ms == 950
    call.at(4.4)
    call.answers(1.0, "a2", "r2")
    assert [report.turn.latency_ms for report in call.plays_all()][-1] is None


@pytest.mark.parametrize(
    ("share", "heard", "unheard"),
    [(0.0, "", "one two three"), (0.2, "", "one two three"), (0.24, "one", "two three"), (0.5, "one", "two three"),
     (0.54, "one two", "three"), (0.99, "one two", "three"), (1.0, "one two three", "")],
)  # fmt: skip
def test_a_word_that_was_begun_counts_as_unheard(share, heard, unheard):
    assert split_heard("one two three", share) == (heard, unheard)


def test_latency_is_told_once_however_many_marks_a_turn_has():
    call = TestCall()
    call.caller_speaks()
    call.at(1.0)
    call.caller_stops()
    call.at(1.5)
    call.responds()
    call.speaks(1.0)
    call.speaks(1.0)
    call.plays_all()
    (turn,) = [command.turn for command in call.done if isinstance(command, do.ReportTurn)]
    assert turn.latency_ms == 1000
