"""Where sessions are dialled."""

from __future__ import annotations

import pytest

from phoneagent.engines.realtime import Target, azure, local, openai


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("http://127.0.0.1:9000/v1/", "ws://127.0.0.1:9000/v1/realtime?model=gpt-realtime-2.1"),
        ("ws://engine", "ws://engine/realtime?model=gpt-realtime-2.1"),
        (
            "https://gate.example.com/v1?team=a%26b",
            "wss://gate.example.com/v1/realtime?team=a%26b&model=gpt-realtime-2.1",
        ),
    ],
)
def test_the_session_is_dialled_at_the_websocket_form_of_the_base_url(base_url: str, url: str):
    assert openai("sk-1", base_url).url("gpt-realtime-2.1") == url


def test_a_model_is_quoted():
    assert openai(None).url("a&b c") == "wss://api.openai.com/v1/realtime?model=a%26b+c"


def test_openai_takes_a_bearer_and_a_server_without_keys_nothing():
    assert openai("sk-1").headers == (("Authorization", "Bearer sk-1"),)
    assert openai(None, "http://127.0.0.1:8080/v1").headers == ()


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://res.openai.azure.com",
        "https://res.openai.azure.com/",
        "https://res.openai.azure.com/openai",
        "https://res.openai.azure.com/openai/v1/",
    ],
)
def test_azure_is_dialled_at_its_ga_path_with_its_own_header(endpoint: str):
    target = azure(endpoint, "key-1")
    assert target.url("phone") == "wss://res.openai.azure.com/openai/v1/realtime?model=phone"
    assert target.headers == (("api-key", "key-1"),)
    assert azure(endpoint, "key-1", "pcm").audio_format == "pcm"


def test_the_embedded_engine_takes_dialogues():
    target = local("http://127.0.0.1:9000/v1")
    assert (target.takes_dialogue, target.headers, target.secure) == (True, (), False)
    assert openai("sk-1").secure
    assert not openai("sk-1").takes_dialogue


def test_keys_are_not_shown():
    assert "secret" not in repr(openai("secret")) + repr(azure("https://res.openai.azure.com", "secret"))


@pytest.mark.parametrize(
    "base_url", ["", "api.openai.com/v1", "ftp://host", "https:///v1", "https://u:p@host", "https://h/#f"]
)
def test_an_address_that_cannot_be_dialled_is_refused_without_showing_it(base_url: str):
    with pytest.raises(ValueError, match="the address of the mine engine must be like") as raised:
        Target("mine", base_url)
    assert "u:p" not in str(raised.value)
