"""Calls, as a telephone bridge makes them: speech in, speech out."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest

from bench.client import BOOK, CONFIRM, CORRECT, GOODBYE, SILENCE, Client, calls_of, clip, dialogue_of, words_of
from phoneagent.core.wording import say_exactly


async def test_a_caller_books_a_table_corrects_the_time_and_says_goodbye(phone: Client) -> None:
    greeting = await phone.respond()
    assert "Blue Door" in words_of(greeting)

    heard, answer = await phone.say(BOOK)
    assert heard.endswith("book a table for four people tomorrow at seven")
    assert words_of(answer) == "That is a table for four, tomorrow at seven o'clock. Shall I book it?"

    _, answer = await phone.say(CORRECT)
    assert words_of(answer) == "That is a table for four, tomorrow at eight o'clock. Shall I book it?"

    _, answer = await phone.say(CONFIRM)
    [call] = calls_of(answer)
    assert call["name"] == "book_table"
    arguments = json.loads(call["arguments"])
    assert (arguments["people"], arguments["time"]) == (4, "20:00")

    output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"reference": "B D 7"}'}
    await phone.ask("conversation.item.create", "conversation.item.done", item=output)
    assert "Your reference is B D 7." in words_of(await phone.respond())

    _, answer = await phone.say(GOODBYE)
    assert "Goodbye" in words_of(answer)
    assert [call["name"] for call in calls_of(answer)] == ["end_call"]


async def test_a_turn_is_told_in_the_order_of_the_protocol(phone: Client) -> None:
    await phone.respond()
    phone.events.clear()
    await phone.say(BOOK)
    types = list(dict.fromkeys(event["type"] for event in phone.events))
    expected = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert [type_ for type_ in types if type_ in expected] == expected
    started, stopped = (
        next(e for e in phone.events if e["type"] == f"input_audio_buffer.speech_{what}")
        for what in ("started", "stopped")
    )
    assert started["item_id"] == stopped["item_id"]
    assert started["audio_start_ms"] <= 350  # the clip begins after 300 ms of silence, less the padding
    assert stopped["audio_end_ms"] > started["audio_start_ms"] + 3000


async def test_speech_interrupts_a_response(phone: Client) -> None:
    long = (
        "Say the following to the caller now, word for word, and nothing before or after it:\n\n" + "One two. " * 3000
    )
    await phone.send("response.create", response={"instructions": long})
    await phone.until("response.output_audio.delta")
    await phone.speak(clip(BOOK)[:12000])
    await phone.until("input_audio_buffer.speech_started")
    done = (await phone.until("response.done"))["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"]["reason"] == "turn_detected"
    assert done["output"][0]["status"] == "incomplete"

    await phone.speak(SILENCE)
    answer = (await phone.until("response.done"))["response"]
    assert phone.audio_of(answer["output"][0]["id"])  # what is left of the interrupted words doesn't swallow the next


async def test_audio_is_as_long_as_the_words_and_comes_in_the_format_asked_for(phone: Client) -> None:
    done = await phone.respond()
    item = done["output"][0]
    pcmu = len(phone.audio_of(item["id"])) / 8
    assert 3000 < pcmu < 8000
    assert done["usage"]["output_token_details"]["audio_tokens"] == round(pcmu / 50)

    pcm = {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}}}}
    await phone.ask("session.update", "session.updated", session={"type": "realtime", **pcm})
    again = await phone.respond(instructions=say_exactly(words_of(done)))
    assert abs(len(phone.audio_of(again["output"][0]["id"])) / 48 - pcmu) < 20


async def test_speech_about_something_else_is_not_understood(phone: Client) -> None:
    await phone.respond()
    await phone.speak(clip(BOOK)[::-1] + SILENCE)  # speech, backwards
    heard = await phone.until("conversation.item.input_audio_transcription.completed")
    answer = (await phone.until("response.done"))["response"]
    assert heard["transcript"] == "[unintelligible]"
    assert words_of(answer).startswith("I'm sorry")


async def test_two_calls_at_once_do_not_mix(engine_url: str) -> None:
    async def call(dialogue: str, line: str) -> str:
        async with Client.connect(engine_url) as client:
            await client.configure_phone(dialogue_of(dialogue))
            await client.respond()
            return words_of((await client.say(line))[1])

    booking, message = await asyncio.gather(call("reception", BOOK), call("after-hours", GOODBYE))
    assert "table for four" in booking
    assert "Good night" in message


@pytest.mark.parametrize("timezone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])  # never on the same day
async def test_tomorrow_is_the_agents_tomorrow(client: Client, timezone: str) -> None:
    await client.configure_phone({**dialogue_of("reception"), "timezone": timezone})
    await client.write("a table for two people tomorrow at seven")
    await client.respond()
    await client.write("yes please")
    [call] = calls_of(await client.respond())
    tomorrow = dt.datetime.now(ZoneInfo(timezone)).date() + dt.timedelta(1)
    assert json.loads(call["arguments"])["date"] == tomorrow.isoformat()


async def test_an_unknown_time_zone_is_refused(client: Client) -> None:
    session = {"type": "realtime", "dialogue": {**dialogue_of("reception"), "timezone": "Mars/Olympus"}}
    error = await client.refused("session.update", session=session)
    assert (error["code"], error["param"]) == ("invalid_value", "session.dialogue.timezone")
