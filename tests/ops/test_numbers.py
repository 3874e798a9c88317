"""The account's numbers, shown and connected, by Twilio's own client against the fake Twilio."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from phoneagent.agents.directory import AgentDirectory
from phoneagent.ops import OpsError
from phoneagent.ops.numbers import ask_about_winners, chosen, connect, table
from phoneagent.simulate.fake_twilio import FakeTwilio
from phoneagent.twilio.rest import TwilioApi

HERE = "https://voice.example.com"
OLD = "https://old.example.com/voice"


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio(rng=random.Random(1), auth_token="12345") as twilio:
        yield twilio


@pytest.fixture
def api(twilio: FakeTwilio) -> Iterator[TwilioApi]:
    api = TwilioApi(twilio.account_sid, twilio.account_sid, "12345", base_url=twilio.api_url)
    yield api
    api.close()


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_the_table_says_what_answers_each_number(
    twilio: FakeTwilio, api: TwilioApi, console: Console, tmp_path: Path
):
    (tmp_path / "ada.md").write_text('---\nnumbers: ["+15550100"]\n---\nYou are Ada.\n')
    twilio.number("+15550100", voice_url=f"{HERE}/incoming", friendly_name="Front desk")
    twilio.number("+15550101", voice_url=OLD, friendly_name="Old")
    twilio.number("+15550102", voice_url=OLD, friendly_name="Trunk", trunk_sid="TK1")
    twilio.number("+15550103", voice_url="", friendly_name="New")
    twilio.number("+15550104", voice=False)
    console.print(table(await api.numbers(), HERE, AgentDirectory(tmp_path)))
    rows = [line.split() for line in shown(console).splitlines()[1:]]
    assert [row[0] for row in rows] == [f"+1555010{n}" for n in range(5)]
    assert " ".join(rows[0]) == "+15550100 Front desk agent ada yes none none"
    assert " ".join(rows[1]) == f"+15550101 Old {OLD} no none none"
    assert " ".join(rows[2]) == "+15550102 Trunk the SIP trunk TK1 no none none"
    assert " ".join(rows[3]) == "+15550103 New nothing no none none"
    assert "(takes no calls)" in " ".join(rows[4])


async def test_connecting_shows_before_and_after_and_touches_no_other(
    twilio: FakeTwilio, api: TwilioApi, console: Console
):
    wanted = twilio.number("+15550100", voice_url=OLD, voice_application_sid="AP" + "0" * 32)
    other = twilio.number("+15550101", voice_url=OLD)
    numbers = chosen(await api.numbers(), ["+1 555-0100", "+15550100"], None)
    await connect(api, numbers, HERE, "https://example.com/sorry.xml", console)
    assert (wanted.voice_url, wanted.voice_method) == (f"{HERE}/incoming", "POST")
    assert wanted.voice_fallback_url == "https://example.com/sorry.xml"
    assert wanted.status_callback == f"{HERE}/status"
    assert wanted.voice_application_sid == ""
    assert other.voice_url == OLD
    assert shown(console).splitlines() == [
        "+15550100 is connected",
        f"  calls: {OLD} -> {HERE}/incoming",
        "  fallback: (none) -> https://example.com/sorry.xml",
        f"  status callback: (none) -> {HERE}/status",
        f"  TwiML application: AP{'0' * 32} -> (none)",
    ]


async def test_what_is_connected_stays_as_it_is(twilio: FakeTwilio, api: TwilioApi, console: Console):
    twilio.number("+15550100", voice_url=f"{HERE}/incoming", status_callback=f"{HERE}/status")
    await connect(api, chosen(await api.numbers(), ["+15550100"], None), HERE, None, console)
    assert shown(console) == "+15550100 was connected already\n"


async def test_a_fallback_that_is_the_service_itself_is_said_to_be_of_no_use(
    twilio: FakeTwilio, api: TwilioApi, console: Console
):
    number = twilio.number("+15550100", voice_url=OLD, voice_fallback_url=f"{HERE}/incoming")
    await connect(api, chosen(await api.numbers(), ["+15550100"], None), HERE, None, console)
    assert "set another with --fallback" in shown(console)
    assert number.voice_fallback_url == f"{HERE}/incoming"


async def test_what_wins_over_the_webhook_is_taken_away_only_after_asking(twilio: FakeTwilio, api: TwilioApi):
    twilio.number("+15550100", trunk_sid="TK1")
    numbers = await api.numbers()
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(OpsError, match="nothing was changed"):
        ask_about_winners(numbers, no)
    assert asked == ["+15550100 is answered by the SIP trunk TK1. Take that away from it?"]
    ask_about_winners(numbers, lambda question: True)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("+15550199", r"\+15550199 is not a number of this account, which has: \+15550100, \+15550104"),
        ("555 0100", "has no country code"),
        ("+15550104", "can't take calls"),
    ],
)
async def test_a_number_that_can_not_be_used_is_said(twilio: FakeTwilio, api: TwilioApi, wanted: str, reason: str):
    twilio.number("+15550100")
    twilio.number("+15550104", voice=False)
    with pytest.raises(OpsError, match=reason):
        chosen(await api.numbers(), [wanted], None)
