"""Whole calls under limits in money: not answered, warned of, ended with a goodbye, transferred."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from phoneagent import prices
from phoneagent.calls.answer import Switchboard
from phoneagent.calls.day_totals import DayTotals
from phoneagent.calls.keeper import Keeper
from phoneagent.calls.live import Feed
from phoneagent.calls.spending import Purse
from phoneagent.core.agents import Agent, Destination, Limits
from phoneagent.core.spending import Ledger
from phoneagent.simulate.fake_twilio import Busy, Person
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.script import HangUp, Silence
from phoneagent.store import StoreError
from phoneagent.store.calls import DaySum
from phoneagent.tools import Toolbox
from phoneagent.twilio.webhook import IncomingCall, Refuse
from tests.calls.service import NUMBER
from tests.calls.telephony import COLD, HUMAN, WARM, Scene, company, hears, scene, told
from tests.calls.test_peers import FakeEngine
from tests.calls.test_switchboard import FORM, webhook

MONDAY = date(2026, 11, 23)
A_MINUTE = "0.0125"  # of the caller's line and the stream
TALK = Speech("Let me tell you everything.", ms=4000)  # for 0.0056
NO_MONEY = "there is no money for this call"


def limits(keys: str, front: str = "") -> str:
    return f"{front}\nlimits: {{goodbye: Goodbye then., {keys}}}"


async def spend(s: Scene) -> None:
    """A caller rings, and hangs up at once: that costs a minute."""
    await s.twilio.phone.dial(NUMBER, [Silence(0.2), HangUp()]).ended()
    await s.record()


def warnings(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(one.getMessage(), one.limit) for one in caplog.records if hasattr(one, "limit")]


# At the door


@pytest.mark.parametrize(
    ("keys", "settings", "limit"),
    [
        (f"day_usd: {A_MINUTE}", {}, "limits.day_usd"),
        (f"number_day_usd: {A_MINUTE}", {}, "limits.number_day_usd"),
        ("max_minutes: 5", {"PHONEAGENT_DAY_USD": A_MINUTE}, "PHONEAGENT_DAY_USD"),
    ],
)
async def test_when_the_money_of_the_day_is_used_up_the_line_is_busy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, keys: str, settings: dict[str, str], limit: str
):
    async with scene(tmp_path, limits(keys), **settings) as s:
        await spend(s)
        caplog.clear()
        assert (await s.twilio.phone.dial(NUMBER, [HangUp()]).ended()).outcome == "rejected"
        assert '<Reject reason="busy"' in await webhook(s.service)
        assert (len(s.model.sessions), s.service.switchboard.live_calls) == (1, 0)
    assert warnings(caplog) == [(NO_MONEY, limit)] * 2


async def test_what_a_service_that_ran_before_has_spent_counts(tmp_path: Path):
    async with scene(tmp_path, limits(f"day_usd: {A_MINUTE}")) as s:
        await spend(s)
    async with scene(tmp_path, limits(f"day_usd: {A_MINUTE}")) as s:
        assert (await s.twilio.phone.dial(NUMBER, [HangUp()]).ended()).outcome == "rejected"


@pytest.mark.virtual_time
@pytest.mark.parametrize("error", [StoreError("gone"), RuntimeError("an error of ours")])
async def test_what_other_services_spend_meanwhile_is_known_within_a_quarter_of_a_minute(error: Exception):
    answers: list[list[DaySum] | Exception] = [
        [DaySum(MONDAY, "ada", NUMBER, Decimal("0.10"))],
        error,
        *([[DaySum(MONDAY, "ada", NUMBER, Decimal("0.30"))]] * 2),
    ]
    asked: list[date] = []

    async def spent_by_others(since: date) -> list[DaySum]:
        asked.append(since)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ledger = Ledger()
    totals = DayTotals(ledger, spent_by_others, lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
    await totals.refresh()
    refreshing = asyncio.create_task(totals.keep_fresh())
    spent = []
    for _ in range(3):
        spent.append(ledger.spent(MONDAY, "ada", NUMBER).agent)
        await asyncio.sleep(15.1)
    refreshing.cancel()
    assert [str(usd) for usd in spent] == ["0.10", "0.10", "0.30"]
    assert asked[0] == date(2026, 11, 22)


async def test_calls_that_still_run_count(tmp_path: Path):
    async with scene(tmp_path, limits("day_usd: 0.0085")) as s:
        assert "<Stream" in await webhook(s.service)  # the first minute of the line has begun
        assert '<Reject reason="busy"' in await webhook(s.service, CallSid="CA" + "2" * 32)


async def test_over_the_limit_of_the_day_a_caller_can_be_connected_with_a_person_at_once(tmp_path: Path):
    async with scene(tmp_path, limits("day_usd: 0.0085, over_limit: {transfer: reception}", WARM)) as s:
        await webhook(s.service)  # a call that has begun
        s.twilio.answers(HUMAN, Person(ring_s=1, hangs_up_after_s=5))
        caller = s.twilio.phone.dial(NUMBER, [Silence(30)])
        await caller.until(hears("people", HUMAN))
        phones = await caller.ended()
        assert (await s.human()).from_ == NUMBER
        assert len(s.model.sessions) == 1
    assert company(caller) == [("people", HUMAN)]
    assert not phones.problems


def test_the_line_is_busy_if_that_person_may_not_be_called(caplog: pytest.LogCaptureFixture):
    premium = {"reception": Destination("+19005550123")}
    ada = Agent("ada", numbers=(NUMBER,), transfer=premium, limits=Limits(over_limit="reception"))
    switchboard = Switchboard(
        SimpleNamespace(for_number=lambda number: ada),  # type: ignore[arg-type]
        FakeEngine(),
        Toolbox({}),
        Keeper(Feed()),
        prices.load(),
        max_calls=10,
        clock=lambda: datetime.now(UTC),
        purse=Purse(day_usd=Decimal(0)),
    )
    assert switchboard.answer(IncomingCall.parse(FORM)) == Refuse("busy")
    assert "may not be dialled" in caplog.text
    assert "9005550123" not in str([vars(record) for record in caplog.records])


# During the call


async def test_a_call_that_has_cost_what_it_may_is_said_goodbye_to(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    async with scene(tmp_path, limits("call_usd: 0.0150")) as s:
        caller = await s.call(TALK)
        session = await s.model.session()
        assert "Goodbye then." in str((await session.received("response.create"))["response"])
        assert (await caller.ended()).outcome == "agent hung up"
        record = await s.record()
    assert (record.outcome, record.reason) == ("cost_limit", "limits.call_usd")
    assert [turn.text for turn in record.turns] == ["Let me tell you everything.", "Well."]
    assert warnings(caplog) == [
        ("a limit in money is nearly used", "limits.call_usd"),  # as soon as the stream opens
        ("a limit in money is used up", "limits.call_usd"),
    ]


async def test_a_caller_hears_nothing_of_a_warning_which_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with scene(tmp_path, limits("call_usd: 0.02")) as s:
        caller = await s.call(TALK)  # 0.0181
        session = await s.model.session()
        session.emit(*response(Speech("More.", ms=200, item_id="item_agent_2"), response_id="resp_2"))
        await caller.until(lambda record: sum(chunk.played_ms for chunk in record.line.playout.chunks) == 4200)
        caller.hang_up()
        record = await s.record()
    assert (record.outcome, session.all("response.create")) == ("caller_hung_up", [])
    assert warnings(caplog) == [("a limit in money is nearly used", "limits.call_usd")]


@pytest.mark.parametrize("front", [COLD, WARM])
async def test_a_call_that_has_cost_what_it_may_is_transferred(tmp_path: Path, front: str):
    async with scene(tmp_path, limits("call_usd: 0.0150, over_limit: {transfer: reception}", front)) as s:
        s.twilio.answers(HUMAN, Person(ring_s=1, hangs_up_after_s=5))
        caller = await s.call(TALK)
        await caller.until(hears("people", HUMAN))
        phones = await caller.ended()
        record = await s.record()
        assert (await s.model.session()).all("response.create") == []
    assert company(caller) == [("stream",), ("ringing",), ("people", HUMAN)]
    assert (record.outcome, record.reason) == ("transferred", "reception")
    assert not phones.problems


async def test_whom_nobody_answers_then_is_said_goodbye_to(tmp_path: Path):
    async with scene(tmp_path, limits("call_usd: 0.0150, over_limit: {transfer: reception}", COLD)) as s:
        s.twilio.answers(HUMAN, Busy())
        caller = await s.call(TALK)
        session = await s.model.session()
        assert "Goodbye then." in str((await session.received("response.create"))["response"])
        assert "busy" in told(session)[0][1]
        await caller.ended()
        record = await s.record()
    assert company(caller) == [("stream",), ("ringing",), ("stream",)]
    assert (record.outcome, record.reason) == ("cost_limit", "limits.call_usd")


async def test_who_is_said_goodbye_to_already_is_not_transferred(tmp_path: Path):
    front = COLD.replace("[transfer_call]", "[transfer_call, end_call]")
    async with scene(tmp_path, limits("call_usd: 0.0150, over_limit: {transfer: reception}", front)) as s:
        caller = await s.call(TALK, ToolCall("end_call"))
        await caller.ended()
        record = await s.record()
        assert not s.twilio.calls_to(HUMAN)
    assert record.outcome == "agent_hung_up"
