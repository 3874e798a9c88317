"""What is billed is what was used times its price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from phoneagent.core.costs import PART_OF, Cost, Price, Rate, Service, Usage, line


def test_cached_tokens_are_billed_at_their_own_price_and_not_twice():
    price = Price(audio_in=Decimal(32), audio_cached=Decimal("0.40"))
    assert price.of(Usage(audio_in=1000, audio_cached=900)) == Decimal("0.00356")


def test_a_server_that_counts_more_cached_tokens_than_tokens_earns_us_nothing():
    assert Price(audio_in=Decimal(32)).of(Usage(audio_in=100, audio_cached=900)) == 0


def test_time_of_a_model_is_billed_to_the_second_that_of_a_carrier_by_the_started_minute():
    assert Price(minute=Decimal("0.06")).of(Usage(seconds=61)) == Decimal("0.061")
    assert [Rate(minute=Decimal("0.06")).of(seconds) for seconds in (0, 0.1, 60, 60.1)] == [
        *(Decimal(0), Decimal("0.06"), Decimal("0.06"), Decimal("0.12"))
    ]


def test_what_is_billed_for_each_use_is_billed_however_short_it_was():
    assert Rate(use=Decimal("0.0075")).of(0) == Decimal("0.0075")


@pytest.mark.parametrize("part", sorted(set(PART_OF.values()) | {"model", "transcription", "after_call"}))
def test_each_part_of_a_cost_is_in_the_total(part: str):
    assert Cost(**{part: Decimal("0.10")}).total == Decimal("0.10")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("service", "billed_as"),
    [
        (line("inbound"), "inbound-local"),
        (line("inbound", toll_free=True), "inbound-toll-free"),
        (line("outbound"), "outbound-local"),
        (line("outbound", toll_free=True), "outbound-toll-free"),
    ],
)
def test_a_line_is_billed_by_its_direction_and_the_number_that_is_called(service: Service, billed_as: str):
    assert service == billed_as
    assert PART_OF[service] == "telephone"
