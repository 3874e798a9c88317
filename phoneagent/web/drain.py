"""The end of a service that lets its callers finish."""

from __future__ import annotations


class Drain:
    """Whether the service is coming to its end: calls go on, no new one is answered."""

    def __init__(self) -> None:
        self.begun = False
        self.over = False  # what still goes on is to end now
