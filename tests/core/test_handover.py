"""Another agent takes over: in the running session if it sounds the same, else in a new one."""

import json

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.errors import Problem

from .calls import QUIET as ADA
from .calls import Agent, BargeIn, Idle, Limits, Line, TestCall, ToolPolicy, output_of, without_reports

ASK = do.RequestResponse()
BILLING = Agent("billing", greeting=Line("Billing, good evening."))
BOB = Agent("sales", voice="cedar", greeting=Line("This is Bob."))
HAND_OVER = ToolPolicy(after_speech=True)
NO_TOOLS: dict[str, ToolPolicy] = {}


def hands_over(
    to: Agent, *, words: bool = True, tools: dict[str, ToolPolicy] = NO_TOOLS, agent: Agent = ADA
) -> TestCall:
    """The agent calls the tool, with or without words, which were heard; the tool has found the other agent."""
    call = TestCall(agent, hand_over=HAND_OVER)
    call.happens(on.CallerTranscript("c1", "Two tickets, please.", final=True))
    call.responds()
    if words:
        call.says(1.0, text="I'll hand you over.")
    call.calls_tool("hand_over")
    call.response_ends()
    call.plays(1.0)
    call.happens(on.AgentChanged("t1", to, tools))
    return call


# The same voice


def test_an_agent_with_the_same_voice_takes_over_within_the_session():
    call = hands_over(BILLING)
    update, output, ask = call.done[-3:]
    assert update == do.UpdateSession(BILLING)
    assert "You are billing" in json.loads(output.output)["result"]
    assert ask == ASK  # no greeting
    assert call.bridge.agent is BILLING


def test_from_then_on_its_rules_hold():
    patient = Agent("billing", idle=Idle(after_s=30), barge_in=BargeIn(after_ms=None), tools=())
    call = hands_over(patient, tools={"pay": ToolPolicy(confirm=True)})
    call.responds("r2")
    call.says(2.0, "a2", "r2")
    assert call.caller_speaks() == ()  # nobody interrupts this one
    assert "not_confirmed" in output_of(call.calls_tool("pay", "t2", "r2"), "t2")
    assert do.RunTool("t3", "end_call", "{}") in call.calls_tool("end_call", "t3", "r2")


def test_its_patience_with_a_silent_caller_is_its_own():
    call = hands_over(Agent("billing", idle=Idle(after_s=30)))
    call.answers(1.0, "a2", "r2")
    call.plays(1.0)
    assert call.at(31.9) == ()
    assert call.at(32.0) != ()


def test_the_time_that_was_used_counts():
    limits = Limits(max_minutes=2, warn_s=30, warning=Line("Half a minute."))
    call = hands_over(Agent("billing", idle=None, limits=limits), agent=Agent("test", greeting=None, idle=None))
    call.answers(1.0, "a2", "r2")
    call.plays(1.0)
    assert call.at(89.9) == ()
    assert call.at(90.0) != ()


def test_time_that_is_up_by_the_rules_of_the_other_agent_is_up():
    hurried = Agent("billing", limits=Limits(max_minutes=0.01, warn_s=0, goodbye=Line("Time is up.")))
    call = hands_over(hurried)
    call.answers(1.0, "a2", "r2")
    call.at(call.now)
    call.answers(1.0, "a3", "r3")
    call.plays(1.0)
    assert [end.outcome for end in call.ends()] == ["time_limit"]


# Another voice


def test_an_agent_with_another_voice_takes_over_in_a_session_that_knows_everything():
    call = hands_over(BOB)
    assert call.done[-1] == do.OpenSession(BOB)
    asked, said, tool, task, ask = call.happens(on.SessionReady())
    assert asked == do.AddMessage("user", "Two tickets, please.")
    assert said == do.AddMessage("assistant", "I'll hand you over.")
    assert "hand_over" in tool.text
    assert task.role == "system"
    assert "You are sales now and have just taken over this call from test" in task.text
    assert ask == ASK
    assert call.bridge.agent is BOB
    assert call.bridge.transcript.turns[-1].text == "I'll hand you over."


def test_a_change_of_voice_that_was_not_announced_is_announced_first():
    call = hands_over(BOB, words=False)
    output, instruction, ask = call.done[-3:]
    assert output.tool_call_id == "t1"
    assert (instruction.role, ask) == ("system", ASK)
    assert "sales" in instruction.text
    assert call.bridge.agent is ADA
    call.answers(2.0, "a2", "r2")
    assert call.at(call.now + 1.9) == ()
    assert do.OpenSession(BOB) in call.plays(0.1)


def test_a_caller_who_interrupts_the_announcement_is_answered_first():
    call = hands_over(BOB, words=False)
    call.responds("r2")
    call.says(2.0, "a2", "r2")
    call.caller_speaks()
    call.response_ends("r2", "cancelled")
    call.caller_stops()
    assert call.at(call.now + 1.0) == ()
    call.answers(1.0, "a3", "r3")
    assert do.OpenSession(BOB) in call.plays(1.0)


def test_an_announcement_that_does_not_come_is_not_waited_for():
    call = hands_over(BOB, words=False)
    call.responds("r2")
    call.says(30.0, "a2", "r2")
    call.returns(call.marks()[-2])
    call.at(15.9)
    assert call.bridge.agent is ADA
    assert without_reports(call.at(16.0)) == (do.ClearPlayout(), do.OpenSession(BOB))  # the old session learns nothing
    *_, task, ask = call.happens(on.SessionReady())
    assert "You are sales" in task.text  # and the new one is not told to announce itself
    assert ask == ASK


def test_a_caller_who_speaks_through_all_of_it_is_heard_anew():
    call = hands_over(BOB, words=False)
    call.caller_speaks()
    assert do.OpenSession(BOB) in call.at(16.0)
    assert call.happens(on.SessionReady())[-1] == ASK
    assert call.responds("r2") == ()


def test_the_caller_is_listened_to_while_the_session_is_opened():
    call = hands_over(BOB)
    assert call.frames(2) == [(), ()]
    assert len([c for c in call.happens(on.SessionReady()) if isinstance(c, do.AppendAudio)]) == 2


def test_a_tool_that_still_ran_is_told_to_the_new_session_as_a_message():
    call = TestCall(hand_over=HAND_OVER)
    call.responds()
    call.says(1.0)
    call.calls_tool("look_up", "t0", arguments='{"seat": 4}')
    call.calls_tool("hand_over", "t1")
    call.response_ends()
    call.plays(1.0)
    call.happens(on.AgentChanged("t1", BOB, NO_TOOLS))
    call.happens(on.SessionReady())
    call.responds("r1")
    assert call.tool_ends("t0", "free")[0].text.endswith('look_up was called with {"seat": 4}: free')
    assert call.response_ends("r1") == (ASK,)


def test_a_session_that_cannot_be_opened_is_apologised_for_by_the_new_agent():
    call = hands_over(Agent("sales", voice="cedar", apology="Bob is sorry."))
    (end,) = call.happens(on.SessionEnded(Problem("connect_failed")))
    assert end.say == "Bob is sorry."


# Odd orders


def test_a_second_handover_comes_too_late_for_the_first():
    call = TestCall()
    call.responds()
    call.calls_tool("hand_over", "t1")
    call.calls_tool("hand_over", "t2", arguments='{"to": "billing"}')
    call.happens(on.AgentChanged("t1", BOB, NO_TOOLS))
    assert "not_handed_over" in output_of(call.happens(on.AgentChanged("t2", BILLING, NO_TOOLS)), "t2")


def test_nobody_takes_over_whom_nobody_has_called():
    call = TestCall()
    assert call.happens(on.AgentChanged("t1", BOB, NO_TOOLS)) == ()
    assert call.bridge.agent is ADA


def test_a_caller_who_leaves_meanwhile_comes_back_to_the_new_agent():
    call = hands_over(BOB, words=False)
    call.leaves()
    call.happens(on.CallerReturning("They are back."))
    call.happens(on.StreamStarted())
    for n in range(2):  # what was asked for before, and the word for the caller who is back
        call.answers(1.0, f"b{n}", f"s{n}")
        call.plays(1.0)
    assert do.OpenSession(BOB) in call.done
