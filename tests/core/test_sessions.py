"""A session takes the place of another in the middle of a call."""

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.errors import Problem
from phoneagent.core.history import LONGEST_OUTPUT, MOST_MESSAGES
from phoneagent.core.wording import NOT_WRITTEN_DOWN

from .calls import FRAME, QUIET, Agent, BargeIn, Line, TestCall, output_of
from .transfers import BACK, NOTE, TOLD, TRANSFER, connected, transferring

ASK = do.RequestResponse()


# What it is told


def test_a_caller_who_comes_back_from_somebody_else_finds_an_agent_who_knows_everything():
    call = connected(Agent("test", greeting=Line("Hello!")))
    call.happens(on.CallerTranscript("c1", "Reception, please.", final=True))
    call.at(100.0)
    assert call.happens(on.CallerReturning(NOTE)) == (do.OpenSession(call.bridge.agent),)
    assert call.happens(BACK) == ()
    assert call.frames(1) == [()]
    *history, frame = call.happens(on.SessionReady())
    assert history == [
        do.AddMessage("assistant", "I'll put you through."),
        do.AddMessage("user", "Reception, please."),
        TOLD,
    ]
    assert frame == do.AppendAudio(FRAME)
    assert call.at(101.0) == (ASK,)  # no greeting


def test_the_outcome_of_a_tool_that_the_new_session_did_not_call_is_told_as_a_message():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    call.happens(on.SessionReady())
    call.happens(BACK)
    (message,) = call.tool_ends("t1", "they have hung up")
    assert message.role == "system"
    for part in ("transfer_call", '{"to": "reception"}', "they have hung up"):
        assert part in message.text
    assert call.at(call.now + 1.0) == (ASK,)


def test_an_outcome_that_comes_before_the_session_is_ready_is_part_of_the_history():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    assert call.tool_ends("t1", "they have hung up") == ()
    *_, note, outcome = call.happens(on.SessionReady())
    assert note == TOLD
    assert "they have hung up" in outcome.text
    assert call.happens(BACK) == (ASK,)


def test_the_ids_of_two_sessions_are_not_confused():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    call.happens(on.SessionReady())
    call.happens(BACK)
    call.tool_ends("t1")
    call.at(call.now + 1.0)
    call.responds("r1")  # as in the first session
    call.says(2.0, "a1", "r1", "Here again, after all.")
    run, *_ = call.calls_tool("look_up", "t1", "r1")
    assert isinstance(run, do.RunTool)
    assert run.tool_call_id != "t1"  # the key of what was done once must be another
    assert output_of(call.tool_ends(run.tool_call_id, "found"), "t1") == "found"
    call.returns(call.marks()[-2])
    call.at(call.now + 1.0)
    assert do.TruncateTurn("a1", 1000) in call.caller_speaks()
    assert [text for _, text, _ in call.turns()] == ["I'll put you through.", "Here again,"]


def test_an_interrupted_response_of_the_second_session_is_cancelled_by_its_own_id():
    call = connected(Agent("test", greeting=None, barge_in=BargeIn(protect_greeting=True)))
    call.happens(on.CallerReturning(NOTE))
    call.happens(on.SessionReady())
    call.happens(BACK)
    call.responds("r1")
    call.speaks(1.0)
    assert do.CancelResponse("r1") in call.caller_speaks()


def test_only_what_was_heard_is_history():
    call = TestCall()
    call.answers(4.0, text="one two three four")
    call.returns(call.marks()[0])
    call.at(2.0)
    call.leaves()
    call.happens(on.CallerConnected("reception"))
    call.happens(on.CallerReturning(NOTE))
    assert call.happens(on.SessionReady()) == (do.AddMessage("assistant", "one two"), TOLD)


def test_tools_and_keys_are_history_in_their_place():
    call = TestCall()
    call.happens(on.CallerTranscript("c1", "Do you have a table?", final=True))
    call.wants("look_up", "t1", '{"day": "Friday"}')
    call.tool_ends("t1", "found " * 1000)
    call.answers(1.0, "a1", "r1", "Yes.")
    call.plays(1.0)
    call.happens(on.DigitPressed("#"))
    call.leaves()
    call.happens(on.CallerConnected("reception"))
    call.happens(on.CallerReturning(NOTE))
    question, tool, answer, key, note = call.happens(on.SessionReady())
    assert (question, answer, note) == (
        do.AddMessage("user", "Do you have a table?"), do.AddMessage("assistant", "Yes."), TOLD,
    )  # fmt: skip
    assert 'look_up was called with {"day": "Friday"}: found' in tool.text
    assert len(tool.text) < LONGEST_OUTPUT + 200
    assert (key.role, key.text[-1]) == ("user", "#")


def test_what_is_no_item_of_the_session_keeps_its_place_too():
    call = TestCall()
    call.happens(on.TurnAdded("c1", "caller", None))
    call.happens(on.CallerTranscript("c1", "Where is it?", final=True))
    call.responds()
    call.happens(on.TurnAdded("f1", None, "c1"))
    call.calls_tool("look_up")
    call.response_ends()
    call.tool_ends(output="on its way")
    call.happens(on.TurnAdded("o1", None, "f1"))
    call.happens(on.TurnAdded("a1", "agent", "o1"))
    call.answers(1.0, "a1", "r2", "It is on its way.")
    call.plays(1.0)
    call.happens(on.TurnAdded("c2", "caller", "a1"))
    call.happens(on.CallerTranscript("c2", "Thanks.", final=True))
    call.leaves()
    call.happens(on.CallerConnected("reception"))
    call.happens(on.CallerReturning(NOTE))
    told = call.happens(on.SessionReady())
    assert [message.role for message in told] == ["user", "system", "assistant", "user", "system"]


def test_what_the_caller_said_is_not_left_out_though_nobody_wrote_it_down():
    call = TestCall()
    call.caller_speaks("c1")
    call.caller_stops("c1")
    call.answers(1.0, "a1", "r1", "Gladly.")
    call.plays(1.0)
    call.caller_speaks("c2")  # a noise
    call.caller_stops("c2")
    call.happens(on.CallerTranscript("c2", " ", final=True))
    call.leaves()
    call.happens(on.CallerConnected("reception"))
    call.happens(on.CallerReturning(NOTE))
    unknown, answer, told = call.happens(on.SessionReady())
    assert unknown == do.AddMessage("user", NOT_WRITTEN_DOWN)
    assert (answer, told) == (do.AddMessage("assistant", "Gladly."), TOLD)


def test_of_a_long_conversation_the_end_is_told():
    call = TestCall()
    for n in range(100):
        call.happens(on.CallerTranscript(f"c{n}", f"word {n}", final=True))
    call.leaves()
    call.happens(on.CallerConnected("reception"))
    call.happens(on.CallerReturning(NOTE))
    told = call.happens(on.SessionReady())
    assert len(told) == MOST_MESSAGES
    assert told[-2:] == (do.AddMessage("user", "word 99"), TOLD)


def test_keys_that_are_pressed_before_the_new_session_is_ready_are_told_last():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    call.happens(BACK)
    call.happens(on.DigitPressed("#"))
    *_, note, key = call.happens(on.SessionReady())
    assert note == TOLD
    assert key.role == "user"


def test_one_session_is_opened_however_often_it_is_wanted():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    assert call.happens(on.CallerReturning("Really.")) == ()
    assert call.happens(BACK) == ()
    assert call.count(do.OpenSession) == 1


def test_what_was_asked_of_the_old_session_is_not_waited_for():
    call = TestCall()
    assert ASK in call.happens(on.DigitPressed("#"))
    call.leaves()
    call.happens(on.CallerConnected("reception"))
    call.happens(on.CallerReturning(NOTE))
    call.happens(on.SessionReady())
    call.at(9.0)
    assert call.happens(BACK) == (ASK,)
    assert call.at(18.9) == ()
    assert call.at(19.5) == (ASK,)


def test_what_was_said_to_nobody_is_not_said_to_the_next_session():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    call.happens(BACK)
    call.frames(3)
    call.leaves()
    call.happens(on.CallerConnected("reception"))
    call.happens(on.CallerReturning(NOTE))
    assert do.AppendAudio(FRAME) not in call.happens(on.SessionReady())


def test_a_session_is_closed_once():
    assert connected().happens(on.CallerConnected("reception")) == ()


def test_a_session_that_was_being_opened_is_not_missed_when_somebody_else_takes_over():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    assert call.happens(on.CallerConnected("reception")) == (do.CloseSession(),)
    assert call.happens(on.SessionReady()) == ()


# Sessions that are lost meanwhile


def test_a_session_that_is_lost_while_nobody_needs_it_is_replaced_when_the_caller_returns():
    call = transferring()
    assert call.happens(on.SessionEnded(Problem("close:1006"))) == ()
    assert call.happens(on.CallerReturning(NOTE)) == (do.OpenSession(QUIET),)
    call.happens(on.SessionReady())
    call.happens(BACK)
    assert call.at(call.now + 1.0) == (ASK,)
    assert call.ends() == []


def test_and_when_they_are_just_back():
    call = transferring()
    call.happens(on.SessionEnded(Problem("close:1006")))
    assert call.happens(BACK) == (do.OpenSession(QUIET),)


def test_a_session_that_is_lost_while_the_caller_leaves_is_not_apologised_for_unless_they_stay():
    for what, told in ((on.CallerStays(), "So sorry."), (on.StreamEnded(), None)):
        call = TestCall(Agent("test", greeting=None, apology="So sorry."))
        call.happens(on.CallerLeaving())
        assert call.happens(on.SessionEnded(Problem("close:1006"))) == ()
        call.happens(what)
        assert [end.say for end in call.ends()] == ([told] if told else [])


def test_nor_is_it_when_they_are_back():
    call = TestCall()
    call.happens(on.CallerLeaving())
    call.happens(on.SessionEnded(Problem("close:1006")))
    call.happens(on.StreamEnded())
    call.happens(on.CallerReturning(NOTE))
    call.happens(on.SessionReady())
    assert call.happens(BACK) == (ASK,)
    assert call.ends() == []


def test_a_new_session_that_cannot_be_opened_is_apologised_for():
    call = connected()
    call.happens(on.CallerReturning(NOTE))
    call.happens(BACK)
    (end,) = call.happens(on.SessionEnded(Problem("connect_failed")))
    assert end == do.EndCall("failed", "connect_failed", QUIET.apology)


def test_a_tool_that_waited_for_the_last_word_of_a_lost_session_is_not_run():
    call = TestCall(transfer_call=TRANSFER)
    call.responds()
    call.says(2.0)
    call.calls_tool("transfer_call")
    call.response_ends()
    call.happens(on.SessionEnded(Problem("close:1006")))
    call.plays(2.0)
    assert call.count(do.RunTool) == 0
    assert [end.outcome for end in call.ends()] == ["failed"]
