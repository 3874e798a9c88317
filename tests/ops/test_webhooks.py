"""Which webhooks a number has, and which it should have."""

from dataclasses import replace
from pathlib import Path

import pytest

from phoneagent.agents.directory import AgentDirectory
from phoneagent.ops import OpsError
from phoneagent.ops.webhooks import (
    Webhooks,
    answered_by,
    checked_fallback,
    checked_public_url,
    described,
    is_at,
)
from phoneagent.twilio.rest import PhoneNumber

HERE = "https://voice.example.com"

ELSEWHERE = PhoneNumber(
    sid="PN1",
    number="+15550100",
    name="Front desk",
    voice_url="https://old.example.com/voice",
    voice_method="GET",
    voice_fallback_url="",
    status_callback="",
    voice_application_sid="",
    trunk_sid="",
    voice=True,
    sms=True,
)


def test_connecting_changes_what_is_needed_and_takes_away_what_would_win():
    before = Webhooks.of(replace(ELSEWHERE, trunk_sid="TK1"))
    changes = before.changes(before.toward(HERE))
    assert changes == {
        "voice_url": f"{HERE}/incoming",
        "voice_method": "POST",
        "status_callback": f"{HERE}/status",
        "trunk_sid": "",
    }
    assert described(before, changes)[0] == f"calls: https://old.example.com/voice -> {HERE}/incoming"
    assert described(before, changes)[-1] == "SIP trunk: TK1 -> (none)"


def test_a_number_that_is_connected_already_needs_no_change():
    here = Webhooks.of(ELSEWHERE).toward(HERE)
    assert here.points_to(HERE)
    assert here.changes(here.toward(HERE)) == {}


@pytest.mark.parametrize("winner", ["trunk_sid", "voice_application_sid"])
def test_what_wins_over_the_url_answers(winner: str):
    here = Webhooks.of(ELSEWHERE).toward(HERE)
    assert not replace(here, **{winner: "XX1"}).points_to(HERE)
    assert "XX1" in replace(here, **{winner: "XX1"}).wins


@pytest.mark.parametrize(
    "url",
    ["https://voice.example.com/incoming", "https://VOICE.example.com:443/incoming", f"{HERE}/incoming#rc=2&rp=5xx"],
)
def test_an_address_of_ours_is_known_in_every_spelling(url: str):
    assert is_at(url, HERE, "/incoming")


@pytest.mark.parametrize(
    "url",
    ["", "http://voice.example.com/incoming", f"{HERE}/incoming/", f"{HERE}:8443/incoming", "https://x.com/incoming"],
)
def test_another_address_is_not_ours(url: str):
    assert not is_at(url, HERE, "/incoming")


def test_what_answers_a_number_is_said_in_words(tmp_path: Path):
    (tmp_path / "ada.md").write_text('---\nnumbers: ["+15550100"]\n---\nYou are Ada.\n')
    agents = AgentDirectory(tmp_path)
    here = replace(ELSEWHERE, voice_url=f"{HERE}/incoming")
    assert answered_by(here, HERE, agents) == "agent ada"
    assert answered_by(replace(here, number="+15550101"), HERE, agents) == "here, but no agent's file names it"
    assert answered_by(ELSEWHERE, HERE, agents) == "https://old.example.com/voice"
    assert answered_by(replace(ELSEWHERE, voice_url=""), HERE, agents) == "nothing"
    assert answered_by(replace(here, voice_application_sid="AP1"), HERE, agents) == "the TwiML application AP1"
    assert answered_by(here, None, agents) == f"{HERE}/incoming"


def test_a_fallback_is_somebody_else():
    assert checked_fallback("https://example.com/sorry.xml", HERE) == "https://example.com/sorry.xml"
    for url in (f"{HERE}/incoming", "https://voice.example.com:8443/x"):
        with pytest.raises(OpsError, match="not this service"):
            checked_fallback(url, HERE)
    with pytest.raises(OpsError, match="https://"):
        checked_fallback("example.com", HERE)


@pytest.mark.parametrize("url", [None, "http://voice.example.com", "https://voice.example.com/x", "voice.example.com"])
def test_an_address_that_twilio_could_not_dial_is_refused(url: str | None):
    with pytest.raises(OpsError, match="--url must be the https address"):
        checked_public_url(url, "--url")


def test_a_public_url_is_taken_as_it_is_signed():
    assert checked_public_url("https://Voice.Example.com/") == HERE
