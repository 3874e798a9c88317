"""Keys, text messages, messages and other agents, as the model asks for them on a real call."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from phoneagent.simulate.fake_twilio import Fault, Person
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.script import Silence
from tests.calls.service import CALLER, NUMBER, WITHIN_S, write_agent
from tests.calls.telephony import HUMAN, WARM, answered, company, scene, told

SMS = 'tools: [send_sms]\nsms: {numbers: {owner: "+15550113"}}'


def asks(name: str, call_id: str = "call_1", **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments), call_id=call_id, item_id=f"item_{call_id}")


# Keys


async def test_keys_are_pressed_and_the_call_goes_on_in_the_same_session(tmp_path: Path):
    async with scene(tmp_path, "tools: [send_digits]") as s:
        caller = await s.call(asks("send_digits", digits="ww1#"))
        await caller.until(lambda record: len(record.streams) == 2 and record.agent_turns)
        assert caller.record.digits_heard == ["ww1#"]
        session = await s.model.session()
        assert "error" not in answered(session)
        assert len(session.all("response.create")) == 1
        caller.hang_up()
        record = await s.record()
    assert [kind for kind, *_ in company(caller)].count("stream") == 2
    assert (record.outcome, len(s.model.sessions)) == ("caller_hung_up", 1)


async def test_keys_that_can_not_be_pressed_are_told_of(tmp_path: Path):
    async with scene(tmp_path, "tools: [send_digits]") as s:
        caller = s.twilio.phone.dial(NUMBER, [Silence(30)])
        await caller.until(lambda record: record.streams)
        s.twilio.fail("POST", f"/{caller.sid}.json", with_=Fault.status(400), times=None)
        session = await s.model.session()
        session.emit(*response(asks("send_digits", digits="1")))
        await session.received("response.create")
        assert "could not be pressed" in answered(session)["message"]
        assert len(caller.record.streams) == 1


# Text messages


@pytest.mark.parametrize(("to", "number"), [("caller", CALLER), ("owner", "+15550113")])
async def test_a_text_message_goes_to_the_caller_or_to_a_listed_number(tmp_path: Path, to: str, number: str):
    async with scene(tmp_path, SMS) as s:
        await s.call(asks("send_sms", to=to, text="We are at 12 Harbour Street."))
        await (await s.model.session()).received("response.create")
        [message] = s.twilio.messages
    assert (message.to, message.from_, message.body) == (number, NUMBER, "We are at 12 Harbour Street.")


async def test_a_text_message_goes_nowhere_else(tmp_path: Path):
    async with scene(tmp_path, SMS) as s:
        await s.call(asks("send_sms", to="+15550114", text="Hello"), asks("send_sms", "call_2", to="bob", text="Hello"))
        session = await s.model.session()
        await session.received("response.create")
        assert {answered(session, call_id)["error"] for call_id in ("call_1", "call_2")} == {"bad_arguments"}
        assert s.twilio.messages == []


async def test_a_text_message_that_may_have_been_sent_is_not_sent_again(tmp_path: Path):
    async with scene(tmp_path, SMS) as s:
        s.twilio.fail("POST", "/Messages.json", with_=Fault.status(500, takes_effect=True))
        first, second = (asks("send_sms", call_id, to="caller", text="Hello") for call_id in ("call_1", "call_2"))
        await s.call(first)
        session = await s.model.session()
        await session.received("response.create")
        assert "may or may not have been sent" in answered(session)["message"]
        session.emit(*response(second, response_id="resp_again"))
        await session.received("response.create")
        assert "may or may not have been sent" in answered(session, "call_2")["message"]
        assert len(s.twilio.messages) == 1


async def test_a_text_message_that_was_not_sent_may_be_tried_again(tmp_path: Path):
    async with scene(tmp_path, SMS) as s:
        s.twilio.refuses(CALLER, 21614)
        await s.call(asks("send_sms", to="caller", text="Hello"))
        session = await s.model.session()
        await session.received("response.create")
        assert answered(session)["message"] == "The text message could not be sent."


# Messages


async def test_a_message_is_kept(tmp_path: Path):
    async with scene(tmp_path, "tools: [take_message]") as s:
        caller = await s.call(asks("take_message", text="Call Ada back.", callback_number="+1 555 0142"))
        session = await s.model.session()
        await session.received("response.create")
        assert "error" not in answered(session)
        caller.hang_up()
        record = await s.record()
    with sqlite3.connect(tmp_path / "data" / "phoneagent.db") as database:
        rows = database.execute("select call_id, agent, caller, text, callback_number from messages").fetchall()
    assert record.call_sid == caller.sid
    assert rows == [(record.call_id, "ada", CALLER, "Call Ada back.", "+1 555 0142")]


# Without Twilio's API


async def test_without_credentials_the_model_is_told_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with scene(tmp_path, WARM, TWILIO_ACCOUNT_SID="", PHONEAGENT_TWILIO_API_URL="") as s:
        [warning] = [record for record in caplog.records if "without Twilio's API" in record.getMessage()]
        assert (warning.agent, warning.tools) == ("ada", ["transfer_call"])  # type: ignore[attr-defined]
        await s.call()
        session = await s.model.session()
        await session.received("response.create")
        assert "not possible" in answered(session)["message"]


# Another agent


@pytest.mark.parametrize("voice", ["marin", "cedar"])
async def test_another_agent_takes_over_with_its_own_prompt_and_tools(tmp_path: Path, voice: str):
    write_agent(
        tmp_path, f"numbers: []\ngreeting: none\nvoice: {voice}\ntools: [send_sms]", name="billing", prompt="Be Bill."
    )
    async with scene(tmp_path, "handoff: [billing]\nvoice: marin") as s:
        caller = await s.call(
            Speech("I'll get my colleague.", ms=100), asks("hand_over", to="billing", reason="An invoice.")
        )
        heard = lambda record: sum(turn.ended_at - turn.began_at for turn in record.agent_turns)  # noqa: E731
        await caller.until(lambda record: heard(record) > 0.25)  # both of them
        session = s.model.sessions[-1]
        assert len(s.model.sessions) == (1 if voice == "marin" else 2)
        assert session.config["instructions"] == "Be Bill."
        assert [tool["name"] for tool in session.config["tools"]] == ["send_sms"]
        if voice == "cedar":
            assert ("assistant", "I'll get my colleague.") in told(session)
        assert len(caller.record.streams) == 1
        caller.hang_up()
        record = await s.record()
    assert (record.agent, record.took_over) == ("ada", ("billing",))


async def test_nobody_hands_over_to_whom_they_may_not(tmp_path: Path):
    for name in ("billing", "sales"):
        write_agent(tmp_path, "numbers: []\ngreeting: none", name=name)
    async with scene(tmp_path, "handoff: [billing]") as s:
        await s.call(asks("hand_over", to="sales", reason="Why not?"))
        session = await s.model.session()
        await session.received("response.create")
        assert answered(session)["error"] == "bad_arguments"
        assert session.config["instructions"] == "Be Ada."


async def test_a_call_that_ends_while_a_person_is_asked_keeps_the_tool_in_its_record(tmp_path: Path):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, Person(ring_s=10))
        caller = await s.call()
        await s.human()
        caller.hang_up()
        record = await s.record()
        await asyncio.wait_for((await s.human()).ended(), WITHIN_S)
    [run] = record.tools
    assert (run.name, json.loads(run.output)["error"]) == ("transfer_call", "interrupted")
