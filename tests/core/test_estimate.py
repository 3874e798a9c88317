"""What a conversation is likely to use, counted by hand."""

from __future__ import annotations

from decimal import Decimal

from phoneagent.core.costs import Usage
from phoneagent.core.estimate import Assumptions, caller_speech, conversation

ALL_CACHED = Assumptions(cached=Decimal(1))


def test_three_exchanges_counted_by_hand():
    """A minute at half and half: 10 s and 10 s in each exchange, 100 tokens of the caller's, 200 of the agent's."""
    usage = conversation(Decimal(1), Decimal("0.5"), Assumptions(exchanges_per_minute=3, cached=Decimal(1)))
    assert usage == Usage(
        text_in=3000,
        text_cached=2000,
        text_out=105,
        audio_in=100 + (100 + 200 + 100) + (400 + 200 + 100),
        audio_cached=100 + 400,  # what the second and the third answer had read before
        audio_out=600,
        seconds=60,
    )


def test_half_of_it_cached_is_half_of_it_cached():
    assert conversation(Decimal(5), Decimal("0.4"), Assumptions(cached=Decimal("0.5"))).audio_cached * 2 == (
        conversation(Decimal(5), Decimal("0.4"), ALL_CACHED).audio_cached
    )


def test_what_is_cached_is_less_than_what_is_read():
    for minutes in ("0.1", "1", "5", "60"):
        for talk in ("0", "0.4", "1"):
            usage = conversation(Decimal(minutes), Decimal(talk), ALL_CACHED)
            assert usage.audio_cached <= usage.audio_in
            assert usage.text_cached < usage.text_in


def test_a_short_call_has_one_answer():
    usage = conversation(Decimal("0.05"), Decimal("0.5"))
    assert (usage.text_in, usage.text_cached, usage.audio_cached) == (1000, 0, 0)
    assert (usage.audio_in, usage.audio_out) == (15, 30)


def test_who_talks_is_not_transcribed_unless_it_is_the_caller():
    assert caller_speech(Decimal(5), Decimal("0.4")) == Usage(seconds=180)
