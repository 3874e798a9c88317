"""Durations that are counted have percentiles, nearly those of the durations themselves."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from phoneagent.core.histogram import Histogram

durations = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=300)


def counted(ms: list[int]) -> Histogram:
    histogram = Histogram()
    for each in ms:
        histogram.add(each)
    return histogram


@given(durations, st.lists(st.floats(0, 1), min_size=1, max_size=5).map(sorted))
def test_percentiles_are_off_by_half_a_bucket_at_most(ms, shares):
    found = counted(ms).percentiles(shares)
    exact = [sorted(ms)[max(math.ceil(share * len(ms)), 1) - 1] for share in shares]
    assert all(abs(one - other) <= 0.025 * other + 1 for one, other in zip(found, exact, strict=True))


@given(durations, durations)
def test_two_that_are_merged_have_counted_what_both_have(ms, more):
    merged = counted(ms)
    merged.merge(counted(more))
    assert merged == counted(ms + more)
    assert merged == Histogram(merged.counts())
    assert merged.total == len(ms) + len(more)


def test_of_nothing_there_are_no_percentiles():
    assert Histogram().percentiles([0.5]) is None


def test_what_took_no_time_is_counted():
    histogram = Histogram()
    histogram.add(0)
    histogram.add(-3, 2)
    assert (histogram.total, histogram.percentiles([0.5, 1])) == (3, [1, 1])
