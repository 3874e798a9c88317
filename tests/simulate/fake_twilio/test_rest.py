"""The account behind the API, through Twilio's own client and through ours; and requests that go wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from phoneagent.simulate.fake_twilio import FakeTwilio, Fault, NoAnswer, Person
from phoneagent.simulate.script import HangUp, Silence
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.rest import TwilioApi
from tests.simulate.fake_twilio.service import CALLER, HUMAN, OURS, STREAM, TOKEN, ask, client_of, telephony

NOWHERE = "https://example.com/incoming"


@asynccontextmanager
async def api_of(twilio: FakeTwilio, timeout_s: float = 30.0) -> AsyncIterator[TwilioApi]:
    """The service's own API client."""
    sid = twilio.account_sid
    api = TwilioApi(sid, sid, TOKEN, base_url=twilio.api_url, timeout_s=timeout_s)
    yield api
    api.close()


async def dial(api: TwilioApi, to: str = HUMAN) -> str:
    return await api.dial(to, OURS, NOWHERE, status_callback="http://127.0.0.1:9/status")


async def test_the_account_and_its_credentials():
    async with telephony(api_key=("SK1", "secret")) as (twilio, _), api_of(twilio) as api:
        assert (await api.account()).type == "Full"
        assert await ask(client_of(twilio, "SK1", "secret").calls.list) == []
        for wrong in (client_of(twilio, password="wrong"), client_of(twilio, "SK1", "wrong")):
            with pytest.raises(TwilioRestException) as caught:
                await ask(wrong.calls("CA" + 32 * "0").fetch)
            assert (caught.value.status, caught.value.code) == (401, 20003)


async def test_numbers_are_listed_and_changed_and_then_answer_elsewhere():
    async with telephony({"/incoming": "<Hangup/>", "/elsewhere": "<Say>Here.</Say>"}) as (twilio, service):
        twilio.number("+15550101", voice_url=NOWHERE, voice_application_sid="AP1", sms=False, friendly_name="Sales")
        async with api_of(twilio) as api:
            ours, other = await api.numbers()
            assert (ours.number, ours.voice_url) == (OURS, f"{service.url}/incoming")
            assert (other.name, other.voice_application_sid, other.voice, other.sms) == ("Sales", "AP1", True, False)
            record = await twilio.phone.dial(other.number, []).ended()
            assert record.outcome == "failed"
            assert record.problems[0].startswith("nothing answers this number")
            changed = await api.update_number(other.sid, voice_application_sid="", voice_url=f"{service.url}/elsewhere")
            assert changed.voice_application_sid == ""
            assert (await twilio.phone.dial(other.number, []).ended()).said == ["Here."]


async def test_the_fallback_answers_when_the_voice_url_does_not():
    async with telephony({"/fallback": "<Say>Sorry.</Say>"}) as (twilio, service):
        twilio.number("+15550101", voice_url="http://127.0.0.1:9/", voice_fallback_url=f"{service.url}/fallback")
        record = await twilio.phone.dial("+15550101", []).ended()
        assert record.said == ["Sorry."]
        assert service.asked("/fallback")[0]["ErrorCode"] == "11200"


async def test_an_inbound_call_tells_its_end_to_the_numbers_status_callback():
    async with telephony({"/incoming": STREAM}) as (twilio, service):
        twilio.number("+15550101", status_callback=f"{service.url}/status")
        await twilio.phone.dial("+15550101", [Silence(0.1), HangUp()]).ended()
        await twilio.settled()
        assert [form["CallStatus"] for form in service.asked("/status")] == ["completed"]


async def test_messages_are_sent():
    async with telephony() as (twilio, service), api_of(twilio) as api:
        sid = await api.send_sms(CALLER, OURS, "See you!")
        [message] = twilio.messages
        assert (message.sid, message.to, message.from_, message.body) == (sid, CALLER, OURS, "See you!")
        client, url = client_of(twilio), f"{service.url}/message"
        await ask(lambda: client.messages.create(to=HUMAN, from_=OURS, body="Hi", status_callback=url))
        await twilio.settled()
        assert [form["MessageStatus"] for form in service.asked("/message")] == ["sent", "delivered"]
        assert [one.body for one in await ask(client.messages.list)] == ["Hi", "See you!"]
        assert (await ask(client.messages(sid).fetch)).status == "delivered"


async def test_calls_are_listed_newest_first_on_several_pages():
    async with telephony(speed=1.0) as (twilio, _), api_of(twilio) as api:
        twilio.answers("*", NoAnswer())
        placed = [await dial(api, f"+155501{last}") for last in range(10, 17)]
        client = client_of(twilio)
        listed = await ask(lambda: client.calls.list(page_size=3))
        assert [call.sid for call in listed] == placed[::-1]
        long_ago, ahead = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
        [found] = await api.calls(to="+15550112", from_=OURS, since=long_ago)
        assert (found.call_sid, found.to, found.from_) == (placed[2], "+15550112", OURS)
        assert found.started is not None
        assert await api.calls(to="+15550112", from_=OURS, since=ahead) == []
        assert (await api.call(placed[0])).status in ("queued", "ringing")
        await api.hang_up(placed[0])
        assert [call.sid for call in await ask(lambda: client.calls.list(status="canceled"))] == placed[:1]
        await api.hang_up(placed[0])  # which is left alone
        with pytest.raises(TwilioError) as caught:
            await api.call("CA" + 32 * "0")
        assert caught.value.code == 20404


async def test_recordings():
    async with telephony({"/incoming": STREAM}) as (twilio, service):
        call = twilio.phone.dial(OURS, [])
        await call.until(lambda record: record.streams)
        recordings = client_of(twilio).calls(call.sid).recordings
        begun = await ask(
            lambda: recordings.create(
                recording_channels="dual",
                recording_status_callback=f"{service.url}/recording",
                recording_status_callback_event=["in-progress", "completed"],
            )
        )
        assert (begun.channels, begun.status) == (2, "in-progress")
        current = client_of(twilio).calls(call.sid).recordings("Twilio.CURRENT")
        assert (await ask(lambda: current.update(status="paused"))).status == "paused"
        call.hang_up()
        await call.ended()
        await twilio.settled()
        assert [one.status for one in await ask(recordings.list)] == ["completed"]
        assert [form["RecordingStatus"] for form in service.asked("/recording")] == ["in-progress", "completed"]


@pytest.mark.parametrize(
    ("to", "from_", "code"),
    [("+1", OURS, 21211), (HUMAN, "+15550188", 21210), ("+15550177", OURS, 21215)],
)
async def test_numbers_that_cannot_be_called(to: str, from_: str, code: int):
    async with telephony() as (twilio, _), api_of(twilio) as api:
        twilio.refuses("+15550177", 21215)
        with pytest.raises(TwilioError) as caught:
            await api.dial(to, from_, NOWHERE, status_callback=NOWHERE)
        assert caught.value.code == code
        assert not twilio.calls


async def test_a_trial_account_places_no_calls_with_documents_of_its_own():
    async with telephony(account_type="Trial") as (twilio, _), api_of(twilio) as api:
        assert (await api.account()).type == "Trial"
        with pytest.raises(TwilioError) as caught:
            await dial(api)
        assert caught.value.code == 10002


@pytest.mark.parametrize(
    ("fault", "calls", "maybe_done"),
    [
        (Fault.timeout_before, 0, True),
        (Fault.timeout_after, 1, True),
        (Fault.reset_before, 0, True),
        (Fault.reset_after, 1, True),
        (Fault.status(500), 0, True),
        (Fault.status(503, takes_effect=True), 1, True),
        (Fault.status(400), 0, False),
    ],
)
async def test_a_request_goes_wrong_before_or_after_its_effect(fault: Fault, calls: int, maybe_done: bool):
    times_out = fault in (Fault.timeout_before, Fault.timeout_after)
    async with telephony() as (twilio, _), api_of(twilio, 0.3 if times_out else 30.0) as api, api_of(twilio) as later:
        twilio.answers(HUMAN, NoAnswer())
        twilio.fail("POST", "/Calls.json", with_=fault)
        with pytest.raises(TwilioError) as caught:
            await dial(api)
        assert caught.value.maybe_done == maybe_done
        await twilio.until(lambda: len(twilio.calls) == calls)
        await dial(later)  # only once
        assert len(twilio.calls) == calls + 1


async def test_our_client_tries_again_what_was_certainly_not_done():
    async with telephony() as (twilio, _), api_of(twilio) as api:
        twilio.answers(HUMAN, NoAnswer())
        twilio.fail("POST", "/Calls.json", with_=Fault.status(429), times=2)
        await dial(api)
        assert len(twilio.calls) == 1


async def test_our_client_understands_a_list_that_is_refused():
    async with telephony() as (twilio, _), api_of(twilio) as api:
        twilio.fail("GET", "/IncomingPhoneNumbers.json", with_=Fault.status(429))
        assert [number.number for number in await api.numbers()] == [OURS]
        stranger = TwilioApi(twilio.account_sid, twilio.account_sid, "wrong", base_url=twilio.api_url)
        with pytest.raises(TwilioError, match="the credentials are wrong") as caught:
            await stranger.numbers()
        stranger.close()
        assert (caught.value.status, caught.value.code, caught.value.maybe_done) == (401, 20003, False)


async def test_a_share_of_requests_goes_wrong_until_all_is_well():
    async with telephony() as (twilio, _), api_of(twilio) as api:
        twilio.answers("*", NoAnswer())
        twilio.fail("POST", "/Calls.json", with_=Fault.status(400), times=None, share=0.5)
        results = await asyncio.gather(*(dial(api, f"+155501{n}") for n in range(10, 40)), return_exceptions=True)
        failed = sum(isinstance(result, TwilioError) for result in results)
        assert 5 < failed < 25
        assert len(twilio.calls) == 30 - failed
        twilio.heal()
        await dial(api)


async def test_what_there_is_not():
    async with telephony() as (twilio, _):
        client: Any = client_of(twilio)
        for request in (
            client.calls("CA" + 32 * "0").fetch,
            client.conferences("CF" + 32 * "0").fetch,
            client.incoming_phone_numbers("PN" + 32 * "0").fetch,
            client.messages("SM" + 32 * "0").fetch,
            client.queues("QU1").fetch,
        ):
            with pytest.raises(TwilioRestException) as caught:
                await ask(request)
            assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_a_twilio_without_a_service():
    async with FakeTwilio(rng=random.Random(1), auth_token=TOKEN) as twilio:
        with pytest.raises(RuntimeError, match="serves"):
            twilio.phone.dial(OURS, [])
        twilio.answers(HUMAN, Person())
