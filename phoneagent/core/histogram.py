"""How long something took, counted in buckets of equal ratio, so that days can be put together and still have their
percentiles: a bucket is 5 % wide, and what is read from it is off by 2.5 % at most."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

_RATIO = math.log(1.05)


class Histogram:
    """Milliseconds, counted."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        """`counts`: as from `counts()`."""
        self._buckets = Counter({int(bucket): count for bucket, count in (counts or {}).items()})

    def add(self, ms: float, times: int = 1) -> None:
        """Count a duration."""
        self._buckets[round(math.log(max(ms, 1.0)) / _RATIO)] += times

    def merge(self, other: Histogram) -> None:
        """Count all that another has counted, too."""
        self._buckets.update(other._buckets)

    @property
    def total(self) -> int:
        """How many were counted."""
        return self._buckets.total()

    def percentiles(self, shares: Iterable[float]) -> list[int] | None:
        """How many milliseconds each of these shares, rising from 0 to 1, did not take longer than; None: nothing was
        counted."""
        if not (total := self.total):
            return None
        found: list[int] = []
        buckets = iter(sorted(self._buckets.items()))
        seen = bucket = 0
        for share in shares:
            while seen < max(share * total, 1):
                bucket, count = next(buckets)
                seen += count
            found.append(round(math.exp(bucket * _RATIO)))
        return found

    def counts(self) -> dict[str, int]:
        """The buckets, as JSON can hold them."""
        return {str(bucket): count for bucket, count in sorted(self._buckets.items())}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self._buckets == other._buckets

    def __repr__(self) -> str:
        return f"Histogram({self.counts()})"

    __hash__ = None  # type: ignore[assignment]  # it changes
