"""Numbers get their old webhooks back, whatever happens in between."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from phoneagent.ops import OpsError
from phoneagent.ops.borrowed import BorrowedNumbers, alone
from phoneagent.simulate.fake_twilio import FakeTwilio, Fault
from phoneagent.simulate.fake_twilio.account import Number
from phoneagent.twilio.rest import TwilioApi, TwilioError

HERE = "https://voice.example.com"
OLD = "https://old.example.com/voice"


@dataclass
class Desk:
    """An account with two numbers, and what was said."""

    twilio: FakeTwilio
    api: TwilioApi
    file: Path
    front: Number
    other: Number
    said: list[str] = field(default_factory=list)

    def borrowed(self) -> BorrowedNumbers:
        """As every run of `phoneagent dev` has it."""
        return BorrowedNumbers(self.api, self.file, self.said.append)

    async def borrow(self, url: str = HERE) -> None:
        await self.borrowed().borrow([n for n in await self.api.numbers() if n.number == "+15550100"], url)

    def refuse_changes(self) -> None:
        """Let Twilio change nothing of the number."""
        self.twilio.fail("POST", f"/{self.front.sid}.json", times=None, with_=Fault.status(400))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with FakeTwilio(rng=random.Random(1), auth_token="12345") as twilio:
        front = twilio.number("+15550100", voice_url=OLD, voice_fallback_url=f"{OLD}/fallback")
        other = twilio.number("+15550101", voice_url=OLD)
        api = TwilioApi(twilio.account_sid, twilio.account_sid, "12345", base_url=twilio.api_url)
        yield Desk(twilio, api, tmp_path / "dev-numbers.json", front, other)
        api.close()


async def test_a_borrowed_number_is_answered_here_and_then_as_before(desk: Desk):
    await desk.borrow()
    assert (desk.front.voice_url, desk.front.status_callback) == (f"{HERE}/incoming", f"{HERE}/status")
    assert desk.front.voice_fallback_url == f"{OLD}/fallback"
    await desk.borrowed().give_back()
    assert (desk.front.voice_url, desk.front.status_callback) == (OLD, "")
    assert desk.said == [f"+15550100 is answered by {OLD} again"]
    assert desk.other.voice_url == OLD
    assert not desk.file.exists()


async def test_a_trunk_comes_back_too(desk: Desk):
    desk.front.trunk_sid = "TK1"
    await desk.borrow()
    assert desk.front.trunk_sid == ""
    await desk.borrowed().give_back()
    assert desk.front.trunk_sid == "TK1"
    assert desk.said == ["+15550100 is answered by the SIP trunk TK1 again"]


async def test_what_was_killed_is_restored_by_the_next(desk: Desk):
    await desk.borrow("https://first.ngrok-free.app")
    await desk.borrowed().give_back()  # another process, that knows the file only
    assert desk.front.voice_url == OLD


async def test_a_number_that_somebody_else_changed_is_theirs(desk: Desk):
    await desk.borrow()
    desk.front.voice_url = "https://colleague.example.com/voice"
    await desk.borrowed().give_back()
    assert desk.front.voice_url == "https://colleague.example.com/voice"
    assert desk.said == [
        "+15550100 was changed by somebody else meanwhile and is left as it is: https://colleague.example.com/voice"
    ]
    assert not desk.file.exists()


async def test_a_field_that_somebody_else_changed_is_theirs_too(desk: Desk):
    await desk.borrow()
    desk.front.status_callback = "https://colleague.example.com/status"
    await desk.borrowed().give_back()
    assert (desk.front.voice_url, desk.front.status_callback) == (OLD, "https://colleague.example.com/status")


async def test_what_twilio_does_not_take_back_now_is_tried_again(desk: Desk):
    await desk.borrow()
    desk.refuse_changes()
    await desk.borrowed().give_back()
    assert "the next `phoneagent dev` tries again" in desk.said[0]
    assert desk.file.exists()
    desk.twilio.heal()
    await desk.borrowed().give_back()
    assert (desk.front.voice_url, desk.file.exists()) == (OLD, False)


async def test_what_is_borrowed_twice_still_has_its_first_webhook(desk: Desk):
    await desk.borrow("https://first.ngrok-free.app")
    await desk.borrow("https://second.ngrok-free.app")
    assert desk.front.voice_url == "https://second.ngrok-free.app/incoming"
    await desk.borrowed().give_back()
    assert desk.front.voice_url == OLD


async def test_it_is_written_down_before_it_is_changed_and_one_that_was_not_changed_needs_nothing(desk: Desk):
    desk.refuse_changes()
    with pytest.raises(TwilioError):
        await desk.borrow()
    assert desk.file.exists()
    await desk.borrowed().give_back()
    assert (desk.said, desk.front.voice_url, desk.file.exists()) == ([], OLD, False)


async def test_a_file_that_can_not_be_read_is_not_overwritten(desk: Desk):
    desk.file.write_text("{")
    with pytest.raises(OpsError, match=r"dev-numbers\.json can't be read"):
        await desk.borrowed().give_back()
    assert desk.file.read_text() == "{"


def test_one_at_a_time(tmp_path: Path):
    file = tmp_path / "dev-numbers.json"
    with alone(file), pytest.raises(OpsError, match="another `phoneagent dev`"), alone(file):
        pass
    with alone(file):
        pass
