from decimal import Decimal
from pathlib import Path

import pytest

from phoneagent import prices
from phoneagent.core.agents import Agent
from phoneagent.core.costs import Usage

AN_HOUR_OF_TALK = Usage(audio_in=30 * 60 * 10, audio_out=30 * 60 * 20)  # a token per 100 ms in, per 50 ms out


def test_a_minute_of_listening_and_of_speaking_costs_what_openai_says() -> None:
    models = prices.load().models
    assert models["gpt-realtime-2.1"].of(Usage(audio_in=600)) == Decimal("0.0192")
    assert models["gpt-realtime-2.1"].of(Usage(audio_out=1200)) == Decimal("0.0768")
    assert models["gpt-realtime-2.1-mini"].of(AN_HOUR_OF_TALK) == Decimal("0.90")
    assert models["gpt-live-transcribe"].of(Usage(seconds=90)) == Decimal("0.0255")


def test_what_an_agent_uses_by_default_has_a_price() -> None:
    models = prices.load().models
    assert Agent("default").model in models
    assert Agent("default").transcription.model in models


def test_a_telephone_minute_is_billed_when_it_has_started() -> None:
    known = prices.load()
    assert known.telephone_minutes(0) == 0
    assert known.telephone_minutes(60) == Decimal("0.0125")
    assert known.telephone_minutes(60.1) == Decimal("0.0250")


def test_an_own_file_replaces_whole_entries_and_leaves_the_others(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text('[models.gpt-realtime]\naudio_in = 1\ndate = 2026-12-01\nsource = "contract"\n')
    models = prices.load(own).models
    assert models["gpt-realtime"].of(Usage(audio_in=1_000_000, text_out=1_000_000)) == 1
    assert models["gpt-realtime-2.1"].audio_in == 32


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[models", "is not TOML: "),
        ("[model.a]\n", "model is not a table of prices; use [models.<name>] or [telephone.<name>]"),
        ("[models]\na = 1\n", "a must be a table of prices"),
        ("[models.a]\naudio_inn = 1\n", "a.audio_inn is not one of audio_cached, audio_in,"),
        ("[models.a]\naudio_in = 1\n", "a needs a date (2026-11-01) and a source"),
        ('[models.a]\naudio_in = "-1"\ndate = 2026-11-01\nsource = ""\n', "a.audio_in must be an amount"),
        ('[models.a]\naudio_in = "1,5"\ndate = 2026-11-01\nsource = ""\n', "got '1,5'"),
        (
            '[telephone.a]\naudio_in = "1"\ndate = 2026-11-01\nsource = ""\n',
            "a.audio_in is not one of minute,",
        ),
    ],
)
def test_a_broken_file_is_refused_with_file_entry_and_reason(tmp_path: Path, text: str, reason: str) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(text)
    with pytest.raises(prices.PricesError) as caught:
        prices.load(own)
    assert str(own) in str(caught.value)
    assert reason in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(prices.PricesError, match="cannot be read: No such file"):
        prices.load(tmp_path / "none.toml")
