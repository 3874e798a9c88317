from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, BargeIn, Line
from phoneagent.core.errors import Problem

from .calls import TestCall, without_reports

ASK = do.RequestResponse()


def test_outputs_of_parallel_tool_calls_are_posted_then_one_response_is_requested():
    call = TestCall()
    call.responds()
    assert call.calls_tool("look_up", "t1") == (do.RunTool("t1", "look_up", "{}"),)
    assert call.calls_tool("reserve", "t2") == (do.RunTool("t2", "reserve", "{}"),)
    assert call.response_ends() == ()
    assert call.happens(on.ToolFinished("t2", "done")) == (do.SendToolOutput("t2", "done"),)
    assert call.happens(on.ToolFinished("t1", "found")) == (do.SendToolOutput("t1", "found"), ASK)


def test_a_tool_that_is_faster_than_its_response_waits_for_the_other_calls_of_it():
    call = TestCall()
    call.responds()
    call.calls_tool("look_up", "t1")
    assert call.happens(on.ToolFinished("t1", "found")) == (do.SendToolOutput("t1", "found"),)
    call.calls_tool("reserve", "t2")
    assert call.response_ends() == ()
    assert call.happens(on.ToolFinished("t2", "done")) == (do.SendToolOutput("t2", "done"), ASK)


def test_nothing_is_requested_while_a_response_is_active_and_requests_collapse():
    call = TestCall()
    call.responds()
    call.happens(on.DigitPressed("#"))
    call.calls_tool("look_up", "t1")
    call.happens(on.ToolFinished("t1", "found"))
    assert ASK not in call.done
    assert call.response_ends() == (ASK,)
    call.responds("r2")
    assert call.response_ends("r2") == ()


def test_a_refused_request_is_made_again_when_the_active_response_ends():
    call = TestCall()
    assert ASK in call.happens(on.DigitPressed("#"))
    call.responds("by-itself")
    assert call.happens(on.ResponseRefused()) == ()
    assert call.response_ends("by-itself") == (ASK,)


def test_a_request_refused_for_a_response_that_nobody_saw_is_made_again_after_a_moment():
    call = TestCall()
    call.happens(on.DigitPressed("#"))
    assert call.happens(on.ResponseRefused()) == ()
    assert call.at(0.5) == (ASK,)


def test_a_request_that_the_callers_speech_has_made_stale_is_dropped():
    call = TestCall()
    call.responds("r1")
    call.calls_tool("look_up", "t1")
    call.response_ends("r1")
    call.caller_speaks()
    assert call.happens(on.ToolFinished("t1", "found")) == (do.SendToolOutput("t1", "found"),)
    call.caller_stops(text="and another thing")
    call.responds("r2")  # the session answers the caller, and sees the output
    assert call.response_ends("r2") == ()


def test_an_output_that_the_running_response_cannot_have_seen_is_answered_after_it():
    call = TestCall()
    call.responds("r1")
    call.calls_tool("look_up", "t1")
    call.response_ends("r1")
    call.caller_speaks()
    call.caller_stops()
    call.responds("r2")
    call.happens(on.ToolFinished("t1", "found"))
    assert call.response_ends("r2") == (ASK,)


def test_a_noise_that_the_session_does_not_answer_only_delays_the_request():
    call = TestCall()
    call.responds("r1")
    call.calls_tool("look_up", "t1")
    call.response_ends("r1")
    call.caller_speaks()
    call.happens(on.ToolFinished("t1", "found"))
    call.happens(on.CallerStoppedSpeaking("c1"))
    assert call.at(2.5) == (ASK,)


def test_a_tool_that_nobody_called_has_no_output():
    assert TestCall().happens(on.ToolFinished("t9", "?")) == ()


def test_a_failed_response_is_asked_for_again_after_the_delay_that_the_error_names():
    call = TestCall()
    call.happens(on.DigitPressed("#"))
    call.responds()
    message = "Rate limit reached. Please try again in 1.5s."
    assert call.response_ends("r1", "failed", "rate_limit_exceeded", message) == ()
    assert call.at(1.4) == ()
    assert call.at(1.5) == (ASK,)


def test_a_greeting_that_failed_is_still_the_greeting_when_it_is_retried():
    call = TestCall(Agent("test", greeting=Line("Hello!")))
    (greeting,) = call.done
    call.responds()
    call.response_ends("r1", "failed", "server_error")
    assert call.at(1.0) == (greeting,)


def test_retries_of_a_failed_response_are_bounded_and_end_with_an_apology():
    call = TestCall(Agent("test", greeting=None, apology="So sorry."))
    call.happens(on.DigitPressed("#"))
    for n in range(3):
        call.responds(f"r{n}")
        call.response_ends(f"r{n}", "failed", "server_error")
        call.at(call.now + 3)
    assert call.done.count(ASK) == 3
    assert call.done[-1] == do.EndCall("failed", "server_error", "So sorry.")


def test_a_delay_that_nobody_would_wait_for_ends_the_call():
    call = TestCall()
    call.responds()
    (end,) = call.response_ends("r1", "failed", "rate_limit_exceeded", "Please try again in 42s.")
    assert isinstance(end, do.EndCall)


def test_a_response_that_never_begins_is_asked_for_again():
    call = TestCall()
    call.happens(on.DigitPressed("#"))
    assert call.at(10.5) == (ASK,)


def test_quota_is_not_retried():
    call = TestCall()
    call.responds()
    (end,) = call.response_ends("r1", "failed", "insufficient_quota")
    assert end == do.EndCall("failed", "insufficient_quota", call.bridge.agent.apology)


def test_a_lost_session_lets_the_agent_finish_its_words_then_apologises():
    call = TestCall()
    call.answers(2.0)
    assert call.happens(on.SessionEnded(Problem("close:1006"))) == ()
    call.at(2.0)
    *_, end = call.plays_all()
    assert end == do.EndCall("failed", "close:1006", call.bridge.agent.apology)


def test_after_a_lost_session_nothing_is_sent_to_it():
    call = TestCall()
    call.answers(2.0)
    call.happens(on.SessionEnded(Problem("close:1006")))
    assert call.frames(1) == [()]
    assert call.happens(on.DigitPressed("#")) == (do.ReportDigits("#"),)


def test_an_expired_session_ends_the_call_whether_it_says_so_or_just_closes():
    for event in on.SessionErrored(Problem("session_expired")), on.SessionEnded(Problem("close:1001")):
        (end,) = TestCall().happens(event)
        assert isinstance(end, do.EndCall)


def test_other_errors_are_counted_and_change_nothing():
    call = TestCall()
    assert call.happens(on.SessionErrored(Problem("invalid_value", "…"))) == ()
    assert call.bridge.counters.errors == 1


def test_no_tool_runs_twice_and_a_late_result_is_not_posted_again():
    call = TestCall()
    call.responds()
    call.calls_tool("look_up", "t1")
    call.response_ends()
    call.happens(on.ToolFinished("t1", "found"))
    assert without_reports(call.happens(on.ToolFinished("t1", "found"))) == ()


def test_an_answer_that_gave_way_to_a_noise_is_asked_for_again():
    call = TestCall()
    call.happens(on.DigitPressed("#"))
    call.caller_speaks()
    assert call.responds() == (do.CancelResponse("r1"),)
    call.response_ends("r1", "cancelled")
    call.happens(on.CallerStoppedSpeaking("c1"))
    assert call.at(3.0) == (ASK,)


def test_a_failure_that_names_no_delay_is_given_a_moment():
    call = TestCall()
    call.responds()
    assert call.response_ends("r1", "failed", "of a kind that nobody knows") == ()
    assert call.at(0.4) == ()
    assert call.at(0.5) == (ASK,)


def test_every_response_has_its_own_retries():
    call = TestCall()
    for n in range(5):
        call.responds(f"r{n}")
        call.response_ends(f"r{n}", "failed", "server_error")
        assert call.at(call.now + 1) == (ASK,)
        call.responds(f"again{n}")
        assert call.response_ends(f"again{n}") == ()


def test_an_exhausted_account_ends_the_call_however_it_is_told():
    (end,) = TestCall().happens(on.SessionErrored(Problem("insufficient_quota")))
    assert isinstance(end, do.EndCall)


def test_a_silent_segment_is_not_answered():
    call = TestCall(Agent("test", greeting=None, barge_in=BargeIn(after_ms=200)))
    assert call.happens(on.CallerTurnEnded("c1", silent=True)) == ()
