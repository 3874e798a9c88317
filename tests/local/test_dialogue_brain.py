"""Conversations with the demonstration brain, in writing."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from bench.client import TOOLS, dialogue_of
from phoneagent.agents.dialogue import Dialogue
from phoneagent.local.brain import CallTool, Entry, Request, Said, Speak, ToolOutput
from phoneagent.local.dialogue_brain import DialogueBrain

SATURDAY = dt.date(2026, 11, 21)


class Conversation:
    def __init__(self, agent: str = "reception") -> None:
        self.brain = DialogueBrain(Dialogue.model_validate(dialogue_of(agent)), lambda: SATURDAY)
        self.history: list[Entry] = []
        self.calls: list[CallTool] = []
        self.tools = TOOLS

    async def say(self, text: str) -> str:
        self.history.append(Said(f"i{len(self.history)}", "user", text))
        return await self.respond()

    async def give(self, output: str) -> str:
        self.history.append(ToolOutput(f"i{len(self.history)}", self.calls[-1].call_id, output))
        return await self.respond()

    async def respond(self) -> str:
        said = []
        async for step in self.brain.respond(Request(self.history, "", tools=self.tools)):
            if isinstance(step, Speak):
                said.append(step.text)
            else:
                self.calls.append(step)
        self.history.append(Said(f"i{len(self.history)}", "assistant", " ".join(said)))
        return " ".join(said)


async def test_what_is_missing_is_asked_for_and_the_whole_is_confirmed() -> None:
    talk = Conversation()
    assert "Blue Door" in await talk.respond()
    assert await talk.say("a table for two please") == "For which day?"
    assert await talk.say("next friday") == "At what time?"
    assert await talk.say("half past six") == (
        "That is a table for two, on Friday the twenty seventh at six thirty. Shall I book it?"
    )
    assert await talk.say("yes") == ""
    [call] = talk.calls
    assert (call.name, json.loads(call.arguments)) == (
        "book_table",
        {"people": 2, "date": "2026-11-27", "time": "18:30"},
    )
    assert "reference is X 1" in await talk.give('{"result":{"reference":"X 1"}}')


@pytest.mark.parametrize(
    ("correction", "confirmed"),
    [
        ("no at eight", "for four, tomorrow at eight o'clock"),
        ("make it eight", "for four, tomorrow at eight o'clock"),
        ("no make it three people", "for three, tomorrow at seven o'clock"),
        ("not tomorrow, on friday, sorry", "for four, on Friday the twenty seventh at seven o'clock"),
        ("at seven no at half past eight", "for four, tomorrow at eight thirty"),
    ],
)
async def test_a_correction_changes_just_what_it_names(correction: str, confirmed: str) -> None:
    talk = Conversation()
    await talk.say("book a table for four people tomorrow at seven")
    assert confirmed in await talk.say(correction)


async def test_a_question_in_between_does_not_lose_the_booking() -> None:
    talk = Conversation()
    await talk.say("book a table for four people tomorrow")
    assert await talk.say("where are you") == (
        "We are at twelve Harbour Street, next to the old theatre. At what time?"
    )
    assert "at seven o'clock" in await talk.say("seven")


async def test_an_impossible_value_is_refused_and_asked_for_again() -> None:
    talk = Conversation()
    answer = await talk.say("a table for 40 people")
    assert answer == "I'm sorry, our largest table seats twelve. For how many people?"


async def test_a_failed_tool_is_explained() -> None:
    talk = Conversation()
    await talk.say("book a table for four people tomorrow at seven")
    await talk.say("yes")
    assert "fully booked" in await talk.give('{"error": "failed", "message": "We are fully booked."}')


@pytest.mark.parametrize("output", ['{"reference":"X 1"}', '{"result":{"reference":"X 1"}}'])
async def test_the_fields_of_a_result_are_known_by_name_whether_or_not_it_is_wrapped(output: str) -> None:
    talk = Conversation()
    await talk.say("book a table for four people tomorrow at seven")
    await talk.say("yes")
    assert "reference is X 1" in await talk.give(output)


async def test_not_understood_is_said_in_other_words_each_time_and_then_the_call_is_ended() -> None:
    talk = Conversation()
    answers = [await talk.say("[unintelligible]") for _ in range(4)]
    assert len(set(answers)) == 4
    assert [call.name for call in talk.calls] == ["end_call"]


async def test_say_that_again() -> None:
    talk = Conversation()
    asked = await talk.say("a table for two")
    assert await talk.say("pardon") == asked


@pytest.mark.parametrize("words", ["no thank you", "goodbye", "that's all", "thanks, bye"])
async def test_the_end(words: str) -> None:
    talk = Conversation()
    await talk.say("what are your opening hours")
    assert "Goodbye" in await talk.say(words)
    assert [call.name for call in talk.calls] == ["end_call"]


async def test_a_message_after_hours() -> None:
    talk = Conversation("after-hours")
    assert "lost property" in await talk.say("can I leave a message")
    assert "digit by digit" in await talk.say("I lost something")
    assert await talk.say("five five five oh one two three") == (
        "I note: lost property, and your number is 5 5 5 0 1 2 3. Is that right?"
    )
    talk.tools = [{"name": "take_message"}]
    assert await talk.say("yes") == ""
    [call] = talk.calls
    assert json.loads(call.arguments) == {"text": "It is about: lost property.", "callback_number": "5550123"}
    assert "call you back tomorrow" in await talk.give('{"result":"done"}')


@pytest.mark.parametrize(
    "forced",  # what a recogniser makes of "what is the weather like", "who won the election", and so on
    [
        "never mind around nine ten one ten",
        "bye may eleventh at eight a m",
        "uh yeah all fine noon five ten",
        "bye repeat that what are your hours",
    ],
)
async def test_words_that_nobody_says_in_one_turn_are_not_understood(forced: str) -> None:
    talk = Conversation()
    await talk.respond()
    assert "didn't catch that" in await talk.say(forced)


async def test_see_you_tomorrow_is_a_goodbye_and_no_booking() -> None:
    talk = Conversation()
    await talk.respond()
    assert "Goodbye" in await talk.say("thank you see you tomorrow")


async def test_the_number_is_listened_for_when_it_is_asked_for() -> None:
    talk = Conversation("after-hours")
    await talk.respond()
    assert "<slot_number>" not in talk.brain.expectation()
    await talk.say("I'd like to leave a message")
    assert "<slot_number>" in talk.brain.expectation()


async def test_what_is_both_yes_and_no_confirms_nothing() -> None:
    talk = Conversation()
    await talk.say("a table for two tomorrow at seven")
    assert "didn't catch that" in await talk.say("please exactly nothing else")
    assert not talk.calls
