"""What is kept of a call is what happened on it, and nothing of what must not be kept."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from phoneagent.calls.live import TurnChanged
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Limits
from phoneagent.core.costs import Usage
from phoneagent.core.errors import Problem
from phoneagent.core.records import CallOver, Charge, CostPosted, Happened, SessionBegan, TurnKept
from phoneagent.simulate.realtime_events import (
    Pause,
    Speech,
    ToolCall,
    caller_turn_ended,
    error,
    response,
    response_failed,
    transcribed,
)
from phoneagent.simulate.script import Press, Say, Silence
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from tests.calls.service import (
    CALLER,
    NUMBER,
    WITHIN_S,
    kept,
    phone_of,
    records,
    serving,
    write_agent,
    write_tools,
)
from tests.calls.test_peers import ADA, BILL, OnePhone

TOOLS = '''
from phoneagent.tools import ToolError, tool

@tool
def look_up(text: str, number: int = 0) -> dict[str, object]:
    """Look something up."""
    if text == "nothing":
        raise ToolError("There is none.")
    return {"found": text, "number": number}
'''


def found(folder: Path, secrets: Mapping[str, str]) -> set[str]:
    """Which of the secrets stand in any file."""
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {what for what, secret in secrets.items() if any(secret.encode() in text for text in texts)}


async def test_a_call_is_kept_as_it_was(tmp_path: Path):
    write_agent(
        tmp_path,
        "greeting: Good evening, this is the Blue Door.\ntools: [look_up, take_message]\n"
        "retention: {call_days: 30}\nafter_call: {summary: true}",
    )
    write_tools(tmp_path, TOOLS)
    script = [
        expect("response.create").then(*response(Speech("Good evening, this is the Blue Door.", ms=5000))),
        expect("conversation.item.create", item={"type": "message"}),
    ]
    tools = (
        ToolCall("look_up", '{"text":"hours"}'),
        ToolCall("look_up", '{"text":"nothing"}', "call_2", "item_call_2"),
        ToolCall("take_message", '{"text":"Call me","callback_number":"555 0142"}', "call_3", "item_call_3"),
    )
    async with ScriptedModel(script) as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        finished = records(service)
        call = phone.dial(NUMBER, [Silence(0.6), Say("Hours?"), Press("42#", every_ms=40), Silence(30)])
        session = await model.session()
        await call.until(lambda record: record.caller.utterances)
        session.interrupt()
        session.emit(Pause(0.1), *caller_turn_ended(), transcribed("When are you open?"))
        await session.received("conversation.item.create", item={"type": "message"})
        session.emit(*response(*tools, response_id="resp_2"))
        for _ in tools:
            await session.received("conversation.item.create", item={"type": "function_call_output"})
        session.emit(error("invalid_value", "It is odd."))
        session.emit(*response_failed("invalid_prompt", "It is odder.", "resp_3"))
        answer = response(Speech("From nine to five.", ms=100, item_id="item_4"), response_id="resp_4")
        session.emit(Pause(0.4), *answer)  # after which it is another turn to who listens
        await call.until(lambda record: len(record.agent_turns) == 2)
        call.hang_up()
        phones = await call.ended()
        record = await asyncio.wait_for(finished.get(), WITHIN_S)
    detail = await kept(tmp_path, record)
    row = detail.row
    assert (row.id, row.call_sid, row.direction) == (record.call_id, phones.call_sid, "inbound")
    assert (row.caller, row.called, row.agent, row.agent_version) == (CALLER, NUMBER, "ada", record.agent_version)
    assert (row.engine, row.model) == ("openai", "gpt-realtime-2.1")
    assert (row.began, row.outcome, row.reason) == (record.began, record.outcome, record.reason)
    assert row.ended is not None
    assert row.streamed is not None
    assert row.began <= row.streamed < row.ended
    assert row.duration_s == pytest.approx(record.duration_s, abs=0.01)
    assert (row.barge_ins, row.turn_count, row.latency_ms) == (1, len(record.turns), record.median_latency_ms)
    assert row.first_audio_ms == record.first_audio_ms
    assert re.fullmatch("MZ[0-9a-f]{32}", detail.stream_sid or "")
    assert detail.session_id == session.config["id"]
    assert detail.after in ("pending", "skipped")  # by when somebody looked for a model that could
    assert [(turn.speaker, turn.text, turn.unheard) for turn in detail.turns] == [
        (turn.speaker, turn.text, turn.unheard) for turn in record.turns
    ]
    assert detail.turns[0].interrupted
    assert detail.turns[0].text
    assert detail.turns[0].unheard
    outputs = {tool.arguments: tool.output for tool in record.tools}
    assert {run.tool_call_id: (run.name, run.arguments, run.output, run.failed) for run in detail.tools} == {
        tool.call_id: (tool.name, tool.arguments, outputs[tool.arguments], tool.call_id == "call_2") for tool in tools
    }
    assert [event.number for event in detail.events] == list(range(1, len(detail.events) + 1))
    happened: dict[str, list[Any]] = {}
    for event in detail.events:
        happened.setdefault(event.kind, []).append(event.data)
    assert happened["barge_in"][0]["turn_id"] == detail.turns[0].turn_id
    assert 100 < happened["barge_in"][0]["heard_ms"] < 2500
    assert happened["digits"] == [{"digits": "42", "secure": False}]
    assert happened["engine_error"][0]["code"] == "invalid_value"
    assert happened["response_failed"][0]["code"] == "invalid_prompt"
    assert len(happened["message"]) == 1
    assert sum(charge.usd for charge in detail.charges if charge.usd is not None) == row.usd
    assert row.usd == pytest.approx(record.cost.total)
    assert {charge.part for charge in detail.charges} == {"model", "transcription", "telephone", "streams"}
    assert detail.agent_files is not None
    assert detail.agent_files["ada.md"] == (tmp_path / "agents" / "ada.md").read_text()


async def test_secret_keys_and_cards_are_told_to_the_agent_and_get_into_no_file(tmp_path: Path, log: io.StringIO):
    write_agent(tmp_path, "greeting: none\ntools: [look_up, take_message]\ndtmf: {secure: true}")
    write_tools(tmp_path, TOOLS)
    tools = (
        ToolCall("look_up", '{"text":"PIN 7391-55","number":739155}'),
        ToolCall("look_up", '{"text":"4111 1111 1111 1111","number":4111111111111111}', "call_2", "item_call_2"),
        ToolCall("take_message", '{"text":"My PIN is 739155, my card 4111-1111-1111-1111"}', "call_3", "item_call_3"),
    )
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        finished = records(service)
        call = phone.dial(NUMBER, [Silence(0.2), Press("739155#", every_ms=40), Silence(30)])
        session = await model.session()
        typed = await session.received("conversation.item.create", item={"type": "message"})
        assert typed["item"]["content"][0]["text"].endswith("739155")
        session.interrupt()
        session.emit(*caller_turn_ended(), transcribed("I typed 7 3 9 1 5 5. My card is 4111 1111 1111 1111."))
        session.emit(*response(*tools, response_id="resp_2"))
        outputs = [
            json.loads(
                (await session.received("conversation.item.create", item={"call_id": tool.call_id}))["item"]["output"]
            )
            for tool in tools
        ]
        assert outputs[0]["result"] == {"found": "PIN 7391-55", "number": 739155}
        spoken = f"Seven three nine one five five. Then your card: four{' one' * 15}."
        session.emit(*response(Speech(spoken, ms=400, item_id="item_4"), response_id="resp_4"))
        await call.until(lambda record: record.agent_turns)
        secrets = {
            "the keys": "739155",
            "the keys, spaced": "7 3 9 1 5 5",
            "the keys, in groups": "7391-55",
            "the keys, spoken": "ree nine one fi",
            "the card": "4111111111111111",
            "the card, spaced": "4111 1111",
            "the card, in groups": "4111-1111",
            "the card, spoken": "our one one one",
        }
        assert not found(tmp_path / "data", secrets)
        call.hang_up()
        await call.ended()
        record = await asyncio.wait_for(finished.get(), WITHIN_S)
    assert not found(tmp_path / "data", secrets)
    assert not [what for what, secret in secrets.items() if secret in log.getvalue()]
    detail = await kept(tmp_path, record)
    [digits] = [event for event in detail.events if event.kind == "digits"]
    assert digits.data == {"digits": "••••••", "secure": True}
    said = [
        f"{turn.text} {turn.unheard}".replace(" .", ".").strip(" .") for turn in detail.turns
    ]  # heard up to anywhere
    assert said == [
        "I typed [keys]. My card is [card]",
        "[keys]. Then your card: [card]",
    ]
    assert {run.tool_call_id: run.arguments for run in detail.tools} == {
        "call_1": '{"text": "PIN [keys]", "number": "[keys]"}',
        "call_2": '{"text": "[card]", "number": "[card]"}',
        "call_3": '{"text": "My PIN is [keys], my card [card]"}',
    }


async def test_who_takes_over_is_kept_with_their_version_and_what_either_would_not_keep_is_not(tmp_path: Path):
    policy, room = "redaction: {patterns: {policy: 'LL-[0-9]{6}'}}", "redaction: {patterns: {room: 'R[0-9]{2}'}}"
    write_agent(tmp_path, f"greeting: none\nhandoff: [bob]\n{policy}")
    write_agent(tmp_path, f"numbers: []\n{room}", name="bob", prompt="Be Bob.")
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        finished = records(service)
        call = phone.dial(NUMBER, [Silence(30)])
        session = await model.session()
        await session.received("session.update")
        await call.until(lambda record: record.streams)
        session.emit(*response(ToolCall("hand_over", '{"to":"bob","reason":"LL-123456"}')))
        await session.received("session.update")
        session.interrupt()
        said = asyncio.Event()
        service.feed.watch(lambda news: said.set() if isinstance(news, TurnChanged) else None)
        session.emit(error("invalid_value", "R12"), *caller_turn_ended(), transcribed("It is LL-123456, in R12."))
        await asyncio.wait_for(said.wait(), WITHIN_S)
        call.hang_up()
        await call.ended()
        record = await asyncio.wait_for(finished.get(), WITHIN_S)
    detail = await kept(tmp_path, record)
    bob = service.agents.directory.by_name("bob")
    assert bob is not None
    took_over = [event.data for event in detail.events if event.kind == "agent_took_over"]
    assert took_over == [{"agent": "bob", "version": bob.version}]
    assert [turn.text for turn in detail.turns] == ["It is [policy], in [room]."]
    assert [event.data["message"] for event in detail.events if event.kind == "engine_error"] == ["[room]"]
    with sqlite3.connect(tmp_path / "data" / "phoneagent.db") as database:
        versions = dict(database.execute("select name, files from agent_versions").fetchall())
    assert versions.keys() == {"ada", "bob"}
    assert json.loads(versions["bob"]) == dict(bob.source)


def of_kind(phone: OnePhone, kind: str) -> list[Mapping[str, Any]]:
    return [entry.data for entry in phone.entries if isinstance(entry, Happened) and entry.kind == kind]


@pytest.mark.virtual_time
async def test_a_barge_in_is_kept_with_what_was_heard_and_without_if_nothing_was():
    phone = OnePhone()
    for response_id, sounds in (("r1", True), ("r2", False)):
        phone.session.receive(on.ResponseStarted(response_id))
        if sounds:
            phone.session.receive(on.AgentAudio(response_id, "t1", "////", 2000.0))
            [mark] = [command.mark for command in phone.leg.sent if isinstance(command, do.SendMark)]
            phone.caller(on.MarkReached(mark))
        await asyncio.sleep(0.5)
        phone.session.receive(on.CallerStartedSpeaking("u1"))
        phone.session.receive(on.ResponseEnded(response_id, "cancelled"))
        phone.session.receive(on.CallerStoppedSpeaking("u1"))
    assert of_kind(phone, "barge_in") == [{"turn_id": "t1", "heard_ms": 500}, {}]


@pytest.mark.virtual_time
async def test_the_cost_is_kept_while_the_call_runs_and_its_charges_sum_up_to_it():
    phone = OnePhone(replace(ADA, limits=Limits(call_usd=Decimal("0.03"))))
    phone.session.receive(on.ResponseStarted("r1"))
    phone.session.receive(on.ResponseEnded("r1", "completed", usage=Usage(text_out=500)))
    await asyncio.sleep(150)
    posted = [entry.usd for entry in phone.entries if isinstance(entry, CostPosted)]
    assert posted == sorted(set(posted)), "said only when it has changed"
    [over] = [entry for entry in phone.entries if isinstance(entry, CallOver)]
    [record] = phone.records
    assert sum(charge.usd or 0 for charge in over.charges) == record.cost.total == posted[-1]
    assert {(charge.part, charge.model) for charge in over.charges} == {
        *(("model", "gpt-realtime-2.1"), ("telephone", ""), ("streams", "")),
    }
    assert [(data["limit"], data["level"]) for data in of_kind(phone, "limit")] == [
        *(("limits.call_usd", "nearly"), ("limits.call_usd", "over")),
    ]


@pytest.mark.virtual_time
async def test_of_a_model_without_a_price_the_charge_says_so():
    phone = OnePhone(replace(ADA, model="unheard-of"))
    phone.session.receive(on.ResponseStarted("r1"))
    phone.session.receive(on.ResponseEnded("r1", "completed", usage=Usage(text_out=500)))
    phone.caller(on.StreamEnded())
    [over] = [entry for entry in phone.entries if isinstance(entry, CallOver)]
    assert Charge("model", "unheard-of", None, Usage(text_out=500)) in over.charges


@pytest.mark.virtual_time
async def test_sessions_are_kept_and_so_is_the_loss_of_one():
    phone = OnePhone()
    phone.runner._do(do.OpenSession(BILL))
    phone.session.receive(on.SessionReady("sess_2"))
    phone.session.receive(on.SessionEnded(Problem("close:1006", "gone")))
    assert [entry for entry in phone.entries if isinstance(entry, SessionBegan)] == [
        SessionBegan("c1", "sess_1", ADA.model),
        SessionBegan("c1", "sess_2", BILL.model),
    ]
    assert of_kind(phone, "session_lost") == [{"code": "close:1006", "message": "gone"}]


@pytest.mark.virtual_time
async def test_every_turn_of_a_call_that_is_over_was_kept_as_it_was_last_and_no_other():
    phone = OnePhone()
    phone.session.receive(on.ResponseStarted("r1"))
    phone.session.receive(on.AgentAudio("r1", "t1", "////", 2000.0))
    phone.session.receive(on.AgentText("t1", "Good evening."))
    phone.session.receive(on.AgentAudio("r1", "t2", "////", 2000.0))  # of which no words come
    phone.session.receive(on.CallerTranscript("u1", "Good", final=False))
    phone.session.receive(on.CallerTurnEnded("u1"))
    phone.session.receive(on.CallerTranscript("u1", "", final=True))  # nothing more was made out
    await asyncio.sleep(1.0)
    phone.runner.receive(on.MachineAnswered(None))
    last = {entry.turn.turn_id: entry.turn for entry in phone.entries if isinstance(entry, TurnKept)}
    [over] = [entry for entry in phone.entries if isinstance(entry, CallOver)]
    assert last.keys() == set(over.turns)
    assert [last[turn_id] for turn_id in over.turns] == list(phone.records[0].turns)
    assert len(over.turns) == 2
    assert last["u1"].final
    assert of_kind(phone, "machine") == [{"message": None}]
    assert phone.entries[-1] is over
