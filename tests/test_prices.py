"""The price list: worked examples by hand, and files of the user's own."""

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from phoneagent import prices
from phoneagent.core.agents import Agent
from phoneagent.core.costs import Service, Usage
from phoneagent.prices import price_of

SOURCED = 'as_of = 2026-12-01\nsource = "contract"\n'

A_CALL = Usage(
    text_in=5000,
    text_cached=4000,
    text_out=300,
    audio_in=6000,
    audio_cached=4500,
    audio_out=1800,
    image_in=1000,
    image_cached=500,
    seconds=150,
)
# text in + cached + out, audio in + cached + out, image in + cached
LARGE = "0.0040 + 0.0016 + 0.0072 + 0.0480 + 0.0018 + 0.1152 + 0.0025 + 0.00025"  # 0.18055
OLDER = "0.0040 + 0.0016 + 0.0048 + 0.0480 + 0.0018 + 0.1152 + 0.0025 + 0.00025"  # 0.17815
SMALL = "0.0006 + 0.00024 + 0.00072 + 0.0150 + 0.00135 + 0.0360 + 0.0004 + 0.00004"  # 0.05435
BY_HAND = {
    "gpt-realtime-2.1": LARGE,
    "gpt-realtime-2": LARGE,
    "gpt-realtime-1.5": OLDER,
    "gpt-realtime": OLDER,
    "gpt-realtime-2.1-mini": SMALL,
    "gpt-realtime-mini": SMALL,
    "gpt-live-1": "0.125",  # two and a half minutes, for 0.05 each
    "local": "0",
}
TRANSCRIBED_BY_HAND = {  # a minute and a half, which is 900 tokens of audio, and 300 of text
    "gpt-live-transcribe": (Usage(seconds=90), "0.0255"),
    "gpt-realtime-whisper": (Usage(seconds=90), "0.0255"),
    "gpt-transcribe": (Usage(seconds=90), "0.00675"),
    "whisper-1": (Usage(seconds=90), "0.0090"),
    "gpt-4o-transcribe": (Usage(audio_in=900, text_in=20, text_out=300), "0.0054 + 0.00005 + 0.0030"),
    "gpt-4o-mini-transcribe": (Usage(audio_in=900, text_in=20, text_out=300), "0.0027 + 0.000025 + 0.0015"),
    "local": (Usage(seconds=90), "0"),
}
MINUTES_BY_HAND = {  # 4 minutes 10 seconds: five started minutes
    "inbound-local": "0.0425",
    "inbound-toll-free": "0.1100",
    "outbound-local": "0.0700",
    "outbound-toll-free": "0.0700",
    "media-streams": "0.0200",
    "recording": "0.0125",
    "machine-detection": "0.0075",
}


def added(sum_: str) -> Decimal:
    return sum(map(Decimal, sum_.split(" + ")), Decimal(0))


@pytest.mark.parametrize("model", prices.load().models)
def test_a_call_costs_what_it_costs_by_hand(model: str) -> None:
    assert prices.load().models[model].of(A_CALL) == added(BY_HAND[model])


@pytest.mark.parametrize("model", prices.load().transcription)
def test_a_transcription_costs_what_it_costs_by_hand(model: str) -> None:
    usage, by_hand = TRANSCRIBED_BY_HAND[model]
    assert prices.load().transcription[model].of(usage) == added(by_hand)


@pytest.mark.parametrize("service", get_args(Service))
def test_the_carrier_bills_what_it_bills_by_hand(service: Service) -> None:
    assert prices.load().telephone[service].of(250) == added(MINUTES_BY_HAND[service])


def test_a_minute_of_listening_and_of_speaking_costs_what_openai_says() -> None:
    models = prices.load().models
    assert models["gpt-realtime-2.1"].of(Usage(audio_in=600)) == Decimal("0.0192")
    assert models["gpt-realtime-2.1"].of(Usage(audio_out=1200)) == Decimal("0.0768")
    assert models["gpt-realtime-2.1-mini"].of(Usage(audio_in=600)) == Decimal("0.006")
    assert models["gpt-realtime-2.1-mini"].of(Usage(audio_out=1200)) == Decimal("0.024")


def test_what_an_agent_uses_by_default_has_a_price() -> None:
    assert Agent("default").model in prices.load().models
    assert Agent("default").transcription.model in prices.load().transcription


def test_a_snapshot_costs_what_its_model_costs_unless_it_has_a_price_of_its_own(tmp_path: Path) -> None:
    models = prices.load().models
    assert price_of("gpt-realtime-mini-2025-12-15", models) == models["gpt-realtime-mini"]
    assert price_of("gpt-realtime-mini-next", models) is None
    own = tmp_path / "prices.toml"
    own.write_text(f"[models.gpt-realtime-mini-2025-12-15]\naudio_in = 9\n{SOURCED}")
    found = price_of("gpt-realtime-mini-2025-12-15", prices.load(own).models)
    assert found is not None
    assert found.audio_in == 9


def test_an_own_file_replaces_whole_entries_and_leaves_the_others(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(
        f"[models.gpt-realtime]\naudio_in = 1\n{SOURCED}"
        f"[models.my-deployment]\naudio_in = 0.1\n{SOURCED}"
        f"[transcription.whisper-1]\nminute = 0.005\n{SOURCED}"
        f"[telephone.inbound-local]\nminute = 0.01\nuse = 0.02\n{SOURCED}"
    )
    own_prices, built_in = prices.load(own), prices.load()
    assert own_prices.models["gpt-realtime"].of(Usage(audio_in=1_000_000, text_out=1_000_000)) == 1
    assert own_prices.models["my-deployment"].audio_in == Decimal("0.1")  # exactly, though TOML wrote a float
    assert own_prices.models["gpt-realtime-2.1"] == built_in.models["gpt-realtime-2.1"]
    assert own_prices.transcription["whisper-1"].of(Usage(seconds=120)) == Decimal("0.01")
    assert own_prices.telephone["inbound-local"].of(61) == Decimal("0.04")
    assert own_prices.telephone["outbound-local"] == built_in.telephone["outbound-local"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("\n[models", None, "is not TOML: "),
        ("\n[model.a]\n", 2, "model is not a table of prices; use one of [models.<name>], [transcription.<name>]"),
        ("models = 3\n", 1, "models is not a table of prices; use"),
        ("[models]\n\na = 1\n", 3, "models.a must be a table of prices"),
        (f"[models.a]\n{SOURCED}audio_inn = 1\n", 4, "models.a.audio_inn is not one of text_in, text_cached,"),
        ("[models.b]\n[models.a]\naudio_in = 1\n", 1, "models.b needs as_of = 2026-11-01 and a source"),
        ('[models.a]\naudio_in = 1\nas_of = "2026-11-01"\nsource = "x"\n', 1, "models.a needs as_of"),
        ("[models.a]\naudio_in = 1\nas_of = 2026-11-01T10:00:00\nsource = 'x'\n", 1, "models.a needs as_of"),
        ('[models.a]\naudio_in = 1\nas_of = 2026-11-01\nsource = ""\n', 1, "models.a needs as_of"),
        (f"[models.a]\n{SOURCED}", 1, "models.a has no price: set text_in,"),
        (f'[models.a]\n{SOURCED}audio_in = "-1"\n', 4, "models.a.audio_in must be an amount"),
        (f'[models.a]\n{SOURCED}text_in = "1"\naudio_in = "1,5"\n', 5, "got 1,5"),
        (f"[models.a]\n{SOURCED}audio_in = nan\n", 4, "got NaN"),
        (f"[models.a]\n{SOURCED}audio_in = true\n", 4, "got True"),
        (f"[models.a]\n{SOURCED}audio_in = 1e999999\n", 4, "got 1E+999999"),
        (f'[transcription.a]\n{SOURCED}audio_in = """\nx"""\n', 5, "transcription.a.audio_in must be an amount"),
        (f"[telephone.inbound-local]\n{SOURCED}audio_in = 1\n", 4, "audio_in is not one of minute, use,"),
        (
            f"\n[telephone.inbound]\nminute = 1\n{SOURCED}",
            2,
            "telephone.inbound is not one of telephone.inbound-local,",
        ),
    ],
)
def test_a_broken_file_is_refused_with_file_line_entry_and_reason(
    tmp_path: Path, text: str, line: int | None, reason: str
) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(text)
    with pytest.raises(prices.PricesError) as caught:
        prices.load(own)
    assert str(caught.value).startswith(f"{own}:{line}: " if line else f"{own} ")
    assert reason in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(prices.PricesError, match=r"cannot be read: No such file"):
        prices.load(tmp_path / "none.toml")


def test_a_list_is_as_old_as_its_oldest_price(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text('[models.a]\naudio_in = 1\nas_of = 2025-02-03\nsource = "an old bill"\n')
    assert str(prices.load(own).as_of) == "2025-02-03"
