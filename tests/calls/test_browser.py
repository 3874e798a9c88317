"""Calls that people place from browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from phoneagent import prices
from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.answer import Switchboard
from phoneagent.calls.browser import MOST_EACH, BrowserCall, BrowserPhones, BrowserRefusedError
from phoneagent.calls.keeper import Keeper
from phoneagent.calls.live import CallEnded, Feed
from phoneagent.calls.record import CallRecord
from phoneagent.calls.spending import Purse
from phoneagent.core.records import AgentKept, Entry
from phoneagent.engines.realtime import targets
from phoneagent.engines.realtime.session import RealtimeEngine
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.tools import Toolbox
from tests.calls.service import write_agent

ADA, BOB = "user 1", "user 2"
DRAFT = "---\ngreeting: none\n---\nBe a draft."


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Office:
    """Telephones in browsers, and the switchboard behind them."""

    phones: BrowserPhones
    switchboard: Switchboard
    model: ScriptedModel
    kept: list[Entry]
    ended: list[CallRecord]

    async def dial(self, owner: str = ADA, agent: str = "ada", source: str | None = None) -> BrowserCall:
        return await self.phones.dial(owner, "Ada Lovelace", agent, source)

    async def refusal(self, owner: str = ADA, agent: str = "ada", source: str | None = None) -> BrowserRefusedError:
        with pytest.raises(BrowserRefusedError) as caught:
            await self.dial(owner, agent, source)
        return caught.value


@pytest.fixture
def money() -> Purse:
    return Purse()


@pytest.fixture
async def office(tmp_path: Path, money: Purse) -> AsyncIterator[Office]:
    write_agent(tmp_path)
    write_agent(tmp_path, "greeting: none\nnumbers: ['*']", name="bob")
    agents, feed, kept, ended = AgentDirectory(tmp_path / "agents"), Feed(), [], []
    async with ScriptedModel() as model:
        switchboard = Switchboard(
            agents,
            RealtimeEngine(targets.openai(None, model.url)),
            Toolbox({}),
            Keeper(feed, lambda entry, redactor: kept.append(entry)),
            prices.load(),
            max_calls=MOST_EACH + 2,
            clock=now,
        )
        feed.watch(lambda news: ended.append(news.record) if isinstance(news, CallEnded) else None)
        phones = BrowserPhones(switchboard, agents, money, now)
        yield Office(phones, switchboard, model, kept, ended)
        switchboard.end_calls("the test is over")
        await asyncio.sleep(0)


async def test_the_agent_is_there_before_the_stream_and_no_telephone_is_billed(office: Office) -> None:
    call = await office.dial()
    session = await office.model.session()
    assert (await session.received("session.update"))["session"]["instructions"] == "Be Ada."
    office.switchboard.end_calls("enough")
    [record] = office.ended
    assert (record.call_id, record.call_sid, record.direction) == (call.call_id, call.call_sid, "inbound")
    assert (record.caller, record.called) == ("client:Ada Lovelace", "+15550100")
    assert record.cost.total == 0


async def test_an_agent_without_a_number_of_its_own_is_called_by_its_name(office: Office) -> None:
    await office.dial(agent="bob")
    office.switchboard.end_calls("enough")
    assert office.ended[0].called == "client:bob"


async def test_a_text_that_is_not_saved_answers_and_is_kept_as_a_version(office: Office) -> None:
    await office.dial(source=DRAFT)
    session = await office.model.session()
    assert (await session.received("session.update"))["session"]["instructions"] == "Be a draft."
    [version] = [entry for entry in office.kept if isinstance(entry, AgentKept)]
    assert (version.name, version.files) == ("ada", {"ada.md": DRAFT})


async def test_what_can_not_be_called_is_refused_with_a_reason(office: Office) -> None:
    assert (await office.refusal(agent="nobody")).why == "unknown_agent"
    assert (await office.refusal(agent="../ada", source=DRAFT)).why == "unknown_agent"
    broken = await office.refusal(source="---\nvoice: [1\n---\n")
    assert broken.why == "broken_agent"
    assert broken.problems
    assert office.switchboard.live_calls == 0


async def test_one_person_may_not_take_all_lines_and_ended_calls_make_room(office: Office) -> None:
    for _ in range(MOST_EACH):
        await office.dial(ADA)
    assert (await office.refusal(ADA)).why == "too_many"
    await office.dial(BOB)
    await office.dial(BOB)
    assert (await office.refusal(BOB)).why == "busy"
    office.switchboard.end_calls("enough")
    await office.dial(ADA)


@pytest.mark.parametrize("money", [Purse(day_usd=Decimal(0))])
async def test_without_money_for_the_day_nobody_is_called(office: Office) -> None:
    refusal = await office.refusal()
    assert refusal.why == "over_limit"
    assert "PHONEAGENT_DAY_USD" in str(refusal)


async def test_one_writes_in_ones_own_call_while_it_goes_on(office: Office) -> None:
    call = await office.dial(ADA)
    session = await office.model.session()
    assert office.phones.write(ADA, call.call_id, "A table for two")
    written = await session.received("conversation.item.create")
    assert written["item"]["content"][0]["text"] == "A table for two"
    assert not office.phones.write(BOB, call.call_id, "Not mine")
    assert not office.phones.write(ADA, "another", "Not there")
    office.switchboard.end_calls("enough")
    assert not office.phones.write(ADA, call.call_id, "Too late")
