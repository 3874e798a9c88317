"""Whether the call is recorded: the announcement, the question, and what the caller answers; secret keys."""

import json
from dataclasses import replace

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import QUESTION, Dtmf, Recording
from phoneagent.core.commands import ReportConsent
from phoneagent.core.wording import say_exactly

from .calls import Agent, Line, TestCall, output_of

ANNOUNCEMENT, GREETING = Line("This call is recorded."), Line("Blue Door, good evening!")
ASKING = do.RequestResponse(say_exactly(QUESTION.text))
GREETS = do.RequestResponse(say_exactly(GREETING.text))
ANNOUNCES = do.RequestResponse(say_exactly(ANNOUNCEMENT.text))
RECORD, SILENCE = do.Record(), do.KeepSilence()
YES, NO = '{"given": true}', '{"given": false}'

ON = Agent("test", greeting=GREETING, recording=Recording("on"))
ANNOUNCING = Agent("test", greeting=GREETING, recording=Recording("on", ANNOUNCEMENT))
ASK = Agent("test", greeting=GREETING, recording=Recording("ask"), tools=("end_call", "recording_consent"))


def tape(call: TestCall) -> list[do.Record | do.KeepSilence]:
    """What was done about the recording so far."""
    return [command for command in call.done if isinstance(command, do.Record | do.KeepSilence)]


def consent(call: TestCall) -> list[ReportConsent]:
    return [command for command in call.done if isinstance(command, ReportConsent)]


def asked() -> TestCall:
    """A call whose caller has heard the question."""
    call = TestCall(ASK)
    call.answers(3.0, "q", "question")
    call.plays(3.0)
    return call


def says(call: TestCall, turn: str, arguments: str | None) -> do.Commands:
    """The caller says something, which the agent passes on, or only answers."""
    call.caller_speaks(turn)
    call.caller_stops(turn)
    response = f"to-{turn}"
    call.responds(response)
    commands = call.calls_tool("recording_consent", f"t-{turn}", response, arguments) if arguments else ()
    return commands + call.response_ends(response)


# Without a word


def test_what_is_recorded_is_recorded_from_the_first_sound_on():
    call = TestCall(ON, ready=False)
    call.happens(on.SessionReady())
    call.answers(1.0)
    first, *_ = call.happens(on.StreamStarted())
    assert first == RECORD
    assert call.done.count(RECORD) == 1


def test_nothing_is_recorded_unless_the_agent_is_to_be():
    call = TestCall(Agent("test", greeting=GREETING))
    call.answers(1.0)
    call.plays(5.0)
    assert tape(call) == []


def test_another_agent_may_be_one_who_is_not_recorded_and_hand_back():
    call = TestCall(ON)
    for agent in (Agent("private"), ON):
        call.wants("hand_over", f"to-{agent.name}")
        call.happens(on.AgentChanged(f"to-{agent.name}", agent, {}))
    assert tape(call) == [RECORD, SILENCE, RECORD]


# An announcement


def test_an_announcement_is_heard_before_the_greeting_and_kept_with_its_time():
    call = TestCall(ANNOUNCING, ready=False)
    assert call.happens(on.SessionReady()) == (ANNOUNCES,)
    assert call.happens(on.StreamStarted()) == (RECORD,)
    call.answers(2.0, "a1", "announcement")
    assert GREETS in call.done
    call.answers(1.0, "a2", "greeting")
    assert consent(call) == []
    call.plays(2.0)
    assert consent(call) == [ReportConsent(True, "announced")]
    call.plays(5.0)
    assert len(consent(call)) == 1


def test_an_announcement_that_the_caller_speaks_into_is_said_once_more():
    call = TestCall(ANNOUNCING)
    call.answers(2.0, "a1", "announcement")
    call.answers(1.0, "a2", "greeting")
    call.at(1.0)
    for turn in ("c1", "c2"):
        call.caller_speaks(turn)
        call.caller_stops(turn)
        call.answers(1.0, f"to-{turn}", f"to-{turn}")
        call.plays(1.0)
        if turn == "c1":
            assert call.done.count(ANNOUNCES) == 2
            call.answers(2.0, "again", "again")
            call.at(call.now + 1.0)
    assert call.done.count(ANNOUNCES) == 2
    assert consent(call) == []


def test_who_takes_over_announces_it_if_nobody_has():
    call = TestCall(Agent("open"))
    call.wants("hand_over", "t1")
    call.happens(on.AgentChanged("t1", ANNOUNCING, {}))
    assert call.done[-2:] == [RECORD, ANNOUNCES]
    call.answers(2.0, "a1", "announcement")
    call.plays(2.0)
    call.responds("r9")
    call.wants("hand_over", "t2")
    call.happens(on.AgentChanged("t2", ANNOUNCING, {}))
    assert call.done.count(ANNOUNCES) == 1


# A question


def test_the_question_comes_before_the_greeting_and_nothing_is_recorded_before_the_answer():
    call = asked()
    assert call.done.count(ASKING) == 1
    assert GREETS not in call.done
    assert tape(call) == []
    assert call.happens(on.DigitPressed("1")) == (
        ReportConsent(True, "key"),
        do.AddMessage("system", "The caller agrees that the call is recorded. Go on with the call."),
        RECORD,
        GREETS,
    )


def test_a_key_may_be_pressed_while_the_question_is_heard():
    call = TestCall(ASK)
    call.answers(3.0, "q", "question")
    call.at(1.0)
    commands = call.happens(on.DigitPressed("2"))
    assert commands[0] == do.ClearPlayout()
    assert ReportConsent(False, "key") in commands
    assert commands[-1] == GREETS
    assert tape(call) == []


def test_a_key_that_is_pressed_before_the_question_answers_nothing():
    call = TestCall(ASK)
    call.happens(on.DigitPressed("1"))
    assert consent(call) == []


def test_later_keys_and_others_are_the_agents():
    call = asked()
    call.happens(on.DigitPressed("5"))
    call.happens(on.DigitPressed("1"))
    call.answers(1.0, "g", "greeting")
    call.happens(on.DigitPressed("1"))
    call.plays(5.0)
    assert consent(call) == [ReportConsent(True, "key")]
    assert "5" in "".join(command.text for command in call.done if isinstance(command, do.AddMessage))


@pytest.mark.parametrize(("arguments", "given"), [(YES, True), (NO, False)])
def test_what_the_caller_says_is_passed_on_by_the_agent(arguments: str, given: bool):
    call = asked()
    says(call, "c1", arguments)
    assert consent(call) == [ReportConsent(given, "speech")]
    assert tape(call) == ([RECORD] if given else [])
    assert call.done[-1] == GREETS


def test_without_a_greeting_the_agent_goes_on_with_words_of_its_own():
    call = TestCall(Agent("test", greeting=None, recording=Recording("ask")))
    call.answers(3.0, "q", "question")
    call.plays(3.0)
    says(call, "c1", YES)
    assert call.done[-1] == do.RequestResponse()


def test_a_greeting_in_the_agents_words_waits_for_what_it_has_asked_of_tools():
    call = TestCall(replace(ASK, greeting=Line("Greet them", exact=False)))
    call.answers(3.0, "q", "question")
    call.plays(3.0)
    call.caller_speaks("c1")
    call.caller_stops("c1")
    call.responds("r1")
    call.calls_tool("look_up", "t1", "r1")
    call.calls_tool("recording_consent", "t2", "r1", YES)
    assert call.response_ends("r1") == ()
    assert call.tool_ends("t1")[-2:] == (do.AddMessage("system", "Greet them"), do.RequestResponse())


@pytest.mark.parametrize("arguments", ["{}", '{"given": "yes"}', "[]", "yes"])
def test_arguments_that_make_no_sense_are_no_consent(arguments: str):
    call = asked()
    output = json.loads(output_of(says(call, "c1", arguments), "t-c1"))
    assert output["error"] == "bad_arguments"
    assert tape(call) == consent(call) == []


def test_a_caller_who_says_nothing_is_not_recorded():
    call = asked()
    call.at(call.now + 7.9)
    assert consent(call) == []
    call.at(call.now + 0.1)
    assert consent(call) == [ReportConsent(False, "none")]
    assert call.done[-1] == GREETS
    call.answers(1.0, "g", "greeting")
    call.plays(1.0)
    assert tape(call) == []


def test_a_caller_who_speaks_of_other_things_is_asked_once_more_and_then_not_recorded():
    call = asked()
    says(call, "c1", None)
    assert call.bridge.deadline is not None
    says(call, "c2", None)
    assert consent(call) == [ReportConsent(False, "none")]
    assert GREETS not in call.done
    assert "not_asked" in output_of(says(call, "c3", YES), "t-c3")
    assert tape(call) == []


def test_a_caller_may_change_their_mind_to_no_but_a_no_is_final():
    call = asked()
    says(call, "c1", YES)
    call.answers(1.0, "g", "greeting")
    call.plays(1.0)
    says(call, "c2", NO)
    says(call, "c3", YES)
    assert consent(call) == [ReportConsent(True, "speech"), ReportConsent(False, "speech")]
    assert tape(call) == [RECORD, SILENCE]


def test_what_is_said_into_the_agents_word_is_not_passed_on_yet():
    call = asked()
    call.caller_speaks("c1")
    call.caller_stops("c1")
    call.responds("r1")
    call.speaks(0.5, "a1", "r1")
    call.caller_speaks("c2")
    output = output_of(call.calls_tool("recording_consent", "t1", "r1", YES), "t1")
    assert "caller_spoke" in output
    assert tape(call) == consent(call) == []


@pytest.mark.parametrize(("key", "recorded"), [("1", [RECORD]), ("2", [])])
def test_an_answer_holds_for_whoever_takes_over(key: str, recorded: list[do.Command]):
    call = asked()
    call.happens(on.DigitPressed(key))
    call.answers(1.0, "g", "greeting")
    for agent in (ASK, ON, ANNOUNCING):
        call.wants("hand_over", f"to-{agent}")
        call.happens(on.AgentChanged(f"to-{agent}", agent, {}))
        call.responds(f"{agent}")
        call.response_ends(f"{agent}")
    assert tape(call) == recorded


def test_who_takes_over_and_would_have_asked_is_not_recorded():
    call = TestCall(ON)
    call.wants("hand_over", "t1")
    call.happens(on.AgentChanged("t1", ASK, {}))
    assert tape(call) == [RECORD, SILENCE]


# Secret keys


def secret(pin: Dtmf) -> TestCall:
    call = TestCall(Agent("test", greeting=None, recording=Recording("on"), dtmf=pin))
    call.at(10.0)
    return call


def test_secret_keys_are_silence_from_before_the_first_until_the_last_has_sounded():
    call = secret(Dtmf(secure=True))
    assert call.happens(on.DigitPressed("4")) == (do.KeepSilence(before_s=2.0),)
    call.at(11.5)
    call.happens(on.DigitPressed("2"))
    call.at(13.0)
    assert RECORD not in call.happens(on.DigitPressed("#"))
    assert RECORD not in call.at(13.9)
    assert call.at(14.0) == (RECORD,)


def test_secret_keys_that_end_with_a_pause_are_over_then():
    call = secret(Dtmf(secure=True, pause_s=3.0))
    call.happens(on.DigitPressed("4"))
    assert RECORD not in call.at(12.9)
    assert RECORD in call.at(13.0)


def test_other_keys_are_recorded():
    call = secret(Dtmf())
    call.happens(on.DigitPressed("4"))
    call.at(20.0)
    assert tape(call) == [RECORD]
