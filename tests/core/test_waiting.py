"""What the caller hears while a tool runs."""

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Filler
from phoneagent.core.errors import Problem
from phoneagent.core.wording import say_exactly

from .calls import Agent, Idle, Line, TestCall, ToolPolicy, without_reports

ASK = do.RequestResponse()
MOMENT = do.RequestResponse(say_exactly("One moment."))
LINE = ToolPolicy(while_running=Filler(Line("One moment."), after_ms=1500))
MUSIC = ToolPolicy(while_running=Filler(None, after_ms=2000))
START, STOP = do.StartMusic(), do.StopMusic()


def hears_music() -> TestCall:
    call = TestCall(search=MUSIC)
    call.wants("search", "t1")
    assert call.at(2.0) == (START,)
    return call


# A line


def test_a_line_is_said_when_nobody_has_spoken_for_a_while_and_only_once():
    call = TestCall(search=LINE)
    call.wants("search", "t1")
    assert call.at(1.4) == ()
    assert call.at(1.5) == (MOMENT,)
    call.answers(1.0, "a1", "moment")
    call.plays(10.0)
    assert call.done.count(MOMENT) == 1
    assert call.tool_ends("t1")[-1] == ASK


def test_the_while_begins_when_the_agents_last_word_was_heard():
    call = TestCall(search=LINE)
    call.responds()
    call.says(3.0)
    call.calls_tool("search")
    call.response_ends()
    assert call.at(2.9) == ()
    call.plays(0.1)
    assert call.at(4.4) == ()
    assert call.at(4.5) == (MOMENT,)


def test_nothing_is_said_over_a_caller_who_speaks_and_is_answered():
    call = TestCall(search=LINE)
    call.wants("search", "t1")
    call.at(1.0)
    call.caller_speaks()
    assert call.at(2.0) == ()
    call.caller_stops()
    call.responds("r2")
    assert call.at(4.0) == ()
    call.response_ends("r2")
    assert call.at(5.5) == (MOMENT,)


def test_the_same_line_is_said_once_for_all_that_run_at_the_same_time():
    call = TestCall(search=LINE)
    call.responds()
    for day in ("t1", "t2", "t3"):
        call.calls_tool("search", day)
    call.response_ends()
    assert call.at(1.5) == (MOMENT,)
    call.answers(1.0, "a1", "moment")
    call.plays(5.0)
    call.tool_ends("t1")
    call.at(20.0)
    assert call.done.count(MOMENT) == 1


def test_a_tool_that_is_fast_enough_needs_no_line():
    call = TestCall(search=LINE)
    call.wants("search", "t1")
    call.at(1.4)
    call.tool_ends("t1")
    call.answers(1.0)
    call.plays(10.0)
    assert MOMENT not in call.done


def test_a_line_that_could_not_be_asked_for_in_time_is_not_said_any_more():
    call = TestCall(search=LINE)
    call.wants("search", "t1")
    call.at(1.5)
    call.happens(on.ResponseRefused())
    assert call.tool_ends("t1") == (do.SendToolOutput("t1", "done"),)
    assert call.at(2.0) == (ASK,)


def test_words_that_are_given_are_said_though_the_output_of_another_tool_was_posted():
    call = TestCall(search=LINE)
    call.responds()
    call.calls_tool("search", "t1")
    call.calls_tool("look_up", "t2")
    call.response_ends()
    call.tool_ends("t2")
    assert call.at(1.5) == (MOMENT,)


def test_an_instruction_waits_for_the_outputs_of_all_tools():
    call = TestCall(search=ToolPolicy(while_running=Filler(Line("Say that it takes a while.", exact=False), 1000)))
    call.responds()
    call.calls_tool("search", "t1")
    call.calls_tool("look_up", "t2")
    call.response_ends()
    call.tool_ends("t2")
    assert call.at(5.0) == ()
    assert call.tool_ends("t1")[-1] == ASK


def test_a_tool_that_is_held_back_is_not_waited_for():
    call = TestCall(search=ToolPolicy(after_speech=True, while_running=Filler(Line("One moment."), after_ms=1500)))
    call.responds()
    call.says(10.0)
    call.calls_tool("search")
    call.response_ends()
    call.plays(10.0)
    assert call.at(11.4) == ()
    assert call.at(11.5) == (MOMENT,)


# Music


def test_music_begins_after_a_while_and_ends_with_the_tool():
    call = hears_music()
    assert call.at(9.0) == ()
    assert call.tool_ends("t1") == (do.SendToolOutput("t1", "done"), STOP, ASK)


def test_music_gives_way_to_the_caller_and_comes_back_when_all_is_quiet():
    call = hears_music()
    call.at(3.0)
    assert call.caller_speaks() == (STOP,)
    call.caller_stops()
    call.answers(1.0)
    call.plays(1.0)
    assert call.at(5.9) == ()
    assert call.at(6.0) == (START,)


def test_music_ends_before_the_agent_is_heard():
    call = hears_music()
    call.responds()
    stop, mark, play = call.speaks(1.0)
    assert (stop, type(mark), type(play)) == (STOP, do.SendMark, do.PlayAudio)


def test_music_ends_with_its_tool_and_begins_again_for_another():
    call = hears_music()
    call.wants("search", "t2")
    assert STOP in call.tool_ends("t1")
    call.answers(1.0)
    call.plays(1.0)
    assert call.at(5.0) == (START,)


def test_music_ends_with_the_stream_and_with_the_call():
    call = hears_music()
    assert call.leaves() == (STOP,)
    call = hears_music()
    stop, end = call.happens(on.StreamEnded())
    assert (stop, type(end)) == (STOP, do.EndCall)


def test_a_lost_session_is_apologised_for_without_music():
    call = hears_music()
    stop, end = call.happens(on.SessionEnded(Problem("close:1006")))
    assert (stop, type(end)) == (STOP, do.EndCall)


def test_a_line_of_another_tool_is_heard_between_the_music():
    call = TestCall(search=MUSIC, price=ToolPolicy(while_running=Filler(Line("One moment."), after_ms=4000)))
    call.responds()
    call.calls_tool("search", "t1")
    call.calls_tool("price", "t2")
    call.response_ends()
    assert call.at(4.0) == (START, MOMENT)
    call.responds("moment")
    assert call.speaks(1.0, "a1", "moment")[0] == STOP
    call.happens(on.AgentTurnEnded("a1"))
    call.response_ends("moment")
    call.plays(1.0)
    assert call.at(7.0) == (START,)


def test_a_caller_who_waits_is_not_asked_whether_they_are_there():
    call = TestCall(Agent("test", greeting=None, idle=Idle(after_s=5)), search=MUSIC)
    call.wants("search", "t1")
    assert call.at(60.0) == (START,)


def test_nothing_fills_the_silence_of_a_call_that_is_about_to_end():
    call = TestCall(search=MUSIC)
    call.responds()
    call.says(1.0)
    call.calls_tool("search", "t1")
    call.calls_tool("end_call", "t2")
    call.response_ends()
    call.plays(5.0)
    assert START not in call.done
    assert without_reports(call.tool_ends("t1"))[-1] == do.EndCall("agent_hung_up", "end_call")
