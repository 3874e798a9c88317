"""What is in the price list, each reckoned by hand for one call. Whoever adds a price adds its example."""

from __future__ import annotations

from decimal import Decimal

import pytest

from phoneagent import prices
from phoneagent.core.costs import Usage

LISTED = prices.load()

TALKED = Usage(
    text_in=2000, text_cached=1000, text_out=500,
    audio_in=3000, audio_cached=1000, audio_out=2000,
    image_in=400, image_cached=100,
)  # fmt: skip
WHOLE_CALL = Usage(seconds=300)
CALLER_SPOKE = Usage(seconds=90)
CALLER_SPOKE_IN_TOKENS = Usage(audio_in=900, text_in=100, text_out=250)
READ_AND_SUMMARIZED = Usage(text_in=3000, text_cached=1000, text_out=200)
CALL_S = 250  # 4:10, the fifth minute has begun

MODELS = {
    # Millionths of a dollar: text that is new, cached, written; audio heard, cached, spoken; images seen, cached.
    # 1000×4 + 1000×0.40 + 500×24 + 2000×32 + 1000×0.40 + 2000×64 + 300×5 + 100×0.50
    # = 4000 + 400 + 12000 + 64000 + 400 + 128000 + 1500 + 50
    "gpt-realtime-2.1": (TALKED, "0.210350"),
    "gpt-realtime-2": (TALKED, "0.210350"),
    # text that is written costs 16: 500×16 = 8000
    "gpt-realtime-1.5": (TALKED, "0.206350"),
    "gpt-realtime": (TALKED, "0.206350"),
    # 1000×0.60 + 1000×0.06 + 500×2.40 + 2000×10 + 1000×0.30 + 2000×20 + 300×0.80 + 100×0.08
    # = 600 + 60 + 1200 + 20000 + 300 + 40000 + 240 + 8
    "gpt-realtime-2.1-mini": (TALKED, "0.062408"),
    "gpt-realtime-mini": (TALKED, "0.062408"),
    "gpt-live-1": (WHOLE_CALL, "0.25"),  # 5 minutes at 0.05
    "local": (TALKED, "0"),
}
TRANSCRIPTION = {
    "gpt-live-transcribe": (CALLER_SPOKE, "0.0255"),  # 1.5 minutes at 0.017
    "gpt-realtime-whisper": (CALLER_SPOKE, "0.0255"),
    "gpt-transcribe": (CALLER_SPOKE, "0.00675"),  # at 0.0045
    "whisper-1": (CALLER_SPOKE, "0.009"),  # at 0.006
    "gpt-4o-transcribe": (CALLER_SPOKE_IN_TOKENS, "0.00815"),  # 900×6 + 100×2.50 + 250×10 = 5400 + 250 + 2500
    "gpt-4o-mini-transcribe": (CALLER_SPOKE_IN_TOKENS, "0.004075"),  # 900×3 + 100×1.25 + 250×5 = 2700 + 125 + 1250
    "local": (CALLER_SPOKE, "0"),
}
AFTER_CALL = {
    "gpt-5-mini": (READ_AND_SUMMARIZED, "0.000925"),  # 2000×0.25 + 1000×0.025 + 200×2 = 500 + 25 + 400
    "gpt-5-nano": (READ_AND_SUMMARIZED, "0.000185"),  # 2000×0.05 + 1000×0.005 + 200×0.40 = 100 + 5 + 80
    "gpt-4.1-mini": (READ_AND_SUMMARIZED, "0.00122"),  # 2000×0.40 + 1000×0.10 + 200×1.60 = 800 + 100 + 320
}
TELEPHONE = {  # five started minutes
    "inbound-local": "0.0425",  # at 0.0085
    "inbound-toll-free": "0.11",  # at 0.022
    "outbound-local": "0.07",  # at 0.014
    "outbound-toll-free": "0.07",
    "media-streams": "0.02",  # at 0.004
    "recording": "0.0125",  # at 0.0025
    "machine-detection": "0.0075",  # once
}
BY_HAND = {
    (table, name): example
    for table, examples in (("models", MODELS), ("transcription", TRANSCRIPTION), ("after_call", AFTER_CALL))
    for name, example in examples.items()
}


@pytest.mark.parametrize(("table", "name"), BY_HAND)
def test_what_a_model_costs(table: str, name: str):
    usage, usd = BY_HAND[table, name]
    assert getattr(LISTED, table)[name].of(usage) == Decimal(usd)


@pytest.mark.parametrize("service", TELEPHONE)
def test_what_the_telephone_costs(service: str):
    assert {name: rate.of(CALL_S) for name, rate in LISTED.telephone.items()}[service] == Decimal(TELEPHONE[service])


def test_nothing_in_the_list_is_without_its_example():
    assert (LISTED.models.keys(), LISTED.transcription.keys()) == (MODELS.keys(), TRANSCRIPTION.keys())
    assert (LISTED.after_call.keys(), LISTED.telephone.keys()) == (AFTER_CALL.keys(), TELEPHONE.keys())
