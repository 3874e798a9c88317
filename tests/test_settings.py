from decimal import Decimal
from pathlib import Path

import pytest

from phoneagent import settings
from phoneagent.core.models import LONGEST
from phoneagent.settings import SettingsError, load


def problems(environ: dict[str, str], dotenv: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(environ, dotenv)
    return caught.value.problems


def test_nothing_set_is_a_local_service_for_this_machine() -> None:
    made = load({}, None)
    assert (made.engine, made.host, made.port, made.public_url) == ("local", "127.0.0.1", 8000, None)


def test_a_key_chooses_openai() -> None:
    assert load({"OPENAI_API_KEY": "sk-test-12345678"}, None).engine == "openai"
    assert load({"OPENAI_API_KEY": "sk-test-12345678", "PHONEAGENT_ENGINE": "local"}, None).engine == "local"


def test_a_server_elsewhere_needs_no_key() -> None:
    made = load({"PHONEAGENT_ENGINE": "openai", "OPENAI_BASE_URL": "http://127.0.0.1:9000/v1/"}, None)
    assert made.openai_base_url == "http://127.0.0.1:9000/v1"


def test_the_environment_wins_over_the_file_and_an_empty_value_is_not_set(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PHONEAGENT_PORT=9001\nPHONEAGENT_HOST=::1\nOPENAI_API_KEY=sk-$HOME-12345678\n")
    made = load({"PHONEAGENT_PORT": "9002", "PHONEAGENT_DRAIN_S": " "}, dotenv)
    assert (made.port, made.host, made.drain_s) == (9002, "::1", 600)
    assert made.openai_api_key == "sk-$HOME-12345678"  # a "$" is a "$"


def test_a_file_that_does_not_exist_is_no_problem_and_one_that_cannot_be_read_is(tmp_path: Path) -> None:
    load({}, tmp_path / "none")
    broken = tmp_path / ".env"
    broken.write_bytes(b"PHONEAGENT_HOST=\xff\xfe\n")
    assert problems({}, broken) == [f"{broken} cannot be read: it is not UTF-8 text"]


def test_all_problems_are_told_at_once_with_variable_and_value() -> None:
    assert problems(
        {
            "PHONEAGENT_ENGINE": "opnai",
            "PHONEAGENT_PORT": "80000",
            "PHONEAGENT_PUBLIC_URL": "http://voice.example.com",
            "PHONEAGENT_DRAIN_S": "nan",
            "PHONEAGENT_REGION": "+1",
        }
    ) == [
        "PHONEAGENT_ENGINE must be one of auto, openai, azure, local, got 'opnai'",
        "PHONEAGENT_REGION must be a country's two letters, for example US, got '+1'",
        "PHONEAGENT_PUBLIC_URL must begin with https:// (http:// is for this machine only), "
        "got 'http://voice.example.com'",
        "PHONEAGENT_PORT must be a whole number from 0 to 65535, got '80000'",
        "PHONEAGENT_DRAIN_S must be a number of seconds from 0 to 86400, got 'nan'",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "voice.example.com",
        "https://",
        "https://a:port",
        "https://a/?x=1",
        "wss://a",
        "https://[::1",
        "https://a b",
    ],
)
def test_a_public_url_that_is_no_address_is_refused(url: str) -> None:
    (problem,) = problems({"PHONEAGENT_PUBLIC_URL": url})
    assert problem.startswith("PHONEAGENT_PUBLIC_URL must be an address that begins with https://")


def test_a_public_url_is_an_origin() -> None:
    good = load({"PHONEAGENT_PUBLIC_URL": "https://Voice.Example.com/", "TWILIO_AUTH_TOKEN": "a" * 32}, None)
    assert good.public_url == "https://voice.example.com"
    (problem,) = problems({"PHONEAGENT_PUBLIC_URL": "https://voice.example.com/incoming"})
    assert "origin without a path" in problem


def test_a_public_url_without_the_token_that_opens_it_is_refused() -> None:
    (problem,) = problems({"PHONEAGENT_PUBLIC_URL": "https://voice.example.com"})
    assert problem.startswith("TWILIO_AUTH_TOKEN must be set with PHONEAGENT_PUBLIC_URL")
    assert load({"PHONEAGENT_PUBLIC_URL": "http://localhost:8000"}, None).public_url == "http://localhost:8000"


def test_no_secret_is_ever_shown() -> None:
    secrets = {s.variable: f"geheim\t{s.name}" for s in settings.described() if s.secret}
    assert len(secrets) >= 6
    shown = problems(secrets | {"OPENAI_BASE_URL": "https://user:geheim@example.com"})
    assert len(shown) == len(secrets) + 1
    assert "geheim" not in "\n".join(shown)
    good = {variable: value.replace("\t", "-") for variable, value in secrets.items()}
    servers = ("LLM", "STT", "TTS", "AFTER_CALL")
    urls = {f"PHONEAGENT_{server}_URL": "http://127.0.0.1:1/v1" for server in servers}
    models = {f"PHONEAGENT_{server}_MODEL": "m" for server in servers}
    assert "geheim" not in repr(load(good | urls | models, None))


def test_settings_that_do_nothing_alone_are_problems() -> None:
    assert problems({"PHONEAGENT_TWILIO_AUTH_TOKEN_NEXT": "a" * 32, "PHONEAGENT_TTS_VOICE": "nova"}) == [
        "TWILIO_AUTH_TOKEN must be set with PHONEAGENT_TWILIO_AUTH_TOKEN_NEXT",
        "PHONEAGENT_TTS_URL must be set with PHONEAGENT_TTS_VOICE",
    ]
    assert problems({"PHONEAGENT_LLM_URL": "http://127.0.0.1:11434/v1"}) == [
        "PHONEAGENT_LLM_MODEL must name the model of PHONEAGENT_LLM_URL"
    ]


def test_an_engine_without_its_key_is_a_problem() -> None:
    (problem,) = problems({"PHONEAGENT_ENGINE": "openai"})
    assert problem.startswith("OPENAI_API_KEY must be set for PHONEAGENT_ENGINE=openai")
    assert problems({"PHONEAGENT_ENGINE": "azure"}) == [
        "AZURE_OPENAI_ENDPOINT must be set for PHONEAGENT_ENGINE=azure",
        "AZURE_OPENAI_API_KEY must be set for PHONEAGENT_ENGINE=azure",
    ]


def test_a_misspelt_variable_is_told_and_somebody_elses_is_not() -> None:
    assert problems({"PHONEAGENT_PUBLICURL": "https://a.example"}) == [
        "PHONEAGENT_PUBLICURL is not a setting; did you mean PHONEAGENT_PUBLIC_URL?"
    ]
    assert problems({"PHONEAGENT_TWILIO_ACCOUNT_SID": "AC1"}) == [
        "PHONEAGENT_TWILIO_ACCOUNT_SID is not a setting; did you mean TWILIO_ACCOUNT_SID?"
    ]
    load({"PHONEAGENT_SOMETHING_ELSE": "1", "HOME": "/root"}, None)


def test_the_money_of_a_day_is_an_amount() -> None:
    assert load({"PHONEAGENT_DAY_USD": "12.50"}, None).day_usd == Decimal("12.50")
    assert load({}, None).day_usd is None
    for text in ("0", "-1", "nan", "inf", "1,50", "$5"):
        assert problems({"PHONEAGENT_DAY_USD": text}) == [
            f"PHONEAGENT_DAY_USD must be an amount in US dollars above 0, such as 50 or 12.50, got {text!r}"
        ]


def test_summaries_are_written_where_the_conversations_are_unless_it_is_said_where() -> None:
    found = load({"OPENAI_API_KEY": "sk-test", "PHONEAGENT_AFTER_CALL_MODEL": "some-model"}, None)
    assert (found.after_call_url, found.after_call_api_key) == (settings.OPENAI_BASE_URL, "sk-test")
    elsewhere = {
        "OPENAI_API_KEY": "sk-test",
        "PHONEAGENT_AFTER_CALL_MODEL": "llama",
        "PHONEAGENT_AFTER_CALL_URL": "http://127.0.0.1:11434/v1",
    }
    found = load(elsewhere, None)
    assert (found.after_call_url, found.after_call_api_key) == ("http://127.0.0.1:11434/v1", None)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"AFTER_CALL_MODEL": "m"}, "PHONEAGENT_AFTER_CALL_URL must say where PHONEAGENT_AFTER_CALL_MODEL is"),
        ({"AFTER_CALL_API_KEY": "k"}, "PHONEAGENT_AFTER_CALL_URL must be set with PHONEAGENT_AFTER_CALL_API_KEY"),
        ({"AFTER_CALL_URL": "http://x/v1"}, "PHONEAGENT_AFTER_CALL_MODEL must name the model of"),
        (
            {"AFTER_CALL_MODEL": "m" * (LONGEST + 1)},
            f"PHONEAGENT_AFTER_CALL_MODEL must have at most {LONGEST} characters",
        ),
    ],
)
def test_what_is_no_server_for_summaries_is_refused(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        load({f"PHONEAGENT_{name}": value for name, value in environ.items()}, None)
