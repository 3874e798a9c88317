"""Whole calls in which the caller is transferred: told by what each party hears, and by what the model is told."""

import asyncio
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from phoneagent.calls.record import CallRecord
from phoneagent.simulate.fake_twilio import Busy, Fault, Keys, NoAnswer, Person, Unreachable, Voicemail, Words
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from tests.calls.service import NUMBER, WITHIN_S, kept
from tests.calls.telephony import BRIEFING, COLD, HUMAN, TRANSFER, WARM, answered, company, hears, scene, told
from tests.calls.test_switchboard import webhook

DOCUMENT = Path(__file__).parents[2] / "docs" / "transfers.md"
TALKING = hears("people", HUMAN)
STREAMED_AGAIN = lambda record: len(record.streams) == 2  # noqa: E731


async def transfer_kept(folder: Path, record: CallRecord) -> list[str]:
    """How the transfer went, as the store has it."""
    happened = [event.data for event in (await kept(folder, record)).events if event.kind == "transfer"]
    assert {data["to"] for data in happened} == {"reception"}
    assert all(("why" in data) == (data["state"] in ("failed", "returned")) for data in happened)
    return [data["state"] for data in happened]


# Cold: the caller hears them ring


async def test_a_caller_is_connected_and_the_call_is_over_when_they_have_talked(tmp_path: Path):
    async with scene(tmp_path, COLD) as s:
        s.twilio.answers(HUMAN, Person(ring_s=1, hangs_up_after_s=5))
        caller = await s.call()
        await caller.until(TALKING)
        await asyncio.wait_for((await s.model.session()).closed, WITHIN_S)
        assert (await s.human()).from_ == NUMBER
        phones = await caller.ended()
        record = await s.record()
    assert company(caller) == [("stream",), ("ringing",), ("people", HUMAN)]
    assert (record.outcome, record.reason) == ("transferred", "reception")
    assert record.cost.telephone == Decimal("0.0085") + Decimal("0.0140")  # a minute of the caller's line, and theirs
    assert not phones.problems
    assert [(run.name, "interrupted" in run.output) for run in record.tools] == [("transfer_call", True)]
    assert await transfer_kept(tmp_path, record) == ["begun", "connected"]


@pytest.mark.parametrize(
    ("callee", "why"),
    [(Busy(), "busy"), (NoAnswer(), "Nobody answered"), (Unreachable(), "Nobody answered")],
)
async def test_a_caller_whom_nobody_answers_is_back_with_the_agent_who_knows_why(tmp_path: Path, callee: Any, why: str):
    async with scene(tmp_path, COLD) as s:
        s.twilio.answers(HUMAN, callee)
        caller = await s.call()
        await caller.until(lambda record: STREAMED_AGAIN(record) and record.agent_turns)
        session = await s.model.session()
        assert why in answered(session)["result"]
        assert why in told(session)[0][1]
        assert len(session.all("response.create")) == 1
        caller.hang_up()
        await caller.ended()
        record = await s.record()
    assert company(caller) == [("stream",), ("ringing",), ("stream",)]
    assert (record.outcome, len(s.model.sessions)) == ("caller_hung_up", 1)
    assert record.cost.telephone == Decimal("0.0085")
    assert await transfer_kept(tmp_path, record) == ["begun", "failed"]


async def test_a_caller_who_hangs_up_while_it_rings_has_hung_up(tmp_path: Path):
    async with scene(tmp_path, COLD) as s:
        s.twilio.answers(HUMAN, NoAnswer())
        s.twilio.number(NUMBER, status_callback=f"{s.service.url}/status")
        caller = await s.call()
        await caller.until(hears("ringing"))
        caller.hang_up()
        assert (await s.record()).outcome == "caller_hung_up"
        assert (await (await s.human()).ended()).outcome is not None


# Warm: the person is asked first


@pytest.mark.parametrize("said", [Keys("1"), Words("Yes, okay.")])
async def test_the_person_hears_what_it_is_about_and_takes_the_call(tmp_path: Path, said: Any):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, Person(ring_s=5, gather=said, hangs_up_after_s=20))
        caller = await s.call()
        await caller.until(TALKING)
        human = await s.human()
        assert (human.from_, human.record.said) == (NUMBER, [f"{BRIEFING} To take the call, press 1 or say yes."])
        assert human.bridged_with == (caller.number,)
        assert ("stream",) in company(caller)
        await asyncio.wait_for((await s.model.session()).closed, WITHIN_S)
        await caller.until(lambda record: STREAMED_AGAIN(record) and record.agent_turns)
        second = s.model.sessions[1]
        assert any(role == "system" and "anything else" in text for role, text in told(second))
        caller.hang_up()
        record = await s.record()
        await human.ended()
    assert (record.cost.telephone, record.cost.streams) == (Decimal("0.0225"), Decimal("0.0080"))  # two streams
    assert record.cost.machine_detection == Decimal("0.0075")
    assert ("silence",) not in company(caller)
    assert [one for one in company(caller) if one != ("music",)] == [("stream",), ("people", HUMAN), ("stream",)]
    assert record.outcome == "caller_hung_up"
    assert "anything else" in record.tools[0].output
    assert await transfer_kept(tmp_path, record) == ["begun", "connected", "returned"]


@pytest.mark.parametrize(
    ("callee", "why"),
    [
        (Person(gather=Keys("2")), "can't take the call"),
        (Person(gather=Words("Not now.")), "can't take the call"),
        (Person(), "did not take the call"),
        (Person(hangs_up_after_s=2), "hung up"),
        (Voicemail(), "voicemail"),
        (NoAnswer(), "Nobody answered"),
        (Busy(), "busy"),
        (Unreachable(), "could not be reached"),
    ],
)
async def test_a_person_who_does_not_take_the_call_never_takes_the_caller_from_the_agent(
    tmp_path: Path, callee: Any, why: str
):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, callee)
        caller = await s.call()
        session = await s.model.session()
        await session.received("response.create")
        assert why in answered(session)["result"]
        await (await s.human()).ended()
        assert (len(caller.record.streams), caller.record.hearing) == (1, ("stream",))
        caller.hang_up()
        await s.record()
    assert company(caller) == [("stream",)]


async def test_a_voicemails_greeting_takes_no_call(tmp_path: Path):
    async with scene(tmp_path, WARM) as s:
        greeting = "Yes, hello, okay, this is the voicemail of Bob, please leave a message."
        s.twilio.answers(HUMAN, Voicemail(greeting=greeting))
        caller = await s.call()
        session = await s.model.session()
        await session.received("response.create")
        assert "result" in answered(session)
        human = await s.human()
        await human.ended()
        assert ("people", caller.number) not in company(human)
        assert "The caller is no longer on the line. Goodbye." not in human.record.said, "nobody would hear it"


@pytest.mark.parametrize("moment", ["ringing", "briefing", "together"])
async def test_when_the_caller_hangs_up_the_person_is_let_go(tmp_path: Path, moment: str):
    async with scene(tmp_path, WARM) as s:
        ring_s = 15 if moment == "ringing" else 0.1
        s.twilio.number(NUMBER, status_callback=f"{s.service.url}/status" if moment != "briefing" else "")
        s.twilio.answers(HUMAN, Person(ring_s=ring_s, gather=Keys("1") if moment == "together" else None))
        caller = await s.call()
        human = await s.human()
        match moment:
            case "ringing":
                await human.until(lambda record: record.status == "ringing")
            case "briefing":
                await human.until(lambda record: record.said)
            case "together":
                await caller.until(TALKING)
        caller.hang_up()
        record = await s.record()
        ended = await human.ended()
    assert record.outcome == ("transferred" if moment == "together" else "caller_hung_up")
    assert ended.said[1:] == ([] if moment == "ringing" else ["The caller is no longer on the line. Goodbye."])
    assert human.status == ("canceled" if moment == "ringing" else "completed")


# Twilio's API fails


@pytest.mark.parametrize("fault", [Fault.status(500, takes_effect=True), Fault.reset_after])
async def test_a_person_who_was_called_though_twilio_says_it_failed_is_connected_all_the_same(
    tmp_path: Path, fault: Fault
):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, Person(gather=Keys("1")))
        s.twilio.fail("POST", "/Calls.json", with_=fault)
        caller = await s.call()
        await caller.until(TALKING)
        assert len(s.twilio.calls_to(HUMAN)) == 1


async def test_a_person_who_can_not_be_called_is_told_of_to_the_agent(tmp_path: Path):
    async with scene(tmp_path, WARM) as s:
        s.twilio.refuses(HUMAN, 21215)
        await s.call()
        session = await s.model.session()
        await session.received("response.create")
        assert "could not be reached" in answered(session)["result"]


@pytest.mark.parametrize("how", [WARM, COLD], ids=["warm", "cold"])
async def test_a_caller_who_can_not_be_moved_stays_with_the_agent(tmp_path: Path, how: str):
    async with scene(tmp_path, how) as s:
        s.twilio.answers(HUMAN, Person(gather=Keys("1")))
        caller = await s.call()
        await caller.until(lambda record: record.streams)
        s.twilio.fail("POST", f"/{caller.sid}.json", with_=Fault.status(400), times=None)
        session = await s.model.session()
        await session.received("response.create")
        assert "could not be made" in answered(session)["result"]
        await caller.until(lambda record: record.agent_turns)
        if how == WARM:
            human = await s.human()
            assert (await human.ended()).said[-1] == "The caller is no longer on the line. Goodbye."
        caller.hang_up()
        assert (await s.record()).outcome == "caller_hung_up"
    assert company(caller) == [("stream",)]


@pytest.mark.parametrize("fault", [Fault.status(429), Fault.status(500), Fault.reset_before, Fault.reset_after])
async def test_a_redirect_that_fails_once_is_tried_again(tmp_path: Path, fault: Fault):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, Person(gather=Keys("1")))
        caller = await s.call()
        await caller.until(lambda record: record.streams)
        s.twilio.fail("POST", f"/{caller.sid}.json", with_=fault)
        await caller.until(TALKING)
        await asyncio.sleep(0.3)
        assert caller.record.hearing == ("people", HUMAN)


async def test_only_one_transfer_at_a_time(tmp_path: Path):
    again = ToolCall(TRANSFER.name, TRANSFER.arguments, call_id="call_2", item_id="item_call_2")
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, NoAnswer())
        await s.call(TRANSFER, again)
        session = await s.model.session()
        await session.received("conversation.item.create")
        assert "already" in answered(session, "call_2")["message"]
        assert len(s.twilio.calls_to(HUMAN)) <= 1


@pytest.mark.parametrize("how", [WARM, COLD], ids=["warm", "cold"])
async def test_a_second_try_right_after_the_first(tmp_path: Path, how: str):
    again = ToolCall(TRANSFER.name, TRANSFER.arguments, call_id="call_2", item_id="item_call_2")
    async with scene(tmp_path, how) as s:
        s.twilio.answers(HUMAN, Busy())
        caller = await s.call()
        session = await s.model.session()
        await session.received("response.create")
        await caller.until(lambda record: record.agent_turns)
        s.twilio.answers(HUMAN, Person(gather=Keys("1")))
        session.emit(*response(again, response_id="resp_again"))
        await caller.until(TALKING)
    assert ("silence",) not in company(caller)


async def test_keys_and_another_goodbye_do_not_disturb_a_transfer(tmp_path: Path):
    keys = ToolCall("send_digits", '{"digits": "1"}', call_id="call_2", item_id="item_call_2")
    goodbye = ToolCall("end_call", "{}", call_id="call_3", item_id="item_call_3")
    async with scene(tmp_path, WARM.replace("[", "[send_digits, end_call, ")) as s:
        s.twilio.answers(HUMAN, Person(ring_s=5, gather=Keys("2")))
        caller = await s.call(Speech("I'll put you through. Goodbye!", ms=100), TRANSFER, keys, goodbye)
        session = await s.model.session()
        await session.received("response.create")
        assert "can't take the call" in answered(session)["result"]
        assert "already" in answered(session, "call_2")["message"]
        caller.hang_up()
        assert (await s.record()).outcome == "caller_hung_up"
    assert company(caller) == [("stream",)]


# The service ends


async def test_two_who_talk_are_left_alone_when_the_service_ends_the_call(tmp_path: Path):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, Person(gather=Keys("1")))
        caller = await s.call()
        await caller.until(TALKING)
        s.service.switchboard.end_calls("the service is shutting down")
        await s.record()
        await asyncio.sleep(0.2)  # four seconds of theirs
        human = await s.human()
        assert (caller.bridged_with, human.bridged_with) == ((HUMAN,), (caller.number,))
        human.hang_up()
        await caller.ended()
    assert not caller.record.problems


async def test_the_carriers_requests_for_another_call_get_nothing(tmp_path: Path):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, Person(ring_s=0.1))
        await s.call()
        human = await s.human()
        await human.until(lambda record: record.said)
        [url] = {url for url, _ in human.record.requests if "transfer-human" in url}
        path = url.removeprefix(s.service.url)
        assert "<Gather" not in await webhook(s.service, path, CallSid="CA" + "9" * 32)
        assert "<Gather" in await webhook(s.service, path, CallSid=human.sid)
        assert "<Gather" not in await webhook(s.service, "/transfer-human?transfer=guessed", CallSid=human.sid)


# The document's example


async def test_the_example_of_the_document_transfers_calls(tmp_path: Path):
    [example] = re.findall(r"```markdown\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "ada.md").write_text(example)
    dentist = ToolCall("transfer_call", json.dumps({"to": "dentist", "briefing": BRIEFING}))
    async with scene(tmp_path, None) as s:
        s.twilio.number(NUMBER, status_callback=f"{s.service.url}/status")
        s.twilio.answers("+15550112", Person(gather=Keys("1")))
        caller = await s.call(dentist)
        await caller.until(hears("people", "+15550112"))
        caller.hang_up()
        assert (await s.record()).reason == "dentist"
