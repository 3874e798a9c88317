"""What is made of calls once they are over: a real store, and a model over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tenacity import wait_none

from phoneagent import prices
from phoneagent.core.agents import AfterCall, Redaction
from phoneagent.core.records import Afterwards, AgentKept, CallOver, Charge, ToolKept, TurnKept
from phoneagent.core.transcript import Turn
from phoneagent.records.chat import Chat
from phoneagent.records.summaries import AT_ONCE, Summarizer
from phoneagent.store import Store
from phoneagent.store.calls import CallDetail
from phoneagent.store.summaries import Outcome
from tests.records.fake_chat import Answers, FakeChat, chatting, refuses, says
from tests.store import entries
from tests.store.new_database import store_at

PEOPLE = {
    "type": "object",
    "properties": {"people": {"type": "integer"}},
    "required": ["people"],
    "additionalProperties": False,
}
RULES = Afterwards(AfterCall(True, None, PEOPLE), "en", "UTC", Redaction(patterns={"policy": r"LL-\d{6}"}))
GOOD = {"summary": "A table for two.", "extracted": {"people": 2}}


class Office:
    """A store, and who summarizes its calls."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def call(self, call_id: str = "c1", *turns: Turn, rules: Afterwards | None = RULES) -> None:
        """A call that is over, with these turns, or a few."""
        turns = turns or (Turn("item1", "caller", "A table for two.", final=True),)
        of_call = [entry for entry in entries.call(call_id) if not isinstance(entry, TurnKept | ToolKept)]
        begin, over = of_call[:4], next(entry for entry in of_call if isinstance(entry, CallOver))
        await self.store.entries.apply(
            "i1",
            [
                *(replace(entry, afterwards=rules) if isinstance(entry, AgentKept) else entry for entry in begin),
                *(TurnKept(call_id, turn) for turn in turns),
                replace(over, turns=tuple(turn.turn_id for turn in turns), summarize=True),
            ],
        )

    async def detail(self, call_id: str = "c1") -> CallDetail:
        found = await self.store.calls.get(call_id)
        assert found is not None
        return found

    async def settled(self, call_id: str = "c1") -> CallDetail:
        """The call, once something was made of it, or could not be."""
        async with asyncio.timeout(30):
            while (detail := await self.detail(call_id)).after == "pending":  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.01)
        return detail

    @asynccontextmanager
    async def summarizing(self, *answers: bytes | Answers) -> AsyncIterator[FakeChat]:
        """While somebody does, by a model that answers so."""
        async with chatting(*answers) as server:
            summarizer = self.summarizer(Chat(server.url, "gpt-5-mini", wait=wait_none()))
            summarizer.start()
            yield server
            await summarizer.close()

    def summarizer(self, chat: Chat | None) -> Summarizer:
        return Summarizer(self.store.summaries, self.store.calls, chat, prices.load(), look_every_s=0.01)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = await store_at(tmp_path / "phoneagent.db")
    yield Office(store)
    await store.close()


async def test_a_call_has_its_summary_and_its_fields_when_it_is_over(office: Office):
    await office.call()
    before = await office.detail()
    async with office.summarizing(says(GOOD, prompt=2000, cached=1000, written=100)) as model:
        call = await office.settled()
    assert (call.after, call.row.summary, call.extracted) == ("done", "A table for two.", {"people": 2})
    assert "A table for two." in model.asked[0]["messages"][1]["content"]
    # 1000 × 0.25 + 1000 × 0.025 + 100 × 2.00 dollars per million
    [charge] = [charge for charge in call.charges if charge.part == "after_call"]
    assert (charge.model, charge.usd) == ("gpt-5-mini", Decimal("0.000475"))
    assert call.row.usd == before.row.usd + Decimal("0.000475")


async def test_what_was_not_heard_is_nothing_that_was_said(office: Office):
    await office.call("c1", Turn("item1", "agent", "It costs", "ninety dollars.", interrupted=True, final=True))
    async with office.summarizing(says(GOOD)) as model:
        await office.settled()
    assert "It costs" in str(model.asked)
    assert "ninety" not in str(model.asked)


async def test_an_answer_that_does_not_fit_is_asked_for_once_more_and_told_why(office: Office):
    await office.call()
    wrong = {"summary": "Two.", "extracted": {"people": "two"}}
    async with office.summarizing(says(wrong), says(GOOD)) as model:
        call = await office.settled()
    assert call.extracted == {"people": 2}
    assert [message["role"] for message in model.asked[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert "people: 'two' is not of type 'integer'" in model.asked[1]["messages"][3]["content"]
    # twice 1000 × 0.25 + 100 × 2.00
    assert Charge("after_call", "gpt-5-mini", Decimal("0.0009"), None) in [
        replace(charge, usage=None) for charge in call.charges
    ]


async def test_an_answer_that_never_fits_leaves_the_call_without_and_says_so_in_no_words_of_it(
    office: Office, caplog: pytest.LogCaptureFixture
):
    await office.call()
    async with office.summarizing(says({"summary": "Secret words.", "extracted": {"people": "secret"}})) as model:
        call = await office.settled()
    assert len(model.asked) == 2
    assert (call.after, call.row.summary, call.extracted) == ("failed", None, None)
    assert call.after_problem == "the model's answer is not what was asked for, not the second time either"
    assert "ecret" not in str([record.__dict__ for record in caplog.records])
    assert [charge for charge in call.charges if charge.part == "after_call"]  # it was paid for


async def test_a_server_that_fails_leaves_the_call_without(office: Office, caplog: pytest.LogCaptureFixture):
    await office.call()
    async with office.summarizing(refuses("no", 500)):
        call = await office.settled()
        await logged(caplog, "did not summarize a call")
    assert (call.after, call.after_problem) == ("failed", "127.0.0.1 answers with status 500")
    assert ("c1", "127.0.0.1 answers with status 500") in [
        (record.__dict__.get("call_id"), record.__dict__.get("reason")) for record in caplog.records
    ]


async def test_what_must_not_be_kept_is_in_no_summary(office: Office):
    await office.call()
    answer = {"summary": "Policy LL-123456, card 4111 1111 1111 1111.", "extracted": {"people": 4111111111111111}}
    async with office.summarizing(says(answer)):
        call = await office.settled()
    assert call.row.summary == "Policy [policy], card [card]."
    assert call.extracted == {"people": "[card]"}


@pytest.mark.parametrize(
    ("turn", "rules", "reason"),
    [
        (Turn("item1", "agent", "", "Hello!"), RULES, "nothing was said"),
        (Turn("item1", "caller", "Hello!"), None, "nothing is wanted"),
    ],
)
async def test_where_there_is_nothing_to_do_no_model_is_asked(
    office: Office, turn: Turn, rules: Afterwards | None, reason: str
):
    await office.call("c1", turn, rules=rules)
    async with office.summarizing(says(GOOD)) as model:
        call = await office.settled()
    assert (call.after, call.after_problem, model.asked) == ("skipped", reason, [])


async def test_without_a_model_the_step_is_skipped_and_says_so(office: Office):
    await office.call()
    summarizer = office.summarizer(None)
    summarizer.start()
    call = await office.settled()
    await summarizer.close()
    assert (call.after, call.after_problem) == ("skipped", "PHONEAGENT_AFTER_CALL_MODEL is not set")


async def test_two_services_summarize_each_call_once(office: Office):
    ids = [f"c{number}" for number in range(6)]
    for call_id in ids:
        await office.call(call_id)
    async with office.summarizing(says(GOOD)) as one, office.summarizing(says(GOOD)) as other:
        for call_id in ids:
            assert (await office.settled(call_id)).after == "done"
    assert len(one.asked) + len(other.asked) == len(ids)


async def test_what_the_service_was_at_when_it_ended_the_next_one_does(office: Office):
    ids = [f"c{number}" for number in range(AT_ONCE + 1)]
    for call_id in ids:
        await office.call(call_id)
    async with Stuck() as stuck:
        summarizer = office.summarizer(Chat(stuck.url, "gpt-5-mini"))
        summarizer.start()
        await stuck.until(lambda: stuck.asked == AT_ONCE)  # and no more of them at once
        await summarizer.close()
    async with office.summarizing(says(GOOD)):
        for call_id in ids:
            assert (await office.settled(call_id)).after == "done"


async def test_a_call_that_breaks_the_summarizer_is_given_up(office: Office):
    await office.call("c1", rules=replace(RULES, timezone="Mars/Olympus"))
    async with office.summarizing(says(GOOD)) as model:
        first = await office.settled("c1")
    assert (first.after, first.after_problem) == ("failed", "an error of ours: ZoneInfoNotFoundError")
    assert model.asked == []


async def test_nor_is_it_the_end_of_it_that_this_cant_even_be_kept(office: Office, monkeypatch, caplog):
    keep = office.store.summaries.keep

    async def breaking(call_id: str, outcome: Outcome) -> bool:
        if call_id == "c1":
            raise RuntimeError("an error of ours")
        return await keep(call_id, outcome)

    monkeypatch.setattr(office.store.summaries, "keep", breaking)
    await office.call("c1")
    async with office.summarizing(says(GOOD), says(GOOD)):
        await logged(caplog, "an error of ours: the work goes on")
        await office.call("c2")
        assert (await office.settled("c2")).after == "done"


async def logged(caplog: pytest.LogCaptureFixture, message: str) -> None:
    async with asyncio.timeout(30):
        while message not in caplog.messages:  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.01)


class Stuck:
    """A server that takes requests and never answers."""

    def __init__(self) -> None:
        self.asked = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Stuck:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await self._changed.wait()
                self._changed.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self._changed.set()
        await reader.read()
        writer.close()
