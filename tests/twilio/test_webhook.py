"""The webhook's fields and the TwiML that answers them."""

import pytest

from phoneagent.twilio.webhook import (
    Connect,
    Forward,
    IncomingCall,
    Refuse,
    WebhookError,
    connect,
    forward,
    hang_up,
    refuse,
    reject,
)

FORM = {
    "CallSid": "CA" + "0" * 32,
    "AccountSid": "AC" + "0" * 32,
    "From": "+15551230000",
    "To": "+15550100",
    "Direction": "inbound",
    "CallStatus": "ringing",
    "FromCity": "",
}
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def test_an_incoming_call():
    call = IncomingCall.parse(FORM)
    assert call == IncomingCall(
        FORM["CallSid"],
        FORM["AccountSid"],
        "+15551230000",
        "+15550100",
        "inbound",
        {"CallStatus": "ringing", "FromCity": ""},
    )
    assert (call.human, call.number, call.outbound) == ("+15551230000", "+15550100", False)


@pytest.mark.parametrize("direction", ["outbound-api", "outbound-dial"])
def test_of_a_call_that_we_placed_the_human_is_the_one_called(direction):
    call = IncomingCall.parse(FORM | {"Direction": direction})
    assert (call.human, call.number, call.outbound) == ("+15550100", "+15551230000", True)


@pytest.mark.parametrize("withheld", ["anonymous", "", "client:ada", "sip:ada@example.com"])
def test_a_caller_need_not_have_a_number(withheld):
    assert IncomingCall.parse(FORM | {"From": withheld}).human == withheld


@pytest.mark.parametrize("sid", ["", "CA0", "CA" + "0" * 32 + "\n", "CA" + "G" * 32, "MZ" + "0" * 32, "../../etc"])
def test_a_call_has_a_sid(sid):
    with pytest.raises(WebhookError, match="CallSid"):
        IncomingCall.parse(FORM | {"CallSid": sid})


def test_a_call_is_to_somebody():
    with pytest.raises(WebhookError, match="To"):
        IncomingCall.parse({"CallSid": FORM["CallSid"]})


def test_numbers_are_not_shown():
    assert "555" not in repr(IncomingCall.parse(FORM))
    assert "secret" not in repr(Connect("secret", "Sorry.", "en"))


def test_connect():
    answer = Connect("t0k&en", "Sorry, <something> went wrong.", "en")
    assert connect(answer, "wss://h/media-stream", "https://h/stream-ended") == (
        DECLARATION + "<Response>"
        '<Connect action="https://h/stream-ended" method="POST">'
        '<Stream url="wss://h/media-stream"><Parameter name="token" value="t0k&amp;en" /></Stream></Connect>'
        '<Say language="en-US">Sorry, &lt;something&gt; went wrong.</Say><Hangup /></Response>'
    )


def test_refusals():
    assert refuse(Refuse()) == reject() == DECLARATION + '<Response><Reject reason="busy" /></Response>'
    assert refuse(Refuse("rejected")) == reject("rejected")
    assert refuse(Refuse(say="Closed.")) == hang_up("Closed.")


@pytest.mark.parametrize(
    ("language", "locale"), [("en", "en-US"), ("de", "de-DE"), ("pt-BR", "pt-BR"), ("zh", "cmn-CN"), (None, "en-US")]
)
def test_last_words(language, locale):
    assert hang_up("Bye.", language) == (
        f'{DECLARATION}<Response><Say language="{locale}">Bye.</Say><Hangup /></Response>'
    )
    assert hang_up() == f"{DECLARATION}<Response><Hangup /></Response>"


def test_what_xml_cannot_hold_is_left_out():
    assert ">ab c</Say>" in hang_up("a\x00\x0bb c\ufffe")


def test_forwarding_connects_the_caller_without_answering_the_call():
    assert forward(Forward("+15550111", "+15550100", timeout_s=25, limit_s=3600)) == (
        f'{DECLARATION}<Response><Dial answerOnBridge="true" callerId="+15550100" timeLimit="3600" timeout="25">'
        "<Number>+15550111</Number></Dial><Hangup /></Response>"
    )
