"""Operators step into whole calls: what the caller hears, what the model is told, what is kept."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phoneagent.app import Service
from phoneagent.calls.live import OperatorActed
from phoneagent.calls.operators import OperatorError, Operators, Reason
from phoneagent.calls.record import CallRecord
from phoneagent.calls.runner import CallRunner
from phoneagent.calls.transfer import CameOfIt
from phoneagent.core.agents import Redaction
from phoneagent.core.glance import Glance
from phoneagent.core.records import Happened
from phoneagent.core.redaction.entries import redacted, redactor_for
from phoneagent.core.wording import say_exactly, whispered
from phoneagent.simulate.audio import samples
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_twilio import Busy, Person
from phoneagent.simulate.playout import Chunk
from phoneagent.simulate.realtime_events import Speech, response
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession
from tests.calls.service import NUMBER, kept, phone_of, records, serving, write_agent
from tests.calls.telephony import COLD, HUMAN, WARM, hears, scene, told
from tests.calls.test_recording import RECORDED, listen

WITHIN_S = 20.0
OPERATOR, AGENT = 0x20, 0x40  # sounds that nothing else makes
FRAME = b64encode(bytes([OPERATOR]) * 160).decode()


@dataclass
class Call:
    """One call on the line, and those who look at it from within."""

    service: Service
    phone: FakeCall
    session: ScriptedSession
    finished: asyncio.Queue[CallRecord]
    deeds: list[tuple[str, str]] = field(default_factory=list)  # as the feed tells them

    @property
    def runner(self) -> CallRunner:
        (runner,) = self.service.switchboard.live_calls_now
        return runner

    @property
    def operators(self) -> Operators:
        return self.runner.operators

    def agent_says(self, ms: int, number: int = 1) -> None:
        """The model says something by itself, all of it at once."""
        speech = Speech("These are many words.", ms=ms, fill=AGENT, item_id=f"item_agent_{number}")
        self.session.emit(*response(speech, response_id=f"resp_{number}"))

    async def operator_says(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.operators.audio(FRAME)
            await asyncio.sleep(0.02)

    async def looks(self, condition: Callable[[Glance], object]) -> None:
        """Look at the call until something is true of it."""
        async with asyncio.timeout(WITHIN_S):
            while not condition(self.runner.glance()):  # noqa: ASYNC110 -- a glance tells nobody that it would differ
                await asyncio.sleep(0.005)

    def played(self, who: int) -> list[Chunk]:
        """What the phone has played of one of them, in order."""
        return [one for one in self.phone.record.line.playout.chunks if one.length and one.audio[0] == who]

    async def over(self) -> CallRecord:
        self.phone.hang_up()
        await self.phone.ended()
        return await asyncio.wait_for(self.finished.get(), WITHIN_S)


@asynccontextmanager
async def calling(folder: Path, front_matter: str = "greeting: none\nidle: none") -> AsyncIterator[Call]:
    write_agent(folder, front_matter)
    model = ScriptedModel()
    async with model, serving(folder, model) as service, phone_of(service) as phone:
        finished = records(service)
        caller = phone.dial(NUMBER, [Silence(30)])
        await caller.until(lambda record: record.streams)
        session = await model.session()
        await session.received("session.update")
        call = Call(service, caller, session, finished)
        service.feed.watch(
            lambda news: call.deeds.append((news.action, news.by)) if isinstance(news, OperatorActed) else None
        )
        await call.looks(lambda glance: glance.state == "talking")
        yield call


async def deeds_kept(folder: Path, record: CallRecord) -> list[dict[str, Any]]:
    """What operators did, as the store has it."""
    return [dict(event.data) for event in (await kept(folder, record)).events if event.kind == "operator"]


def answers_by_itself(update: dict[str, Any]) -> bool:
    detection = update["session"]["audio"]["input"]["turn_detection"]
    assert detection["create_response"] == detection["interrupt_response"]
    return bool(detection["create_response"])


def refusal(reason: Reason, deed: Callable[..., Any], *args: Any) -> OperatorError:
    """Why an operator can't do something."""
    with pytest.raises(OperatorError) as raised:
        deed(*args)
    assert raised.value.reason == reason
    return raised.value


# Taking over


async def test_the_caller_hears_the_operator_and_nothing_more_of_the_agent(tmp_path: Path):
    async with calling(tmp_path, RECORDED) as call:
        call.agent_says(10_000)
        await call.looks(lambda glance: glance.hearing and glance.hearing.text)
        assert call.runner.glance().speaking == ("agent",)
        call.operators.take_over("Ada")
        assert not answers_by_itself(await call.session.received("session.update"))
        cut = await call.session.received("conversation.item.truncate", item_id="item_agent_1")
        call.agent_says(400, number=2)  # all the same
        await call.session.received("conversation.item.delete", item_id="item_agent_2")
        await call.operator_says(1000)
        glance = call.runner.glance()
        assert (glance.state, glance.speaking, glance.taken_over_by) == ("taken_over", ("operator",), "Ada")
        call.operators.hand_back("Ada")
        assert answers_by_itself(await call.session.received("session.update"))
        await call.session.received("response.create")
        call.session.emit(*response(Speech("So.", ms=100, item_id="item_agent_3"), response_id="resp_3"))
        await call.looks(lambda glance: "agent" in glance.speaking)
        await call.looks(lambda glance: not glance.speaking)
        record = await call.over()
    agent, operator = call.played(AGENT), call.played(OPERATOR)
    assert sum(chunk.played_ms for chunk in operator) == 1000
    assert cut["audio_end_ms"] <= sum(chunk.played_ms for chunk in agent) < 9000
    assert agent[-1].ends_at <= operator[0].begins_at
    assert "A colleague of yours has talked to the caller" in told(call.session)[-1][1]
    assert (record.counters.barge_ins, record.counters.operator_audio_dropped) == (0, 0)
    assert [turn.interrupted for turn in record.turns] == [True, True, False]
    assert call.deeds == [("take_over", "Ada"), ("hand_back", "Ada")]
    assert await deeds_kept(tmp_path, record) == [{"action": action, "by": by} for action, by in call.deeds]

    _, heard = listen(next((tmp_path / "data" / "recordings").rglob("*.wav")))
    of_agent, of_operator = (np.flatnonzero(heard == samples(bytes([who]))[0]) for who in (AGENT, OPERATOR))
    assert len(of_operator) >= 0.95 * 8000
    assert len(of_agent) <= sum(chunk.length for chunk in agent) + 400  # what the machine is late to tell
    assert of_agent[-1] < of_operator[0]


async def test_the_call_is_one_operators_at_a_time(tmp_path: Path):
    async with calling(tmp_path) as call:
        call.operators.take_over("Ada")
        error = refusal("taken", call.operators.take_over, "Bob")
        assert error.by == "Ada"
        assert "Ada" in str(error)
        refusal("not_taken", call.operators.hand_back, "Bob")
        refusal("taken", call.operators.say, "Hello.", "Bob")
        refusal("taken", call.operators.transfer, "desk", "", "Bob")
        call.operators.hand_back("Ada")
        call.operators.take_over("Bob")
        assert call.operators.taken_over_by == "Bob"
        await call.over()
    assert call.deeds == [("take_over", "Ada"), ("hand_back", "Ada"), ("take_over", "Bob")]


async def test_a_caller_who_hangs_up_on_the_operator_ends_the_call(tmp_path: Path):
    async with calling(tmp_path) as call:
        runner = call.runner
        runner.operators.take_over("Ada")
        record = await call.over()
        assert runner.operators.taken_over_by is None
        assert runner.glance() == Glance("ending")
        runner.operators.audio(FRAME)
        refusal("not_taken", runner.operators.hand_back, "Ada")
        refusal("ending", runner.operators.take_over, "Ada")
        refusal("ending", runner.operators.whisper, "Hello?", "Ada")
        runner.operators.hang_up("Ada")
    assert record.outcome == "caller_hung_up"
    assert call.deeds == [("take_over", "Ada")]


async def test_before_there_is_a_stream_nobody_can_be_spoken_to(tmp_path: Path):
    write_agent(tmp_path)
    model = ScriptedModel()
    async with model, serving(tmp_path, model) as service, phone_of(service) as phone:
        answered: asyncio.Future[CallRunner] = asyncio.get_running_loop().create_future()

        def answer(news: object) -> None:
            if not answered.done():
                answered.set_result(*switchboard.live_calls_now)

        switchboard = service.switchboard
        finished, stop = records(service), service.feed.watch(answer)
        caller = phone.dial(NUMBER, [Silence(30)])
        runner = await asyncio.wait_for(answered, WITHIN_S)
        stop()
        assert switchboard.live_call(runner.details.call_id) is runner
        assert runner.glance().state == "connecting"
        refusal("not_streaming", runner.operators.take_over, "Ada")
        refusal("not_streaming", runner.operators.say, "Hello.", "Ada")
        runner.operators.whisper("They are a regular.", "Ada")
        session = await model.session()
        await caller.until(lambda record: record.streams and record.line.frames_sent)
        await session.received("conversation.item.create")
        assert told(session) == [("system", whispered("They are a regular."))]
        caller.hang_up()
        await asyncio.wait_for(finished.get(), WITHIN_S)
        assert switchboard.live_call(runner.details.call_id) is None


# Whisper, say, hang up


async def test_a_note_is_for_the_model_and_words_are_for_the_caller(tmp_path: Path):
    async with calling(tmp_path) as call:
        call.operators.listens("Ada")
        call.operators.whisper("Offer a refund to card 4111 1111 1111 1111.", "Ada")
        call.operators.say("You have your money back.", "Bob")
        request = await call.session.received("response.create")
        assert request["response"]["instructions"] == say_exactly("You have your money back.")
        assert told(call.session) == [("system", whispered("Offer a refund to card 4111 1111 1111 1111."))]
        call.session.emit(*response(Speech("You have your money back.", ms=200)))
        await call.phone.until(lambda record: record.agent_turns)
        await call.looks(lambda glance: not glance.speaking)
        record = await call.over()
    assert [(turn.speaker, turn.text) for turn in record.turns] == [("agent", "You have your money back.")]
    assert await deeds_kept(tmp_path, record) == [
        {"action": "listen", "by": "Ada"},
        {"action": "whisper", "by": "Ada", "text": "Offer a refund to card [card]."},
        {"action": "say", "by": "Bob", "text": "You have your money back."},
    ]


def test_who_did_it_is_kept_though_their_name_is_an_address():
    data = {"action": "say", "by": "ada@example.com", "text": "Write to bob@example.com."}
    entry = redacted(Happened("c1", 1, 0.0, "operator", data), redactor_for(Redaction()))
    assert isinstance(entry, Happened)
    assert entry.data == data | {"text": "Write to [email]."}


async def test_an_operator_ends_the_call(tmp_path: Path):
    async with calling(tmp_path) as call:
        call.operators.hang_up("Ada")
        await call.phone.ended()
        record = await asyncio.wait_for(call.finished.get(), WITHIN_S)
    assert (record.outcome, record.reason) == ("hung_up", "an operator")
    assert await deeds_kept(tmp_path, record) == [{"action": "hang_up", "by": "Ada"}]


# Transfer


async def test_the_caller_is_transferred_though_the_operator_has_the_call(tmp_path: Path):
    async with scene(tmp_path, COLD) as s:
        s.twilio.answers(HUMAN, Person(ring_s=1, hangs_up_after_s=5))
        caller = s.twilio.phone.dial(NUMBER, [Silence(30)])
        await caller.until(lambda record: record.streams)
        (runner,) = s.service.switchboard.live_calls_now
        operators = runner.operators
        await caller.until(lambda record: runner.glance().state == "talking")
        operators.take_over("Ada")
        refusal("unknown_destination", operators.transfer, "nobody", "", "Ada")
        going = operators.transfer("reception", "A broken tooth.", "Ada")
        await caller.until(hears("ringing"))
        assert runner.glance().state == "away"
        assert operators.taken_over_by is None
        refusal("away", operators.take_over, "Ada")
        assert await asyncio.wait_for(going, WITHIN_S) == CameOfIt(connected=True)
        await caller.ended()
        record = await s.record()
    assert record.outcome == "transferred"
    assert [(deed["action"], deed["by"]) for deed in await deeds_kept(tmp_path, record)] == [
        ("take_over", "Ada"),
        ("transfer", "Ada"),
        ("hand_back", "Ada"),
    ]


async def test_whom_nobody_answers_is_back_with_the_agent_and_the_operator_knows_why(tmp_path: Path):
    async with scene(tmp_path, COLD) as s:
        s.twilio.answers(HUMAN, Busy())
        caller = s.twilio.phone.dial(NUMBER, [Silence(30)])
        await caller.until(lambda record: record.streams)
        (runner,) = s.service.switchboard.live_calls_now
        await caller.until(lambda record: runner.glance().state == "talking")
        came = await asyncio.wait_for(runner.operators.transfer("reception", "", "Ada"), WITHIN_S)
        assert came == CameOfIt(connected=False, why="The line is busy.")
        await caller.until(lambda record: len(record.streams) == 2 and record.agent_turns)
        session = await s.model.session()
        assert "transferring the caller to: reception" in told(session)[0][1]
        assert "The line is busy." in told(session)[1][1]
        caller.hang_up()
        await caller.ended()


async def test_an_agent_with_whom_the_caller_stays_is_told_that_nobody_takes_them(tmp_path: Path):
    async with scene(tmp_path, WARM) as s:
        s.twilio.answers(HUMAN, Busy())
        caller = s.twilio.phone.dial(NUMBER, [Silence(30)])
        await caller.until(lambda record: record.streams)
        (runner,) = s.service.switchboard.live_calls_now
        await caller.until(lambda record: runner.glance().state == "talking")
        came = await asyncio.wait_for(runner.operators.transfer("reception", "", "Ada"), WITHIN_S)
        assert came == CameOfIt(connected=False, why="The line is busy.")
        session = await s.model.session()
        for _ in range(2):
            await session.received("conversation.item.create")
        assert "transferring the caller to: reception" in told(session)[0][1]
        assert "not connected with reception. The line is busy." in told(session)[1][1]
        assert len(caller.record.streams) == 1
        caller.hang_up()
        await caller.ended()


async def test_money_that_is_used_up_waits_until_the_call_is_handed_back(tmp_path: Path):
    limit = f"{COLD}\nlimits: {{call_usd: 0.0150, over_limit: {{transfer: reception}}}}"
    async with scene(tmp_path, limit) as s:
        s.twilio.answers(HUMAN, Person(ring_s=1, hangs_up_after_s=5))
        caller = s.twilio.phone.dial(NUMBER, [Silence(30)])
        await caller.until(lambda record: record.streams)
        (runner,) = s.service.switchboard.live_calls_now
        await caller.until(lambda record: runner.glance().state == "talking")
        runner.operators.take_over("Ada")
        session = await s.model.session()
        session.emit(*response(Speech("Let me tell you everything.", ms=4000)))  # which costs the rest, heard or not
        await session.received("conversation.item.delete")
        await caller.until(lambda record: runner.cost_so_far.total > Decimal("0.0150"))
        assert runner.glance().state == "taken_over"
        runner.operators.hand_back("Ada")
        await caller.until(hears("people", HUMAN))


async def test_without_an_account_nobody_is_transferred(tmp_path: Path):
    async with calling(tmp_path, f"greeting: none\nidle: none\n{COLD}") as call:
        refusal("no_telephone", call.operators.transfer, "reception", "", "Ada")
        await call.over()
