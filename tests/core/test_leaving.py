"""The caller is taken out of the stream, and comes back or not."""

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.errors import Problem
from phoneagent.core.wording import say_exactly

from .calls import FRAME, Agent, BargeIn, Idle, Limits, Line, TestCall, ToolPolicy, output_of, without_reports
from .transfers import BACK, NOTE, TOLD, TRANSFER, connected, transferring

ASK = do.RequestResponse()
HUNG_UP = do.EndCall("caller_hung_up", "the caller's stream ended")


# Out of the stream


def test_the_end_of_a_stream_that_was_announced_is_no_hang_up():
    call = transferring()
    call.at(60.0)
    assert call.ends() == []


def test_the_end_of_any_other_stream_is():
    assert TestCall().happens(on.StreamEnded()) == (HUNG_UP,)


def test_a_caller_who_could_not_be_taken_away_hangs_up_as_usual():
    call = TestCall()
    call.happens(on.CallerLeaving())
    assert call.happens(on.CallerStays()) == ()
    assert call.answers(1.0)
    assert call.happens(on.StreamEnded())[-1] == HUNG_UP


def test_a_stream_that_ended_though_the_caller_stayed_was_a_hang_up():
    call = TestCall()
    call.leaves()
    assert call.happens(on.CallerStays()) == (HUNG_UP,)


def test_what_was_not_heard_before_the_caller_left_was_not_said():
    call = TestCall()
    call.responds()
    call.says(4.0, text="one two three four")
    call.returns(call.marks()[0])
    call.at(2.0)
    assert without_reports(call.leaves()) == (do.ClearPlayout(), do.CancelResponse("r1"), do.TruncateTurn("a1", 2000))
    assert call.turns() == [("agent", "one two", "three four")]


def test_nothing_is_played_to_nobody():
    call = transferring()
    assert call.responds("r2") == (do.CancelResponse("r2"),)  # the session begins one by itself
    assert without_reports(call.speaks(1.0, "a2", "r2")) == (do.DeleteTurn("a2"),)
    call.response_ends("r2", "cancelled")


def test_nothing_is_asked_for_or_done_while_the_caller_is_away():
    call = transferring(Agent("test", greeting=None, idle=Idle(after_s=5), barge_in=BargeIn(after_ms=200)))
    before = len(call.done)
    call.caller_speaks()
    call.caller_stops()
    assert "caller_away" in output_of(call.calls_tool("look_up", "t2"), "t2")
    assert call.happens(on.ApprovalRequested("q1", "transfer_call", "{}"))[0].approve is False
    call.at(600.0)
    assert not {do.RequestResponse, do.RunTool, do.StartMusic} & {type(command) for command in call.done[before:]}


@pytest.mark.parametrize("stays", [False, True])
def test_who_is_about_to_leave_is_spoken_to_only_when_they_are_back_or_stay(stays: bool):
    call = TestCall(transfer_call=TRANSFER)
    call.wants("transfer_call", "t1")
    call.happens(on.CallerLeaving())
    # the caller's line may ask how to go on before we hear that the stream has ended
    assert call.happens(on.CallerReturning(NOTE)) == (TOLD,)
    assert ASK not in call.tool_ends("t1", "sent")
    assert ASK not in call.at(1.0)
    if stays:
        assert call.happens(on.CallerStays()) == (ASK,)
    else:
        call.happens(on.StreamEnded())
        assert call.happens(BACK) == (ASK,)


def test_a_tool_that_waited_for_the_last_word_is_not_run_behind_the_callers_back():
    call = TestCall(send_sms=ToolPolicy(after_speech=True))
    call.responds()
    call.says(5.0)
    call.calls_tool("send_sms")
    call.response_ends()
    assert "caller_away" in output_of(call.leaves(), "t1")


def test_the_time_without_the_caller_does_not_count():
    limits = Limits(max_minutes=2, warn_s=30, warning=Line("Half a minute."), goodbye=Line("Time is up."))
    call = transferring(Agent("test", greeting=None, idle=None, limits=limits))  # after one second
    call.tool_ends("t1", "no answer")
    assert ASK not in call.at(500.0)
    assert call.happens(BACK) == (ASK,)
    call.answers(1.0, "a2", "r2")
    call.plays(1.0)
    assert call.at(588.9) == ()
    assert call.at(589.0) == (do.RequestResponse(say_exactly("Half a minute.")),)
    call.answers(1.0, "a3", "r3")
    call.plays(1.0)
    assert call.at(619.0) == (do.RequestResponse(say_exactly("Time is up.")),)


def test_who_talks_to_a_person_when_the_money_is_used_up_is_left_in_peace_until_they_are_back():
    call = connected(Agent("test", greeting=None, limits=Limits(goodbye=Line("Goodbye then."))))
    call.happens(on.MoneyUsedUp("limits.call_usd"))
    call.at(100.0)
    assert call.ends() == []
    call.tool_ends("t1", "They have talked.")
    call.happens(on.CallerReturning(NOTE))
    call.happens(on.SessionReady())
    assert call.happens(BACK) == (do.RequestResponse(say_exactly("Goodbye then.")),)


def test_nor_does_the_time_in_which_they_were_about_to_leave():
    limits = Limits(max_minutes=2, warn_s=120, goodbye=Line("Time is up."))
    call = TestCall(Agent("test", greeting=None, idle=None, limits=limits))
    call.at(119.0)
    call.happens(on.CallerLeaving())
    assert call.at(130.0) == ()
    call.happens(on.CallerStays())
    assert call.at(130.9) == ()
    assert call.at(131.0) == (do.RequestResponse(say_exactly("Time is up.")),)


# Back again


def test_a_caller_whom_nobody_answered_is_spoken_to_when_they_are_back():
    call = transferring()
    call.at(20.0)
    assert call.happens(on.CallerReturning(NOTE)) == (TOLD,)
    assert call.tool_ends("t1", "no answer") == (do.SendToolOutput("t1", "no answer"),)
    assert call.happens(BACK) == (ASK,)
    assert do.PlayAudio in {type(c) for c in call.answers(1.0, "a2", "r2")}
    call.plays(1.0)
    assert call.happens(on.StreamEnded()) == (HUNG_UP,)


def test_the_tool_that_says_how_it_went_is_waited_for_a_moment():
    call = transferring()
    call.happens(on.CallerReturning(NOTE))
    assert call.happens(BACK) == ()
    call.at(1.5)
    call.tool_ends("t1", "no answer")
    assert call.at(2.0) == (ASK,)
    call.responds("r2")
    assert call.response_ends("r2") == ()


def test_but_not_for_longer():
    call = transferring()
    call.happens(on.CallerReturning(NOTE))
    call.happens(BACK)
    assert call.at(2.0) == (ASK,)


def test_without_a_note_the_output_of_the_tool_is_what_is_spoken_of():
    call = TestCall(send_digits=ToolPolicy(after_speech=True))
    call.wants("send_digits", "t1")
    call.leaves()
    assert call.happens(BACK) == ()
    assert call.tool_ends("t1", "sent") == (do.SendToolOutput("t1", "sent"),)
    assert call.at(1.0) == (ASK,)


def test_what_the_caller_said_last_is_answered_when_they_are_back():
    call = TestCall(Agent("test", greeting=None))
    call.caller_speaks()
    call.caller_stops(text="And my name is")
    call.leaves()
    assert call.happens(BACK) == (ASK,)


def test_a_caller_who_was_cut_off_in_mid_sentence_is_heard_again():
    call = TestCall()
    call.caller_speaks()
    call.leaves()
    call.happens(on.CallerStartedSpeaking("c2"))  # an echo of the old stream
    call.happens(BACK)
    call.happens(on.DigitPressed("#"))
    assert ASK in call.done
    assert call.frames(1) == [(do.AppendAudio(FRAME),)]


def test_a_stream_that_takes_the_place_of_another_begins_with_silence():
    call = TestCall()
    call.answers(3.0)
    call.returns(call.marks()[0])
    call.at(1.0)
    assert {do.ClearPlayout(), do.TruncateTurn("a1", 1000)} <= set(call.happens(BACK))
    assert call.ends() == []


def test_the_absence_is_over_when_the_caller_is_back():
    call = connected(Agent("test", greeting=None, idle=None, limits=Limits(max_minutes=10_000)))
    call.happens(on.CallerReturning(NOTE))
    call.happens(on.SessionReady())
    call.happens(BACK)
    call.answers(1.0, "a2", "r2")
    call.at(20_000.0)
    assert call.ends() == []
    call.leaves()
    assert call.happens(on.CallerGone("completed")) == (do.EndCall("caller_hung_up", "completed"),)


# Somebody else has the caller


def test_while_the_caller_talks_to_somebody_else_there_is_no_session():
    call = connected()
    assert call.frames(1) == [()]
    assert call.at(3600.0) == ()


def test_a_caller_who_is_joined_before_the_old_stream_ends_is_away_too():
    call = TestCall()
    call.happens(on.CallerLeaving())
    assert call.happens(on.CallerConnected("reception")) == (do.CloseSession(),)
    assert call.happens(on.StreamEnded()) == ()
    call.at(1000.0)
    assert call.ends() == []


def test_the_call_that_ends_there_was_transferred():
    assert connected().happens(on.CallerGone("completed")) == (do.EndCall("transferred", "reception"),)


def test_so_was_the_call_that_we_have_no_more_time_for():
    drain = on.HangUpRequested("drain", sorry=True)
    assert connected().happens(drain)[-1] == do.EndCall("transferred", "reception")
    assert transferring().happens(drain)[-1] == do.EndCall("hung_up", "drain", say=Agent("test").apology)


def test_a_caller_who_hangs_up_before_somebody_answers_has_hung_up():
    assert transferring().happens(on.CallerGone("completed")) == (do.EndCall("caller_hung_up", "completed"),)


def test_a_call_that_is_over_by_the_carriers_word_is_over_in_the_stream_too():
    assert TestCall().happens(on.CallerGone("completed")) == (do.EndCall("caller_hung_up", "completed"),)


def test_a_caller_of_whom_nothing_is_heard_any_more_is_not_waited_for_without_end():
    call = transferring()
    call.at(902.0)
    assert call.ends() == [do.EndCall("caller_hung_up", "the caller did not come back")]
    call = connected()
    call.at(902.0)
    assert call.ends() == []
    call.at(15000.0)
    assert call.ends() == [do.EndCall("transferred", "reception")]
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    call.at(902.0)
    assert call.ends() == [do.EndCall("transferred", "reception")]


def test_somebody_who_was_not_announced_changes_nothing():
    call = TestCall()
    assert call.happens(on.CallerConnected("reception")) == ()
    assert call.frames(1) == [(do.AppendAudio(FRAME),)]


# Goodbyes


def test_a_session_that_was_lost_during_that_goodbye_is_replaced_if_the_caller_stays():
    call = TestCall()
    call.responds()
    call.says(1.0)
    call.calls_tool("end_call")
    call.response_ends()
    call.happens(on.SessionEnded(Problem("close:1006")))
    call.happens(on.CallerLeaving())
    assert call.happens(on.CallerStays()) == (do.OpenSession(call.bridge.agent),)


def test_a_goodbye_that_the_caller_was_taken_from_is_not_the_end():
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    call.says(1.0)
    call.calls_tool("transfer_call", "t1")
    call.calls_tool("end_call", "t2")
    call.response_ends()
    call.plays(1.0)
    call.leaves()
    call.tool_ends("t1", "busy")
    assert ASK in call.happens(BACK)
    assert call.ends() == []


@pytest.mark.parametrize("order", [("transfer_call", "end_call"), ("end_call", "transfer_call")])
def test_a_goodbye_in_the_same_breath_as_a_transfer_is_not_the_end(order: tuple[str, str]):
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    call.says(1.0)
    for name in order:
        call.calls_tool(name, name)
    call.response_ends()
    call.plays(1.0)  # and now they ring
    assert do.StartMusic() in call.at(5.0)
    assert ASK in call.tool_ends("transfer_call", "busy")
    call.answers(1.0, "a2", "r2")
    call.plays(1.0)
    assert call.ends() == []


def test_an_agent_who_hangs_up_while_they_ring_gives_the_transfer_up():
    call = TestCall(transfer_call=TRANSFER)
    call.wants("transfer_call", "t1")
    call.at(5.0)
    call.responds("r2")
    call.says(1.0, "a2", "r2")
    assert do.CancelTool("t1") in call.calls_tool("end_call", "t2", "r2")
    call.response_ends("r2")
    call.plays(1.0)
    assert [end.outcome for end in call.ends()] == ["agent_hung_up"]


def test_a_goodbye_on_the_way_out_of_the_stream_does_not_wait_for_the_caller_to_come_back():
    call = TestCall(transfer_call=TRANSFER)
    call.wants("transfer_call", "t1")
    call.responds("r2")
    call.says(1.0, "a2", "r2")
    call.happens(on.CallerLeaving())
    call.calls_tool("end_call", "t2", "r2")
    call.response_ends("r2")
    call.happens(on.StreamEnded())
    call.happens(on.CallerReturning(NOTE))
    assert ASK in call.happens(BACK)
    assert call.ends() == []


@pytest.mark.parametrize("said", [True, False])
def test_time_that_was_up_is_up_when_they_are_back(said):
    limits = Limits(max_minutes=2, warn_s=120, goodbye=Line("Time is up."))
    call = TestCall(Agent("test", greeting=None, idle=None, limits=limits))
    call.at(120.0)
    if said:
        call.answers(2.0)
    call.leaves()
    call.at(500.0)
    call.happens(BACK)
    if not said:
        call.answers(1.0, "a2", "r2")
        call.plays(1.0)
    assert [(end.outcome, end.reason) for end in call.ends()] == [("time_limit", "max_minutes")]
