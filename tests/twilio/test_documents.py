"""What a line does next, as Twilio reads it."""

from xml.etree import ElementTree

import pytest

from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.documents import (
    Brief,
    CallPerson,
    Document,
    EnterRoom,
    HostRoom,
    PressKeys,
    Wait,
    redirection,
    twiml,
)
from phoneagent.twilio.webhook import Connect, Ending, Refuse

AT = Addresses("https://h/")
CONNECT = Connect("token", "Sorry.", "en")


def verbs(document: Document) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(twiml(document, AT)))


def attributes(element: ElementTree.Element) -> dict[str, str]:
    return dict(element.attrib)


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        (CONNECT, ["Connect", "Say", "Hangup"]),
        (Refuse(), ["Reject"]),
        (Ending("Bye."), ["Say", "Hangup"]),
        (PressKeys("ww1#", CONNECT), ["Play", "Connect", "Say", "Hangup"]),
        (Wait(), ["Pause", "Redirect"]),
    ],
)
def test_every_document_is_written(document: Document, tags: list[str]):
    assert [verb.tag for verb in verbs(document)] == tags


def test_keys():
    play, connect, *_ = verbs(PressKeys("ww1#", CONNECT))
    assert attributes(play) == {"digits": "ww1#"}
    assert connect.get("action") == "https://h/stream-ended"
    assert connect[0].get("url") == "wss://h/media-stream"


def test_a_person_is_called():
    [dial] = verbs(CallPerson("x&y", "+15550111", "+15550100", 20, 1800))
    assert attributes(dial) == {
        "action": "https://h/transfer-ended?transfer=x%26y",
        "method": "POST",
        "timeout": "20",
        "timeLimit": "1800",
        "callerId": "+15550100",
        "answerOnBridge": "true",
    }
    [number] = dial
    assert number.text == "+15550111"
    assert attributes(number) == {
        "statusCallback": "https://h/transfer-status?transfer=x%26y",
        "statusCallbackEvent": "answered completed",
        "statusCallbackMethod": "POST",
    }


def test_the_room_ends_for_both_and_only_the_person_begins_it():
    [enters] = verbs(EnterRoom("x", 1800))
    hosts, say, hangup = verbs(HostRoom("x", "The caller is gone.", "en"))
    assert attributes(enters) == {
        "action": "https://h/transfer-ended?transfer=x",
        "method": "POST",
        "timeLimit": "1800",
    }
    rooms = {
        "beep": "false",
        "endConferenceOnExit": "true",
        "maxParticipants": "2",
        "statusCallback": "https://h/transfer-room?transfer=x",
        "statusCallbackEvent": "start end join leave",
        "statusCallbackMethod": "POST",
    }
    assert attributes(enters[0]) == rooms | {"startConferenceOnEnter": "false"}
    assert attributes(hosts[0]) == rooms | {"startConferenceOnEnter": "true"}
    assert (enters[0].text, hosts[0].text) == ("x", "x")
    assert (say.text, hangup.tag) == ("The caller is gone.", "Hangup")


def test_the_briefing_is_answered_with_a_key_or_in_words_or_not_at_all():
    gather, redirect = verbs(Brief("x", "A <caller> & a tooth.", "de", ("ja", "nein")))
    answer = "https://h/transfer-answer?transfer=x"
    assert (gather.get("input"), gather.get("numDigits"), gather.get("action")) == ("dtmf speech", "1", answer)
    assert (gather.get("language"), gather.get("hints")) == ("de-DE", "ja,nein")
    assert gather[0].text == "A <caller> & a tooth."
    assert redirect.text == answer


def test_a_line_that_is_redirected_says_which_redirect_it_was():
    assert '<Redirect method="POST">https://h/next?redirect=3</Redirect>' in redirection(AT.next("3"))
    assert verbs(Wait())[1].text == "https://h/next"


def test_numbers_keys_and_what_people_say_are_not_shown():
    shown = repr(
        [CallPerson("x", "+15550111", "+15550100", 1, 1), PressKeys("42", CONNECT), Brief("x", "secret", "en")]
    )
    assert not any(text in shown for text in ("5550111", "5550100", "42", "secret", "token"))
