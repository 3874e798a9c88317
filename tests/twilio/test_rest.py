"""Twilio's REST API as its own client asks for it, against the fake Twilio."""

import random
from collections.abc import AsyncIterator

import pytest

from phoneagent.simulate.fake_twilio import FakeTwilio, Fault
from phoneagent.twilio.rest import TwilioApi, TwilioError


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio(rng=random.Random(1), auth_token="12345") as twilio:
        twilio.number("+15550100")
        yield twilio


async def test_what_is_refused_of_a_list_says_what_to_do_too(twilio: FakeTwilio):
    api = TwilioApi(twilio.account_sid, twilio.account_sid, "wrong", base_url=twilio.api_url)
    with pytest.raises(TwilioError, match="the credentials are wrong") as refused:
        await api.numbers()
    api.close()
    assert (refused.value.code, refused.value.status, refused.value.maybe_done) == (20003, 401, False)


@pytest.mark.parametrize("status", [429, 500])
async def test_a_list_is_asked_for_again(twilio: FakeTwilio, status: int):
    twilio.fail("GET", "/IncomingPhoneNumbers.json", times=2, with_=Fault.status(status))
    api = TwilioApi(twilio.account_sid, twilio.account_sid, "12345", base_url=twilio.api_url)
    assert [number.number for number in await api.numbers()] == ["+15550100"]
    api.close()
