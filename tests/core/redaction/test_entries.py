"""What is kept of a call, without what must not be kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoneagent.core.agents import Redaction, Retention
from phoneagent.core.records import (
    AgentKept,
    CallBegan,
    CallOver,
    CostPosted,
    Entry,
    Happened,
    MessageTaken,
    RecordingKept,
    SessionBegan,
    StreamBegan,
    ToolKept,
    TurnKept,
)
from phoneagent.core.redaction import Redactor
from phoneagent.core.redaction.entries import redacted, redactor_for
from phoneagent.core.transcript import Turn

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CARD = "4111 1111 1111 1111"
PLACES: dict[str, Callable[[str], Entry]] = {
    "what was heard": lambda said: TurnKept("c1", Turn("t1", "caller", said, final=True)),
    "what was not heard": lambda said: TurnKept("c1", Turn("t1", "agent", "It is", said, final=True)),
    "a turn that goes on": lambda said: TurnKept("c1", Turn("t1", "agent", "It is", said)),
    "a tool's arguments": lambda said: tool(arguments=json.dumps({"number": said, "digits": list(said)})),
    "a tool's output": lambda said: tool(output=json.dumps({"result": [{"found": said}]})),
    "arguments that are no JSON": lambda said: tool(arguments='{"number": ' + said),
    "a tool's name": lambda said: tool(name=said),
    "an event": lambda said: Happened("c1", 1, 2.5, "digits", {"digits": said, said: [said, {"x": said}]}),
    "a message": lambda said: MessageTaken("m1", "c1", "ada", "+15550199", said, None, NOW),
    "a number to call back": lambda said: MessageTaken("m1", "c1", "ada", "+15550199", "Hello", said, NOW),
    "a reason": lambda said: CallOver("c1", NOW, "failed", said, 3.5, ("t1",), (), {}),
    "a recording's problem": lambda said: RecordingKept("c1", "c1.wav", 0.5, 3.0, 10, "00", said),
}


def tool(name: str = "pay", arguments: str = "{}", output: str = "{}") -> ToolKept:
    return ToolKept("c1", "call_1", name, arguments, output, False, 1.5, 20)


def everything_in(entry: Entry) -> str:
    match entry:
        case TurnKept(turn=turn):
            return f"{turn.text}|{turn.unheard}"
        case ToolKept():
            return f"{entry.name}|{entry.arguments}|{entry.output}"
        case Happened():
            return json.dumps(dict(entry.data), ensure_ascii=False)
        case MessageTaken():
            return f"{entry.text}|{entry.callback_number}"
        case CallOver():
            return entry.reason
        case RecordingKept():
            return entry.problem or ""
        case _:
            return ""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("said", [CARD, "4111111111111111", "4-1-1-1 1111 uh 1111 1111"])
def test_a_card_gets_into_no_entry(place: str, said: str):
    kept = redacted(PLACES[place](said), Redactor())
    assert "11" not in everything_in(kept)
    assert "card]" in everything_in(kept) or "[…]" in everything_in(kept)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("said", ["739155", "7 3 9 1 5 5", "seven three nine one five five", "07-39.15 55"])
def test_what_was_typed_in_secret_gets_into_no_entry(place: str, said: str):
    kept = redacted(PLACES[place](said), Redactor(keys=("0739155",)))
    assert "39" not in everything_in(kept)
    assert "nine" not in everything_in(kept)
    assert "[keys]" in everything_in(kept)


@pytest.mark.parametrize(
    ("keys", "text", "kept"),
    [
        ("1234", '{"pin": 1234, "day": "1980-01-02"}', '{"pin": "[keys]", "day": "1980-01-02"}'),
        ("0123", '{"pin": 123}', '{"pin": "[keys]"}'),
        ("19800102", '{"born": "1980-01-02"}', '{"born": "[keys]"}'),
        ("12*34#", '{"code": "12*34"}', '{"code": "[keys]"}'),
        ("12", '{"room": 12}', '{"room": 12}'),
        ("1234", "It was twelve thirty-four", "It was [keys]"),
        ("1234", "The 1243 and the 234", "The 1243 and the 234"),
    ],
)
def test_keys_are_found_however_they_are_written(keys: str, text: str, kept: str):
    assert Redactor(keys=(keys,)).json_text(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("My card is 4111 1111 11", "My card is […]"),
        ("My card is 4111 1111 11, uh", "My card is […]"),
        ("It is four one one one one one one", "It is […]"),
        ("Order 123456", "Order 123456"),
        ("Call 5550199123 tomorrow", "Call 5550199123 tomorrow"),
    ],
)
def test_of_a_card_that_is_being_said_no_half_is_kept(text: str, kept: str):
    for turn in (Turn("t1", "caller", text), Turn("t1", "agent", "", text)):
        entry = redacted(TurnKept("c1", turn), Redactor())
        assert everything_in(entry).strip("|") == kept


def test_what_is_no_speech_stays():
    for entry in (
        AgentKept("1f", "ada", {"ada.md": "---\n---\nSay 4111 1111 1111 1111."}, NOW),
        CallBegan("c1", "CA1", "inbound", "+15550199", "+15550100", "ada", "1f", "openai", "m", NOW, Retention()),
        StreamBegan("c1", "MZ4111111111111111", NOW),
        SessionBegan("c1", "sess_4111111111111111", "m"),
        CostPosted("c1", Decimal("0.25")),
        RecordingKept("c1", "c1.wav", 0.5, 3.0, 10, "00"),
    ):
        assert redacted(entry, Redactor()) is entry


def test_an_agents_file_says_what_goes():
    redactor = redactor_for(Redaction(("card", "iban"), {"policy": r"LL-\d{6}"}))
    assert redactor.text(f"LL-123456, ada@example.com, {CARD}") == "[policy], ada@example.com, [card]"
    both = redactor.with_rules(redactor_for(Redaction(("email",), {"room": r"R\d{2}"}))).with_keys("4455")
    assert both.text(f"LL-123456, ada@example.com, R12, 44-55, {CARD}") == "[policy], [email], [room], [keys], [card]"
    assert both.with_keys("4455") is both


@given(st.text(), st.text(), st.text(alphabet="0123456789*#ABCD", max_size=8), st.booleans())
def test_nothing_makes_it_fail(text: str, more: str, keys: str, final: bool):
    redactor = Redactor(keys=(keys,))
    for place in PLACES.values():
        redacted(place(text), redactor)
    redacted(TurnKept("c1", Turn("t1", "agent", text, more, final=final)), redactor)
