"""Which pages are ours, by what browsers say of them."""

import pytest

from phoneagent.web.access.origin import is_foreign, is_ours

NGROK = "https://ada.ngrok-free.app"


@pytest.mark.parametrize(
    ("origin", "host", "public_url"),
    [
        (NGROK, "ada.ngrok-free.app", NGROK),
        (NGROK, "127.0.0.1:8000", NGROK),  # a proxy that does not pass on the Host
        ("https://Voice.example", "x", "https://voice.example"),
        ("https://voice.example", "x", "https://voice.example:443"),  # browsers leave out the port that it has anyway
        ("https://voice.example:8443", "x", "https://voice.example:8443"),
        ("https://voice.example", "voice.example:443", NGROK),
        ("http://localhost:8000", "localhost:8000", NGROK),
        ("http://127.0.0.1", "127.0.0.1:80", NGROK),
        ("http://[::1]:8000", "[::1]:8000", NGROK),
        ("https://[2001:db8::1]", "x", "https://[2001:DB8::1]:443"),
    ],
)
def test_ours(origin: str, host: str, public_url: str):
    headers = {"origin": origin, "host": host}
    assert is_ours(headers, public_url)
    assert not is_foreign(headers, public_url)


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "file://", "https://", "https://evil.example", "https://voice.example.evil.example"),
        *("https://voice.example:8443", "http://voice.example", "https://voice.example@evil.example"),
        *("http://localhost:3000", "https://localhost:8000.evil.example", "http://[::1", "http://localhost:x"),
        *("chrome-extension://localhost:8000", "ws://localhost:8000"),
    ],
)
def test_not_ours(origin: str):
    headers = {"origin": origin, "host": "localhost:8000"}
    assert not is_ours(headers, "https://voice.example")
    assert is_foreign(headers, "https://voice.example")


@pytest.mark.parametrize("host", ["", "[::1", "localhost:x", "none"])
def test_a_host_that_is_none_is_nobodys(host: str):
    assert not is_ours({"origin": f"http://{host}x", "host": host}, "https://voice.example")
    assert not is_ours({"origin": "http://none", "host": ""}, "https://voice.example")


@pytest.mark.parametrize(
    ("site", "foreign"), [("same-origin", False), ("none", False), ("same-site", True), ("x", True)]
)
def test_what_browsers_say_of_requests_without_an_origin(site: str, foreign: bool):
    assert is_foreign({"sec-fetch-site": site, "host": "voice.example"}, "https://voice.example") is foreign
