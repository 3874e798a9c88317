"""Signatures, on the vectors of Twilio's documentation and of its own library."""

import pytest

from phoneagent.twilio.signature import SignatureCheck, sign, websocket_url

FORM = {"CallSid": "CA1", "CallerName": "", "From": "+15551230000"}
VECTORS = [
    (
        "https://example.com/myapp.php?foo=1&bar=2",
        {
            "CallSid": "CA1234567890ABCDE",
            "Caller": "+14158675310",
            "Digits": "1234",
            "From": "+14158675310",
            "To": "+18005551212",
        },
        "L/OH5YylLD5NRKLltdqwSvS0BnU=",
    ),
    ("https://example.com/incoming", FORM, "mWLFwtoDtbAonaUzU5Jx4cbdM6w="),
    ("wss://example.com/media-stream", {}, "XFfwGS2Ev7f9qAP9MmRoMS7C724="),
    ("wss://example.com/media-stream/", {}, "7J0iz81itFhCXVuZK8EmM4YZwLA="),
]
STREAM_SIGNATURE = VECTORS[2][2]
STREAM_SLASH_SIGNATURE = VECTORS[3][2]


@pytest.fixture
def check():
    return SignatureCheck("https://example.com", ["12345"])


@pytest.mark.parametrize(("url", "params", "signature"), VECTORS)
def test_signs_as_twilio_does(url, params, signature):
    assert sign("12345", url, params) == signature


def test_accepts_a_signed_webhook(check):
    assert check.webhook("/incoming", "", FORM, VECTORS[1][2])
    assert check.webhook("/myapp.php", "foo=1&bar=2", VECTORS[0][1], VECTORS[0][2])


def test_accepts_a_webhook_with_a_field_of_two_values(check):
    class Fields(dict):
        def getlist(self, name):
            return ["b", "a"] if name == "Digits" else [self[name]]

    fields = Fields(Digits="b", CallSid="CA1")
    signature = sign("12345", "https://example.com/incoming", fields)
    assert check.webhook("/incoming", "", fields, signature)
    assert not check.webhook("/incoming", "", dict(fields), signature)


@pytest.mark.parametrize(
    ("path", "query", "params"),
    [
        ("/status", "", FORM),
        ("/incoming/", "", FORM),
        ("/incoming", "a=1", FORM),
        ("/incoming", "", FORM | {"From": "+15551230001"}),
        ("/incoming", "", {name: value for name, value in FORM.items() if value}),
        ("/incoming", "", {}),
    ],
)
def test_refuses_a_changed_webhook(check, path, query, params):
    assert not check.webhook(path, query, params, VECTORS[1][2])


@pytest.mark.parametrize("signature", [None, "", "x", "mWLFwtoDtbAonaUzU5Jx4cbdM6w", "é" * 28])
def test_refuses_a_missing_or_mangled_signature(check, signature):
    assert not check.webhook("/incoming", "", FORM, signature)
    assert not check.upgrade("/media-stream", signature)


def test_refuses_text_that_cannot_be_signed(check):
    assert not check.webhook("/incoming", "", {"From": "\ud800"}, "x")


@pytest.mark.parametrize("path", ["/media-stream", "/media-stream/"])
@pytest.mark.parametrize("signature", [STREAM_SIGNATURE, STREAM_SLASH_SIGNATURE])
def test_accepts_an_upgrade_signed_with_or_without_the_last_slash(check, path, signature):
    assert check.upgrade(path, signature)


def test_refuses_an_upgrade_signed_for_another_scheme_path_or_host(check):
    for url in (
        "https://example.com/media-stream",
        "wss://example.com/console",
        "wss://example.org/media-stream",
    ):
        assert not check.upgrade("/media-stream", sign("12345", url, {}))


def test_accepts_two_tokens_during_a_rotation():
    check = SignatureCheck("https://example.com/", ["12345", "next"])
    for token in ("12345", "next"):
        assert check.webhook("/incoming", "", FORM, sign(token, "https://example.com/incoming", FORM))
    assert not check.webhook("/incoming", "", FORM, sign("other", "https://example.com/incoming", FORM))


def test_without_a_token_nothing_is_accepted():
    for tokens in ([], [""]):
        check = SignatureCheck("https://example.com", tokens)
        assert not check.webhook("/incoming", "", FORM, sign("", "https://example.com/incoming", FORM))
        assert not check.upgrade("/media-stream", sign("", "wss://example.com/media-stream", {}))


def test_websocket_form_of_the_public_url():
    assert websocket_url("https://example.com/", "/media-stream") == "wss://example.com/media-stream"
    assert websocket_url("http://127.0.0.1:8000", "/media-stream") == "ws://127.0.0.1:8000/media-stream"
