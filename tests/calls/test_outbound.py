"""Outbound calls: who may be called, what becomes of a call, and that none is placed twice."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from phoneagent.calls.outbound import Timing
from phoneagent.calls.outbound_inquiry import NOT_PLACED
from phoneagent.calls.outbound_request import DialRefusedError, DialRequest
from phoneagent.calls.spending import Purse
from phoneagent.core.costs import Cost
from phoneagent.core.spending import Ledger, Posting
from phoneagent.store import StoreError
from phoneagent.store.dials import Asked
from tests.agents.forbidden_numbers import ABROAD, NOT_ANYBODYS, PREMIUM
from tests.calls.outbound import ADA, BOB, LOST, OURS, OURS_TOO, REFUSED, Carrier, Placed, office


@pytest.fixture
async def at_work(tmp_path):
    async with office(tmp_path) as at_work:
        yield at_work


# A call that goes well


async def test_a_call_is_placed_and_goes_its_way(at_work):
    dial = await at_work.dial(variables={"name": "Ada"})
    assert dial.state == "pending"
    call = await at_work.placed()
    assert (call.to, call.from_) == (ADA, OURS)
    for status, state in [("initiated", "placed"), ("ringing", "ringing")]:
        at_work.callback(call, status)
        assert (await at_work.until(dial, state)).call_sid == call.call_sid
    expected = at_work.dialer.expected(call.nonce, call.call_sid)
    assert (expected.agent, expected.variables, expected.to, expected.from_) == ("sales", {"name": "Ada"}, ADA, OURS)
    assert expected.state == "live"
    at_work.callback(call, "completed")
    assert (await at_work.until(dial, "completed")).reason is None
    assert at_work.carrier.asked == 1


async def test_twilio_is_given_urls_that_bear_the_nonce(at_work):
    await at_work.dial()
    call = await at_work.placed()
    assert call.url == f"https://phone.example/incoming?dial={call.nonce}"
    assert call.asked["status_callback"] == f"https://phone.example/status?dial={call.nonce}"
    assert call.asked["machine_callback"] == f"https://phone.example/machine?dial={call.nonce}"
    assert len(call.nonce) >= 32


async def test_the_call_may_be_answered_before_twilio_says_that_it_is_placed(tmp_path):
    carrier = Carrier(gate=asyncio.Event())
    async with office(tmp_path, carrier) as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        assert at_work.dialer.expected(call.nonce, call.call_sid).id == dial.id
        carrier.gate.set()
        await asyncio.sleep(0.01)
        assert (await at_work.dialer.get(dial.id)).state == "live"


async def test_the_intent_is_in_the_database_before_twilio_is_asked(at_work):
    states = []

    async def look() -> None:
        states.append((await at_work.store.dials.get(dial.id)).state)
        gate.set()

    at_work.carrier.gate = gate = asyncio.Event()
    at_work.carrier.before_answer = lambda call: looking.append(asyncio.create_task(look()))
    looking = []
    dial = await at_work.dial()
    await at_work.until(dial, "placed")
    assert states == ["dialing"]


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("busy", "busy", "declined"),
        ("no-answer", "no_answer", "nobody answered"),
        ("failed", "failed", "not in use"),
        ("canceled", "canceled", "canceled"),
    ],
)
async def test_a_call_that_nobody_takes_ends_with_its_reason(at_work, status, state, reason):
    dial = await at_work.dial()
    call = await at_work.placed()
    at_work.callback(call, "ringing")
    at_work.callback(call, status, SipResponseCode="404")
    assert reason in (await at_work.until(dial, state)).reason
    at_work.callback(call, "in-progress")
    at_work.callback(call, "completed")
    assert (await at_work.dialer.get(dial.id)).state == state
    assert at_work.dialer.expected(call.nonce, call.call_sid) is None


# Who may be called, by whom


async def test_numbers_that_must_not_be_called_are_not(at_work):
    for number in (*PREMIUM, *NOT_ANYBODYS, *ABROAD):
        with pytest.raises(DialRefusedError) as refused:
            await at_work.dial(number)
        assert refused.value.refusal == "bad_number"
    assert at_work.carrier.asked == 0


async def test_another_country_is_called_only_where_the_agent_names_it(tmp_path):
    london = "+442079460018"
    async with office(tmp_path) as at_work:
        with pytest.raises(DialRefusedError, match="GB"):
            await at_work.dial(london)
    async with office(tmp_path, front_matter="countries: [GB]") as at_work:
        assert (await at_work.dial("+44 20 7946 0018")).to == london


async def test_the_calling_number_is_one_of_the_agents(at_work):
    assert (await at_work.dial(from_="+1 555 0101")).from_ == OURS_TOO
    for wanted, why in [("+15550199", "none of the numbers"), ("Ada", "not a telephone number")]:
        with pytest.raises(DialRefusedError, match=why) as refused:
            await at_work.dial(BOB, from_=wanted)
        assert refused.value.refusal == "bad_from"


async def test_an_agent_that_is_not_there_calls_nobody(at_work):
    with pytest.raises(DialRefusedError, match="there are: sales"):
        await at_work.dialer.dial(DialRequest(ADA, "sails"))


async def test_an_agent_for_every_number_has_none_to_call_from(tmp_path):
    async with office(tmp_path) as at_work:
        (tmp_path / "agents" / "sales.md").write_text('---\nnumbers: ["*"]\ncountries: [US]\n---\nYou sell.\n')
        at_work.agents.reload()
        with pytest.raises(DialRefusedError, match="has no number to call from"):
            await at_work.dial()


async def test_a_number_has_one_call_at_a_time(at_work):
    dial = await at_work.dial()
    with pytest.raises(DialRefusedError, match="not over yet"):
        await at_work.dial("+1 (212) 555-0123")
    call = await at_work.placed()
    at_work.callback(call, "busy")
    await at_work.until(dial, "busy")
    await at_work.dial()


async def test_the_same_request_is_the_same_call(at_work):
    asked = Asked("key", "order-7", "hash")
    first, new = await at_work.dialer.dial(DialRequest(ADA, "sales"), asked)
    again, newer = await at_work.dialer.dial(DialRequest(ADA, "sales"), asked)
    assert again.id == first.id
    assert (new, newer) == (True, False)
    with pytest.raises(DialRefusedError) as refused:
        await at_work.dialer.dial(DialRequest(BOB, "sales"), Asked("key", "order-7", "other"))
    assert refused.value.refusal == "key_reused"
    await at_work.placed()
    assert at_work.carrier.asked == 1


async def test_a_request_that_the_database_kept_before_it_was_lost_is_served_when_it_comes_again(at_work):
    asked = Asked("key", "order-7", "hash")
    kept = await at_work.dial()
    await at_work.placed()
    lost = replace(kept, id="lost", nonce="lost", to=BOB)
    await at_work.store.dials.add(lost, asked)
    again = [await at_work.dialer.dial(DialRequest(BOB, "sales"), asked) for _ in range(2)]
    assert [dial.id for dial, _ in again] == ["lost", "lost"]
    assert (await at_work.placed(2)).nonce == "lost"
    await at_work.until(lost, "placed")
    assert at_work.carrier.asked == 2


async def test_nobody_is_called_for_whom_there_would_be_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr("phoneagent.calls.outbound.NO_ROOM_S", 0.01)
    async with office(tmp_path) as at_work:
        at_work.switchboard.room = False
        dials = [await at_work.dial(to) for to in (ADA, BOB)]
        await asyncio.sleep(0.05)
        assert at_work.carrier.asked == 0
        await at_work.dialer.cancel(dials[0].id)
        at_work.switchboard.room = True
        await at_work.until(dials[1], "placed")
        assert at_work.carrier.asked == 1


# When Twilio does not answer


async def test_what_twilio_refuses_is_final_and_says_what_to_do(tmp_path):
    async with office(tmp_path, Carrier([REFUSED])) as at_work:
        dial = await at_work.until(await at_work.dial(), "failed")
        assert dial.reason == str(REFUSED)
        assert at_work.carrier.listed == 0


async def test_an_answer_that_is_lost_before_the_effect_is_no_call(tmp_path):
    async with office(tmp_path, Carrier([LOST])) as at_work:
        dial = await at_work.dial()
        await at_work.until(dial, "unknown")
        assert (await at_work.until(dial, "failed")).reason == NOT_PLACED
        assert at_work.carrier.asked == 1
        assert at_work.carrier.listed == 3


async def test_an_answer_that_is_lost_after_the_effect_is_found_in_the_list(tmp_path):
    def rings(call: Placed) -> None:
        call.status = "ringing"

    async with office(tmp_path, Carrier([(LOST,)], before_answer=rings)) as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        assert (await at_work.until(dial, "ringing")).call_sid == call.call_sid
        assert (at_work.carrier.asked, at_work.carrier.listed) == (1, 1)


async def test_a_fault_of_our_own_proves_nothing_either(tmp_path):
    async with office(tmp_path, Carrier([(ZeroDivisionError("a bug"),)])) as at_work:
        assert (await at_work.until(await at_work.dial(), "placed", "failed")).state == "placed"
        assert at_work.carrier.asked == 1


async def test_a_callback_settles_it_sooner(tmp_path):
    async with office(tmp_path, Carrier([(LOST,)]), timing=Timing(look_after_s=(3600.0,))) as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        await at_work.until(dial, "unknown")
        at_work.callback(call, "ringing")
        assert (await at_work.until(dial, "ringing")).call_sid == call.call_sid
        assert at_work.carrier.listed == 0


async def test_another_dials_call_is_not_taken_for_it(tmp_path):
    async with office(tmp_path, Carrier([None, LOST])) as at_work:
        first = await at_work.dial()
        call = await at_work.placed()
        await at_work.until(first, "placed")
        at_work.callback(call, "busy")
        second = await at_work.dial()
        assert (await at_work.until(second, "failed", "placed")).reason == NOT_PLACED


async def test_a_list_that_fails_proves_nothing(tmp_path):
    async with office(tmp_path, Carrier([(LOST,)], failing_lists=4)) as at_work:
        dial = await at_work.dial()
        assert (await at_work.until(dial, "failed", "placed")).state == "placed"
        assert at_work.carrier.listed == 5


async def test_a_call_that_was_given_up_and_comes_after_all_is_ended(tmp_path, caplog):
    """Whoever wanted it was told that nobody is called, and may have dialled again."""
    carrier = Carrier([LOST])
    async with office(tmp_path, carrier) as at_work:
        dial = await at_work.until(await at_work.dial(), "failed")
        carrier.before_answer = None
        at_work.dialer.status(dial.nonce, {"CallSid": "CA" + "f" * 32, "CallStatus": "ringing"})
        assert await carrier.has_hung_up() == ["CA" + "f" * 32]
        assert (await at_work.dialer.get(dial.id)).state == "failed"
        assert "after all" in caplog.text


# When the service ends and comes back


async def test_what_waits_is_placed_by_the_next_run(tmp_path):
    async with office(tmp_path, resting=lambda: True) as at_work:
        dial = await at_work.dial()
        await asyncio.sleep(0.01)
        assert at_work.carrier.asked == 0
    async with office(tmp_path) as at_work:
        assert (await at_work.until(dial, "placed")).id == dial.id
        assert at_work.carrier.asked == 1


async def test_what_has_waited_for_too_long_is_not_placed_any_more(tmp_path):
    async with office(tmp_path, resting=lambda: True) as at_work:
        dial = await at_work.dial()
    later = datetime.now(UTC) + timedelta(minutes=21)
    async with office(tmp_path, clock=lambda: later) as at_work:
        assert "too long" in (await at_work.until(dial, "failed")).reason
        assert at_work.carrier.asked == 0


@pytest.mark.parametrize("effect", [True, False])
async def test_a_run_that_dies_while_dialling_does_not_dial_again(tmp_path, effect):
    carrier = Carrier(gate=asyncio.Event()) if effect else Carrier([asyncio.CancelledError()])
    async with office(tmp_path, carrier) as at_work:
        dial = await at_work.dial()
        await at_work.until(dial, "dialing")
        await asyncio.sleep(0.01)
    carrier.gate = None
    async with office(tmp_path, carrier) as at_work:
        dial = await at_work.until(dial, "placed", "failed")
        assert (dial.state, carrier.asked) == ("placed" if effect else "failed", 1)


async def test_how_calls_ended_meanwhile_is_asked_for(tmp_path):
    carrier = Carrier()
    async with office(tmp_path, carrier) as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        await at_work.until(dial, "placed")
    call.status = "completed"
    async with office(tmp_path, carrier) as at_work:
        assert (await at_work.until(dial, "completed")).call_sid == call.call_sid


async def test_a_call_that_twilio_has_forgotten_is_over(tmp_path):
    async with office(tmp_path) as at_work:
        dial = await at_work.dial()
        await at_work.until(dial, "placed")
    async with office(tmp_path, Carrier()) as at_work:
        assert "nothing of this call" in (await at_work.until(dial, "failed")).reason


async def test_lost_callbacks_are_made_up_for(tmp_path):
    async with office(tmp_path, timing=Timing(check_every_s=0.01)) as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        await at_work.until(dial, "placed")
        at_work.switchboard.live = {call.call_sid}
        call.status = "completed"
        await asyncio.sleep(0.05)
        assert (await at_work.dialer.get(dial.id)).state == "placed"  # the switchboard knows better
        at_work.switchboard.live = set()
        await at_work.until(dial, "completed")


# Ending a call


async def test_a_call_that_waits_is_canceled_without_a_word_to_twilio(tmp_path):
    async with office(tmp_path, calls_per_second=0.1) as at_work:
        dial = await at_work.dial()
        assert (await at_work.dialer.cancel(dial.id)).state == "canceled"
    assert (at_work.carrier.asked, at_work.carrier.hung_up) == (0, [])


async def test_a_call_that_rings_is_ended_by_twilio(at_work):
    dial = await at_work.dial()
    call = await at_work.placed()
    at_work.callback(call, "ringing")
    await at_work.dialer.cancel(dial.id)
    assert await at_work.carrier.has_hung_up() == [call.call_sid]
    at_work.callback(call, "no-answer")
    assert (await at_work.until(dial, "canceled")).reason == "canceled before anybody answered"


async def test_a_call_that_is_just_being_placed_is_ended_when_it_is(tmp_path):
    carrier = Carrier(gate=asyncio.Event())
    async with office(tmp_path, carrier) as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        await at_work.dialer.cancel(dial.id)
        assert at_work.dialer.expected(call.nonce, call.call_sid) is None
        carrier.gate.set()
        assert await carrier.has_hung_up() == [call.call_sid]


async def test_a_cancellation_outlives_the_service(tmp_path):
    carrier = Carrier([(LOST,)])
    async with office(tmp_path, carrier, timing=Timing(look_after_s=(3600.0,))) as at_work:
        dial = await at_work.dial()
        await at_work.until(dial, "unknown")
        await at_work.dialer.cancel(dial.id)
    async with office(tmp_path, carrier) as at_work:
        await at_work.until(dial, "placed")
        assert await carrier.has_hung_up() == [carrier.placed[0].call_sid]


async def test_a_call_that_could_not_be_ended_is_ended_when_it_is_asked_again(at_work):
    dial = await at_work.dial()
    call = await at_work.placed()
    await at_work.until(dial, "placed")
    for _ in range(2):
        await at_work.dialer.cancel(dial.id)
    assert await at_work.carrier.has_hung_up(2) == [call.call_sid] * 2


async def test_a_call_that_the_last_run_could_not_end_is_ended_by_the_next(tmp_path):
    carrier = Carrier()
    async with office(tmp_path, carrier) as at_work:
        dial = await at_work.dial()
        await at_work.until(dial, "placed")
        await at_work.dialer.cancel(dial.id)
        await carrier.has_hung_up()
        carrier.hung_up.clear()
    async with office(tmp_path, carrier):
        assert await carrier.has_hung_up() == [carrier.placed[0].call_sid]


async def test_at_the_end_of_the_service_those_are_ended_who_have_not_answered(tmp_path):
    carrier = Carrier([None, (LOST,), None])
    async with office(tmp_path, carrier, timing=Timing(look_after_s=(3600.0,))) as at_work:
        assert at_work.dialer.unanswered == 0
        dials = []
        for number, to in enumerate((ADA, BOB, "+12125550125"), start=1):
            dials.append(await at_work.dial(to))
            await at_work.placed(number)
        await at_work.until(dials[1], "unknown")
        answered = carrier.placed[0]
        at_work.dialer.expected(answered.nonce, answered.call_sid)
        assert at_work.dialer.unanswered == 2
        at_work.dialer.cancel_unanswered()
        at_work.callback(carrier.placed[1], "ringing")
        assert await carrier.has_hung_up(2) == [carrier.placed[2].call_sid, carrier.placed[1].call_sid]


async def test_what_is_over_or_unknown_cannot_be_canceled(at_work):
    dial = await at_work.dial()
    at_work.callback(await at_work.placed(), "busy")
    await at_work.until(dial, "busy")
    assert (await at_work.dialer.cancel(dial.id)).state == "busy"
    assert await at_work.dialer.cancel("nothing") is None


# Answering machines


@pytest.mark.parametrize(
    ("policy", "detection", "message"),
    [
        ("talk", None, "not told"),
        ("hang_up", "Enable", None),
        ('{leave_message: "Hello."}', "DetectMessageEnd", "Hello."),
    ],
)
async def test_an_answering_machine_is_met_as_the_agent_says(tmp_path, policy, detection, message):
    async with office(tmp_path, front_matter=f"outbound: {{on_machine: {policy}}}") as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        assert call.asked["machine_detection"] == detection
        at_work.dialer.expected(call.nonce, call.call_sid)
        for _ in range(2):
            at_work.dialer.machine(call.nonce, {"CallSid": call.call_sid, "AnsweredBy": "machine_end_beep"})
        assert at_work.switchboard.machines == ([] if detection is None else [(call.call_sid, message)])
        at_work.callback(call, "completed")
        await at_work.until(dial, "machine")


@pytest.mark.parametrize(("answered_by", "told"), [("human", []), ("unknown", []), ("fax", [None])])
async def test_who_else_answers(tmp_path, answered_by, told):
    async with office(tmp_path, front_matter='outbound: {on_machine: {leave_message: "Hello."}}') as at_work:
        await at_work.dial()
        call = await at_work.placed()
        at_work.dialer.machine(call.nonce, {"CallSid": call.call_sid, "AnsweredBy": answered_by})
        assert [message for _, message in at_work.switchboard.machines] == told


# Money


def spent(usd: str) -> Purse:
    """The purse of a service that may spend 10 dollars a day, of which so much is spent."""
    ledger = Ledger()
    ledger.post(Posting("c1", datetime.now(UTC).date(), "sales", OURS, Decimal(usd)))
    return Purse(ledger, Decimal(10))


async def test_without_money_no_call_is_accepted(tmp_path):
    async with office(tmp_path, purse=spent("10")) as at_work:
        with pytest.raises(DialRefusedError, match=r"PHONEAGENT_DAY_USD \(10 US dollars\) is used up") as refused:
            await at_work.dial()
    assert (refused.value.refusal, at_work.carrier.asked) == ("over_limit", 0)


@pytest.mark.parametrize(("from_", "asked"), [(OURS, 0), (OURS_TOO, 1)])
async def test_each_number_has_money_of_its_own(tmp_path, from_, asked):
    async with office(tmp_path, purse=spent("5"), front_matter="limits: {number_day_usd: 5}") as at_work:
        if asked:
            await at_work.until(await at_work.dial(from_=from_), "placed")
        else:
            with pytest.raises(DialRefusedError, match=r"limits\.number_day_usd"):
                await at_work.dial(from_=from_)
    assert at_work.carrier.asked == asked


async def test_a_call_for_which_the_money_is_gone_when_its_turn_comes_is_not_placed(tmp_path):
    purse = spent("9")
    async with office(tmp_path, purse=purse) as at_work:
        at_work.switchboard.room = False
        dial = await at_work.dial()
        agent = at_work.agents.by_name("sales")
        purse.open("c2", agent, OURS, datetime.now(UTC), lambda: Cost(model=Decimal(1))).close()
        at_work.switchboard.room = True
        assert "not placed: PHONEAGENT_DAY_USD" in (await at_work.until(dial, "failed")).reason
    assert at_work.carrier.asked == 0


# What must not happen


async def test_a_nonce_opens_one_call_and_strangers_nothing(at_work):
    await at_work.dial()
    call = await at_work.placed()
    assert at_work.dialer.expected("guessed", call.call_sid) is None
    assert at_work.dialer.expected(call.nonce, call.call_sid) is not None
    assert at_work.dialer.expected(call.nonce, call.call_sid) is not None  # a repeated webhook
    assert at_work.dialer.expected(call.nonce, "CA" + "e" * 32) is None
    at_work.dialer.status("guessed", {"CallSid": call.call_sid, "CallStatus": "completed"})
    at_work.dialer.machine("guessed", {"CallSid": call.call_sid, "AnsweredBy": "fax"})


async def test_a_second_call_of_a_dial_is_ended_and_tells_nothing_of_the_first(tmp_path):
    async with office(tmp_path, front_matter="outbound: {on_machine: hang_up}") as at_work:
        dial = await at_work.dial()
        call = await at_work.placed()
        await at_work.until(dial, "placed")
        second = {"CallSid": "CA" + "e" * 32}
        at_work.dialer.status(call.nonce, second | {"CallStatus": "busy"})
        at_work.dialer.machine(call.nonce, second | {"AnsweredBy": "machine_start"})
        await asyncio.sleep(0.01)
        now = await at_work.dialer.get(dial.id)
        assert (now.state, now.call_sid, now.machine) == ("placed", call.call_sid, False)
        assert (at_work.carrier.hung_up, at_work.switchboard.machines) == ([second["CallSid"]], [])


async def test_too_many_that_wait_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("phoneagent.calls.outbound.MAX_WAITING", 1)
    async with office(tmp_path, calls_per_second=0.1) as at_work:
        await at_work.dial()
        with pytest.raises(DialRefusedError, match="try again later") as refused:
            await at_work.dial(BOB)
        assert refused.value.refusal == "too_many"


async def test_without_the_database_nobody_is_dialled(tmp_path):
    async def broken(*_: object) -> bool:
        raise StoreError("disk full")

    async with office(tmp_path) as at_work:
        at_work.store.dials.claim = broken
        dial = await at_work.dial()
        assert "database" in (await at_work.until(dial, "failed")).reason
        assert at_work.carrier.asked == 0


async def test_two_services_on_one_database_dial_once(tmp_path):
    carrier = Carrier()
    async with office(tmp_path, carrier, resting=lambda: True) as at_work:
        dial = await at_work.dial()
    async with office(tmp_path, carrier) as one, office(tmp_path, carrier) as other:
        await one.until(dial, "placed", "failed")
        await other.until(dial, "placed", "failed")
        await asyncio.sleep(0.1)
        assert carrier.asked == 1
        assert [(await at.dialer.get(dial.id)).state for at in (one, other)] == ["placed", "placed"]


async def test_no_number_is_logged(at_work, caplog):
    caplog.set_level(logging.DEBUG)
    dial = await at_work.dial()
    call = await at_work.placed()
    at_work.callback(call, "completed")
    await at_work.until(dial, "completed")
    assert "dial" in caplog.text
    for record in caplog.records:
        if record.name.startswith("phoneagent"):
            assert not any(secret in str(vars(record)) for secret in (ADA, OURS, dial.nonce))
