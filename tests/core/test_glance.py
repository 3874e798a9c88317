"""What somebody sees who looks at a call: how it stands, who is heard, and how much of a turn by now."""

from __future__ import annotations

from phoneagent.core import events as on
from phoneagent.core.glance import Glance

from .calls import FRAME, TestCall
from .test_barge_in import LOUD
from .transfers import connected, transferring


def looks(call: TestCall) -> Glance:
    return call.bridge.glance(call.now)


def words(call: TestCall) -> tuple[str, str]:
    """What the caller has heard of the turn that they hear, and what they have not."""
    turn = looks(call).hearing
    assert turn is not None
    return turn.text, turn.unheard


def test_how_a_call_stands():
    call = TestCall(ready=False)
    assert looks(call) == Glance("connecting")
    call.happens(on.StreamStarted())
    call.happens(on.SessionReady())
    assert looks(call) == Glance("talking")
    call.happens(on.TakenOver())
    assert looks(call) == Glance("taken_over")
    call.happens(on.HandedBack())
    call.responds()
    call.speaks(1.0)
    call.calls_tool("end_call")
    assert looks(call).state == "ending"
    call.happens(on.StreamEnded())
    assert looks(call) == Glance("ending")


def test_a_caller_out_of_the_stream_is_away():
    assert looks(transferring()) == looks(connected()) == Glance("away")


def test_who_is_heard():
    call = TestCall()
    call.caller_speaks()
    assert looks(call).speaking == ("caller",)
    call.caller_stops()
    call.answers(2.0)
    assert looks(call).speaking == ("agent",)
    call.plays(2.0)
    assert looks(call).speaking == ()


def test_an_operator_is_heard_who_is_loud_until_a_moment_later():
    call = TestCall()
    call.happens(on.TakenOver())
    call.happens(on.OperatorAudio(FRAME, 20.0))
    assert looks(call).speaking == ()
    call.happens(on.OperatorAudio(LOUD, 20.0))
    assert looks(call).speaking == ("operator",)
    call.at(0.25)
    assert looks(call).speaking == ("operator",)
    call.at(0.5)
    assert looks(call).speaking == ()


def test_of_a_turn_there_is_more_to_hear_as_time_passes():
    call = TestCall()
    call.answers(4.0, text="one two three four")
    assert words(call) == ("", "one two three four")  # the phone has not said yet that it has begun
    call.returns(call.marks()[0])
    call.at(2.0)
    assert words(call) == ("one two", "three four")
    call.at(3.0)
    assert words(call) == ("one two three", "four")
    call.at(4.0)
    call.plays_all()
    assert looks(call).hearing is None


def test_looking_changes_nothing():
    call = TestCall()
    call.answers(4.0, text="one two three four")
    call.returns(call.marks()[0])
    call.at(2.0)
    looks(call)
    assert call.turns() == [("agent", "", "one two three four")]
    call.caller_speaks()
    assert call.turns() == [("agent", "one two", "three four")]


def test_of_a_turn_that_is_still_generated_no_more_is_heard_than_can_be_said():
    call = TestCall()
    call.responds()
    call.happens(on.AgentText("a1", "The first ten words of a very long answer indeed."))
    call.speaks(1.0)
    call.returns(call.marks()[0])
    call.at(0.9)  # of the audio nearly all was heard, but not of the words
    heard, unheard = words(call)
    assert heard == "The first ten"
    assert unheard == "words of a very long answer indeed."


def test_of_several_turns_the_first_that_was_not_heard_is():
    call = TestCall()
    call.responds()
    call.says(1.0, "a1", text="One.")
    call.says(1.0, "a2", text="Two.")
    call.returns(call.marks()[0])
    call.at(1.5)
    call.returns(call.marks()[1])
    turn = looks(call).hearing
    assert turn is not None
    assert turn.turn_id == "a2"
