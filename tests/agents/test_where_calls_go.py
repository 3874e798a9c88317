"""What an agent file says of transfers, text messages, calls to people and hold music."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import pytest

from phoneagent.core.agents import Agent, Destination, Outbound, Sms
from tests.agents.folder import Folder

US = 'numbers: ["+15550100"]\n'


def ada(folder: Folder, front: str, **options: Any) -> Agent:
    """The agent of a front matter without errors."""
    folder.write("ada", front)
    directory = folder.open(**options)
    agent = directory.by_name("ada")
    assert agent is not None, folder.problems(directory)
    return agent


def test_a_destination_is_a_number_or_more_than_that(folder: Folder):
    agent = ada(
        folder,
        US
        + """
tools: [transfer_call]
transfer:
  reception: "+1 (555) 0111"
  desk: +1 212 555 0122
  billing: {number: "+15550112", how: warm, timeout_s: 20, max_minutes: 30, caller_id: caller}
""",
    )
    assert agent.transfer == {
        "reception": Destination("+15550111"),
        "desk": Destination("+12125550122"),
        "billing": Destination("+15550112", "warm", 20, 30, "caller"),
    }


def test_whom_the_agent_may_text_and_what(folder: Folder):
    agent = ada(folder, US + 'sms: {numbers: {owner: "+1 555 0113"}, templates: {address: "We are at 12 Harbour St."}}')
    assert agent.sms == Sms({"owner": "+15550113"}, {"address": "We are at 12 Harbour St."})


@pytest.mark.parametrize(
    ("written", "outbound"),
    [
        ("{}", Outbound()),
        ("{on_machine: talk}", Outbound("talk")),
        ("{on_machine: hang_up, timeout_s: 15}", Outbound("hang_up", None, 15)),
        ("{on_machine: {leave_message: Please call us.}}", Outbound("leave_message", "Please call us.")),
    ],
)
def test_what_is_done_when_a_machine_answers(folder: Folder, written: str, outbound: Outbound):
    assert ada(folder, f"outbound: {written}").outbound == outbound


def test_the_countries_are_those_of_the_file_else_of_the_numbers_else_of_the_service(folder: Folder):
    canada = 'transfer: {office: "+1 416 967 1111"}\n'
    abroad = "ada.md:{}:20: transfer.office: +14169671111 is in CA, which is not among the countries allowed: {}"
    assert ada(folder, US + canada + "countries: [US, CA, US]").countries == ("US", "CA")
    assert ada(folder, canada, region="CA").countries == ()
    folder.write("ada", US + canada)
    assert folder.problems(folder.open(region="CA")) == [abroad.format(3, "US")]
    folder.write("ada", 'numbers: ["*"]\n' + canada)
    assert folder.problems(folder.open(region="US")) == [abroad.format(3, "US")]
    folder.write("ada", canada)
    assert folder.problems(folder.open()) == [
        "ada.md:2:20: transfer.office: +14169671111 is in CA, and no country is allowed: set countries, or "
        "PHONEAGENT_REGION"
    ]


def wav(path: Path, seconds: float = 1) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(16000 * seconds)))


def test_hold_music_is_a_file_beside_the_folder_or_anywhere(folder: Folder, tmp_path: Path):
    agents = Folder(tmp_path / "agents")
    agents.path.mkdir()
    harp = tmp_path / "music" / "harp.wav"
    wav(harp)
    assert ada(agents, "hold_music: music/harp.wav").hold_music == str(harp)
    assert ada(agents, f"hold_music: {harp}").hold_music == str(harp)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "is no WAV file of plain (PCM) samples"),
        (b"ID3 and then some", "is no WAV file of plain (PCM) samples"),
        ("silence", "has no sound in it"),
    ],
)
def test_hold_music_that_can_not_be_played_is_refused(folder: Folder, content: object, reason: str):
    path = folder.path.parent / "hold.wav"
    path.unlink(missing_ok=True)
    if content == "silence":
        wav(path, seconds=0)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    folder.write("ada", "hold_music: hold.wav")
    assert folder.problems(folder.open()) == [f"ada.md:2:13: hold_music: {path.as_posix()} {reason}"]


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        (
            'transfer: {lottery: "+1 900 555 1234"}',
            "3:21: transfer.lottery.number: +19005551234 is a premium-rate number",
        ),
        (
            'transfer: {lottery: {number: "1-900-HOTLINE"}}',
            "3:30: transfer.lottery.number: '1-900-HOTLINE' is no plain telephone number: write it in digits, as +1…",
        ),
        (
            'transfer: {a: "+44 20 7946 0958"}',
            "3:15: transfer.a: +442079460958 is in GB, which is not among the countries allowed: US",
        ),
        ("transfer: {a: {how: warm}}", "3:15: transfer.a.number: is missing"),
        ('transfer: {a: {number: "+15550111", how: hot}}', "3:42: transfer.a.how: must be 'cold' or 'warm', got 'hot'"),
        (
            'transfer: {a: {number: "+15550111", timeout_s: 900}}',
            "3:48: transfer.a.timeout_s: must be less than or equal to 600, got 900",
        ),
        ("tools: [transfer_call]", "3:9: tools[1]: needs `transfer`: the names and numbers of those to transfer to"),
        (
            "tools: [{transfer_call: {confirm: true}}]",
            "3:25: tools[1].transfer_call: needs `transfer`: the names and numbers of those to transfer to",
        ),
        ("tools: [hand_over]", "3:9: tools[1]: needs `handoff`: the names of the agents that may take over"),
        (
            'sms: {numbers: {caller: "+15550111"}}',
            "3:17: sms.numbers.caller: the caller is always there: choose another name",
        ),
        (
            'sms: {numbers: {a: "+881 612 345 678"}}',
            "3:20: sms.numbers.a: +881612345678 is no number that can be called in any country",
        ),
        (
            'sms: {numbers: {a: "+49 30 123456"}}',
            "3:20: sms.numbers.a: +4930123456 is in DE, which is not among the countries allowed: US",
        ),
        ('sms: {templates: {a: "Hello {{caller}}"}}', "3:22: sms.templates.a: {{…}} is filled in in the prompt only"),
        (
            "outbound: {on_machine: beep}",
            "3:24: outbound.on_machine: must be talk, hang_up or {leave_message: …}, got 'beep'",
        ),
        ("countries: [UK]", "3:13: countries[1]: write a country in two letters, as in US or GB (ISO 3166), got 'UK'"),
        (
            "countries: [[US]]",
            "3:13: countries[1]: write a country in two letters, as in US or GB (ISO 3166), got ['US']",
        ),
        ("hold_music: [a.wav]", "3:13: hold_music: must be the path of a WAV file, got ['a.wav']"),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Folder, front: str, problem: str):
    folder.write("ada", US + front)
    errors = [problem for problem in folder.problems(folder.open()) if "warning" not in problem]
    assert errors == [f"ada.md:{problem}"]


def test_with_numbers_that_can_not_be_read_the_countries_are_not_guessed_at(folder: Folder):
    folder.write("ada", 'numbers: [reception]\ntransfer: {a: "+49 30 123456"}')
    assert folder.problems(folder.open()) == ["ada.md:2:11: numbers[1]: 'reception' is not a telephone number"]


def test_what_is_of_no_use_is_warned_of_where_it_stands(folder: Folder):
    folder.write("base", US + 'transfer: {a: "+15550111"}\nsms: {templates: {a: Hello.}}')
    folder.write("ada", "extends: base\ncountries: [US]")
    assert folder.problems(folder.open()) == [
        "base.md:3:11: warning: transfer: is of no use without the tool transfer_call",
        "base.md:4:6: warning: sms: is of no use without the tool send_sms",
    ]
