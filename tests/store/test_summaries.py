"""Calls that are over are summarized once, whoever does it and whenever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from phoneagent.core.agents import AfterCall, Redaction
from phoneagent.core.costs import Usage
from phoneagent.core.records import Afterwards, AgentKept, CallOver, Charge
from phoneagent.store.calls import Calls
from phoneagent.store.database import Database, open_database
from phoneagent.store.deliveries import Deliveries
from phoneagent.store.entries import Entries
from phoneagent.store.models import calls
from phoneagent.store.summaries import CLAIM, Claim, Outcome, Summaries
from phoneagent.store.webhooks import Webhooks
from tests.store import entries

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RULES = Afterwards(
    AfterCall(True, "Short.", {"type": "object"}), "de", "Europe/Berlin", Redaction(("card", "cvv"), {"order": "O-1"})
)
DONE = Outcome(
    "done",
    summary="A table \x00 für zwei.",
    extracted={"people": 2},
    charge=Charge("after_call", "gpt-5-mini", Decimal("0.0007"), Usage(text_in=2000, text_out=100)),
)


class Records:
    """Calls that are over, and a clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.calls = Calls(database)
        self.summaries = Summaries(database, lambda: self.now)

    async def call(self, call_id: str, *, rules: Afterwards | None = RULES) -> None:
        """A call that is over, and of which something is to be made."""
        of_call = [
            replace(entry, afterwards=rules)
            if isinstance(entry, AgentKept)
            else replace(entry, summarize=True)
            if isinstance(entry, CallOver)
            else entry
            for entry in entries.call(call_id)
        ]
        await Entries(self.database).apply("i1", of_call)

    async def change(self, call_id: str, **values: Any) -> None:
        async with self.database.begin() as connection:
            await connection.execute(update(calls).where(calls.c.id == call_id).values(values))


@pytest.fixture
async def records(address: str):
    database = await open_database(address)
    yield Records(database)
    await database.close()


async def test_a_call_is_claimed_with_the_rules_of_its_agents_version(records: Records):
    await records.call("c1")
    assert await records.summaries.claim() == Claim("c1", RULES)


async def test_without_rules_there_is_nothing_to_do(records: Records):
    await records.call("c1", rules=None)
    assert await records.summaries.claim() == Claim("c1", None)


async def test_a_call_is_claimed_by_one_and_by_another_when_the_claim_has_run_out(records: Records):
    await records.call("c1")
    assert await records.summaries.claim()
    assert await records.summaries.claim() is None
    records.now += CLAIM
    assert await records.summaries.claim()
    await records.summaries.give_back("c1")
    assert await records.summaries.claim()


async def test_many_who_claim_at_once_get_each_call_once(records: Records):
    ids = {f"c{number}" for number in range(10)}
    for call_id in ids:
        await records.call(call_id)
    claims = await asyncio.gather(*(records.summaries.claim() for _ in range(20)))
    found = [claim.call_id for claim in claims if claim]
    assert len(found) == len(set(found))
    while claim := await records.summaries.claim():  # PostgreSQL may pass over a call that somebody else looks at
        found.append(claim.call_id)
    assert sorted(found) == sorted(ids)


async def test_what_was_made_of_a_call_is_kept_with_what_it_cost(records: Records):
    await records.call("c1")
    before = await records.calls.get("c1")
    await records.summaries.claim()
    assert await records.summaries.keep("c1", DONE)
    after = await records.calls.get("c1")
    assert before is not None
    assert after is not None
    assert (after.after, after.after_problem, after.row.summary) == ("done", None, "A table \ufffd für zwei.")
    assert after.extracted == {"people": 2}
    assert after.row.usd == before.row.usd + Decimal("0.0007")
    assert set(after.charges) == {*before.charges, DONE.charge}


async def test_it_is_kept_once_and_not_undone_by_entries_that_come_again(records: Records):
    await records.call("c1")
    assert await records.summaries.keep("c1", DONE)
    assert not await records.summaries.keep("c1", Outcome("failed", "late"))
    kept = await records.calls.get("c1")
    await records.call("c1")
    assert await records.calls.get("c1") == kept
    assert await records.summaries.claim() is None


async def test_why_there_is_nothing_is_kept_too(records: Records):
    await records.call("c1")
    await records.summaries.keep("c1", Outcome("failed", "status 500", charge=DONE.charge))
    found = await records.calls.get("c1")
    assert found is not None
    assert (found.after, found.after_problem, found.row.summary) == ("failed", "status 500", None)
    assert DONE.charge in found.charges


async def test_nothing_is_made_of_words_that_were_deleted(records: Records):
    for call_id in ("c1", "c2"):
        await records.call(call_id)
    assert await records.summaries.claim()
    for call_id in ("c1", "c2"):
        await records.change(call_id, transcript_deleted=NOON)
        assert not await records.summaries.keep(call_id, DONE)
    records.now += 2 * CLAIM
    assert await records.summaries.claim() is None


async def test_webhooks_are_told_of_a_summary_and_of_nothing_else(records: Records):
    await Webhooks(records.database).add("https://example.com", ["call.summarized"])
    for call_id in ("c1", "c2"):
        await records.call(call_id)
    await records.summaries.keep("c1", DONE)
    await records.summaries.keep("c2", Outcome("skipped", "nothing was said"))
    [claimed] = await Deliveries(records.database, lambda: NOON + timedelta(days=1)).claim(10, 10, {})
    assert '"type":"call.summarized"' in claimed.body
    assert '"call_id":"c1"' in claimed.body
    assert '"extracted":{"people":2}' in claimed.body
