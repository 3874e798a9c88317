"""Calls that the REST API places, through Twilio's own client."""

from __future__ import annotations

import math
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from phoneagent.simulate.fake_twilio import Busy, FakeTwilio, NoAnswer, Person, Unreachable, Voicemail
from phoneagent.simulate.script import HangUp, Silence
from phoneagent.simulate.twiml import Inline
from tests.simulate.fake_twilio.service import HUMAN, OURS, STREAM, Service, ask, client_of, telephony

EVENTS = ["initiated", "ringing", "answered", "completed"]


async def dial(twilio: FakeTwilio, service: Service, to: str = HUMAN, **options: Any) -> Any:
    client = client_of(twilio)
    options = {"url": f"{service.url}/answered", "status_callback": f"{service.url}/status", **options}
    if "twiml" in options:
        del options["url"]
    return await ask(lambda: client.calls.create(to=to, from_=OURS, status_callback_event=EVENTS, **options))


async def test_a_call_is_answered_streams_and_ends():
    async with telephony({"/answered": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, Person(script=[Silence(0.1), HangUp()]))
        placed = await dial(twilio, service)
        assert placed.status == "queued"
        [call] = twilio.calls
        record = await call.ended()
        await twilio.settled()
        assert call.sid == placed.sid
        assert record.outcome == "caller hung up"
        assert [status for _, status in record.statuses] == ["initiated", "ringing", "in-progress", "completed"]
        [answered] = service.asked("/answered")
        assert (answered["Direction"], answered["From"], answered["To"]) == ("outbound-api", OURS, HUMAN)
        assert answered["CallStatus"] == "in-progress"
        told = service.asked("/status")
        assert [form["CallStatus"] for form in told] == ["initiated", "ringing", "in-progress", "completed"]
        assert [form["SequenceNumber"] for form in told] == ["0", "1", "2", "3"]
        seconds = int(told[-1]["CallDuration"])
        assert seconds >= 1
        assert int(told[-1]["Duration"]) == math.ceil(seconds / 60)
        assert service.streamed[0][-1] == "stop"


@pytest.mark.parametrize(
    ("callee", "status", "code"),
    [
        (Busy(), "busy", "486"),
        (NoAnswer(), "no-answer", "487"),
        (Person(ring_s=60), "no-answer", "487"),
        (Unreachable(), "failed", "404"),
    ],
)
async def test_a_call_that_nobody_answers(callee: Any, status: str, code: str):
    async with telephony() as (twilio, service):
        twilio.answers("*", callee)
        await dial(twilio, service, timeout=2)
        [call] = twilio.calls
        record = await call.ended()
        await twilio.settled()
        assert record.outcome == "not answered"
        assert call.status == status
        assert service.asked("/status")[-1]["SipResponseCode"] == code
        assert not service.asked("/answered")


@pytest.mark.parametrize(
    ("mode", "callee", "who"),
    [
        ("Enable", Person(), "human"),
        ("Enable", Voicemail(), "machine_start"),
        ("DetectMessageEnd", Person(), "human"),
        ("DetectMessageEnd", Voicemail(), "machine_end_beep"),
        ("DetectMessageEnd", Voicemail(beep=False), "machine_end_silence"),
    ],
)
async def test_who_has_answered_is_told_while_the_call_goes_on(mode: str, callee: Any, who: str):
    async with telephony({"/answered": '<Pause length="10"/>'}) as (twilio, service):
        twilio.answers(HUMAN, callee)
        detection = {"machine_detection": mode, "async_amd": "true"}
        await dial(twilio, service, async_amd_status_callback=f"{service.url}/machine", **detection)
        [call] = twilio.calls
        await call.ended()
        await twilio.settled()
        [told] = service.asked("/machine")
        assert (told["AnsweredBy"], told["CallSid"]) == (who, call.sid)


async def test_a_call_is_told_of_while_it_is_still_being_created():
    async with telephony({"/answered": "<Hangup/>"}) as (twilio, service):
        twilio.answers(HUMAN, Person(ring_s=0))
        twilio.create_returns_after(0.2)
        await dial(twilio, service)
        assert service.asked("/answered")


async def test_callbacks_out_of_order():
    async with telephony({"/answered": "<Hangup/>"}) as (twilio, service):
        twilio.answers("*", Person(ring_s=0))
        twilio.shuffle_callbacks(0.1)
        for last in range(10, 20):
            await dial(twilio, service, to=f"+155501{last:02}")
        await twilio.settled()
        per_call = [
            [f["SequenceNumber"] for f in service.asked("/status") if f["CallSid"] == c.sid] for c in twilio.calls
        ]
        assert all(sorted(numbers) == ["0", "1", "2", "3"] for numbers in per_call)
        assert any(numbers != sorted(numbers) for numbers in per_call)


async def test_a_call_is_hung_up_while_it_rings_and_while_it_talks():
    async with telephony({"/answered": STREAM}) as (twilio, service):
        client = client_of(twilio)
        twilio.answers(HUMAN, NoAnswer())
        ringing = await dial(twilio, service)
        await ask(lambda: client.calls(ringing.sid).update(status="completed"))
        twilio.answers(HUMAN, Person())
        talking = await dial(twilio, service)
        call = twilio.calls[1]
        await call.until(lambda record: record.streams)
        updated = await ask(lambda: client.calls(talking.sid).update(status="completed"))
        assert twilio.calls[0].status == "canceled"
        assert updated.status == call.status == "completed"
        assert call.record.outcome == "agent hung up"
        with pytest.raises(TwilioRestException) as caught:
            await ask(lambda: client.calls(talking.sid).update(status="completed"))
        assert caught.value.code == 21220


async def test_a_redirect_ends_the_stream_with_stop_and_runs_the_new_document():
    async with telephony({"/answered": STREAM, "/after": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, Person())
        client = client_of(twilio)
        placed = await dial(twilio, service)
        [call] = twilio.calls
        await call.until(lambda record: record.streams)
        twiml = service.document("<Play digits='ww1234#'/>" + STREAM)
        await ask(lambda: client.calls(placed.sid).update(twiml=twiml))
        await call.until(lambda record: len(record.streams) == 2)
        assert service.streamed[0][-1] == "stop"
        assert call.record.digits_heard == ["ww1234#"]
        assert not service.asked("/after")  # the verb was cut off, not completed
        url = f"{service.url}/answered"
        await ask(lambda: client.calls(placed.sid).update(url=url))
        await call.until(lambda record: len(record.streams) == 3)
        call.hang_up()
        assert (await call.ended()).outcome == "caller hung up"


async def test_an_inline_document_must_have_absolute_urls():
    async with telephony() as (twilio, service):
        twilio.answers(HUMAN, Person())
        await dial(twilio, service, twiml="<Response><Redirect>/somewhere</Redirect></Response>")
        record = await twilio.calls[0].ended()
        assert record.outcome == "failed"
        assert record.problems[0].startswith("15004: ")


async def test_a_caller_who_thinks_better_of_it_at_once():
    async with telephony({"/incoming": STREAM}) as (twilio, service):
        call = twilio.phone.dial(OURS, [])
        call.hang_up()
        await call.ended()
        assert call.status == "canceled"
        assert not service.asked("/incoming")


async def test_who_has_hung_up_is_not_brought_back_by_a_redirect():
    async with telephony({"/answered": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, Person())
        await dial(twilio, service)
        [call] = twilio.calls
        await call.until(lambda record: record.streams)
        call.hang_up()
        call.redirect(Inline("<Response><Pause length='600'/></Response>"))
        assert (await call.ended()).outcome == "caller hung up"


@pytest.mark.parametrize(
    "document",
    [
        '<Pause length="600"/>',
        '<Gather timeout="600"/>',
        "<Dial>+15550112</Dial>",
        "<Dial><Conference>a</Conference></Dial>",
    ],
)
async def test_the_person_hangs_up_whatever_is_going_on(document: str):
    async with telephony({"/answered": document + "<Say>Still there?</Say>"}) as (twilio, service):
        twilio.answers("*", Person(hangs_up_after_s=1))
        twilio.answers("+15550112", NoAnswer())
        await dial(twilio, service)
        [call] = twilio.calls[:1]
        record = await call.ended()
        assert (record.outcome, call.status) == ("caller hung up", "completed")
        assert not record.said


async def test_a_call_ends_at_its_time_limit():
    async with telephony({"/answered": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, Person())
        await dial(twilio, service, time_limit=1)
        assert (await twilio.calls[0].ended()).outcome == "agent hung up"
