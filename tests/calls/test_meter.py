"""What calls cost while they run and at their end, by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from phoneagent import prices
from phoneagent.calls.meter import Meter
from phoneagent.core.agents import Agent, Transcription
from phoneagent.core.costs import Cost, Usage

ADA = Agent("ada", model="gpt-realtime-2.1-mini")
NOON = 43_200.0
LISTED = prices.load()


def usd(amount: str) -> Decimal:
    return Decimal(amount)


def test_a_transferred_call_costs_the_lines_of_both():
    """From 12:00:00 to 12:04:10; the person talks from 12:01:35 to the end."""
    meter = Meter(LISTED, "openai")
    meter.begin("caller", NOON, "inbound-local")
    meter.begin("stream", NOON + 1, "media-streams")
    meter.responded(ADA, Usage(text_in=1000, text_out=100, audio_out=400))
    meter.responded(ADA, Usage(text_in=1000, text_cached=1000, audio_in=600, audio_cached=100, audio_out=600))
    meter.transcribed(ADA, Usage(seconds=30))
    meter.end("stream", NOON + 90)
    meter.begin("person", NOON + 95, "outbound-local")
    assert meter.cost(NOON + 250) == Cost(
        # 0.0006 + 0.00024 + 0.008, then 0.00006 + 0.005 + 0.00003 + 0.012
        model=usd("0.02593"),
        transcription=usd("0.0085"),
        telephone=usd("0.0425") + usd("0.0420"),  # five minutes, and three
        streams=usd("0.0080"),  # two
    )
    assert meter.cost(NOON + 250).total == usd("0.12693")


def test_an_outbound_call_is_billed_by_its_direction_and_with_the_detection_of_machines():
    meter = Meter(LISTED, "openai")
    meter.begin("caller", NOON, "outbound-local", "machine-detection")
    meter.begin("recording", NOON, "recording")
    cost = meter.cost(NOON + 61)
    assert (cost.telephone, cost.machine_detection, cost.recording) == (usd("0.028"), usd("0.0075"), usd("0.005"))


def test_the_cost_grows_while_the_call_runs_with_each_started_minute():
    meter = Meter(LISTED, "openai")
    meter.begin("caller", NOON, "inbound-toll-free")
    assert [meter.cost(NOON + seconds).total for seconds in (1, 60, 61, 121)] == [
        *(usd("0.022"), usd("0.022"), usd("0.044"), usd("0.066"))
    ]


def test_a_caller_who_comes_back_has_a_second_stream_whose_minutes_begin_anew():
    meter = Meter(LISTED, "openai")
    for began in (NOON, NOON + 30):  # the end of the first was not told
        meter.begin("stream", began, "media-streams")
    meter.end("stream", NOON + 40)
    meter.end("stream", NOON + 400)
    assert meter.cost(NOON + 500).streams == usd("0.008")


def test_each_model_costs_its_own_price_when_another_agent_takes_over():
    meter = Meter(LISTED, "openai")
    meter.responded(ADA, Usage(audio_out=1000))
    meter.responded(Agent("bob", model="gpt-realtime-2.1"), Usage(audio_out=1000))
    assert meter.cost(NOON).model == usd("0.020") + usd("0.064")
    assert meter.usage == Usage(audio_out=2000)


def test_with_the_embedded_engine_the_models_cost_nothing_whatever_they_are_called():
    meter = Meter(LISTED, "local")
    meter.begin("caller", NOON, "inbound-local")
    meter.responded(replace(ADA, model="my-deployment"), Usage(text_in=5000, audio_out=1000))
    meter.transcribed(ADA, Usage(seconds=30))
    assert meter.cost(NOON + 1) == Cost(telephone=usd("0.0085"))


def test_a_model_without_a_price_is_named():
    meter = Meter(LISTED, "azure")
    agent = replace(ADA, model="my-deployment", transcription=Transcription("my-ears"))
    meter.responded(agent, Usage(audio_out=1000))
    meter.responded(ADA, Usage(audio_out=1000))
    meter.transcribed(agent, Usage(seconds=30))
    cost = meter.cost(NOON)
    assert cost.unpriced == {"my-deployment", "my-ears"}
    assert cost.total == usd("0.020")


def test_calls_that_no_carrier_bills_cost_their_models_only():
    meter = Meter(LISTED.without_telephone(), "openai")
    meter.begin("caller", NOON, "inbound-local")
    meter.responded(ADA, Usage(audio_out=1000))
    assert meter.cost(NOON + 600) == Cost(model=usd("0.020"))


@pytest.mark.parametrize("seconds", [0, 0.2])
def test_a_call_that_was_hardly_one_costs_a_minute_at_most(seconds: float):
    meter = Meter(LISTED, "openai")
    meter.begin("caller", NOON, "inbound-local")
    meter.end("caller", NOON + seconds)
    assert meter.cost(NOON + 600).telephone == (usd("0.0085") if seconds else 0)
