"""Who said what, in the order of the conversation, and of the agent's words which were heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the transcript, as known so far.

    `text` is what the caller said, or what of the agent's words was heard; `unheard` is the rest of them.
    `at_s` counts from the start of the call. `latency_ms` is the silence before an agent's turn: from the end of
    the caller's speech to the first audio played. `final` turns do not change any more.
    """

    turn_id: str
    speaker: Literal["caller", "agent"]
    text: str = field(repr=False, default="")
    unheard: str = field(repr=False, default="")
    at_s: float = 0.0
    latency_ms: int | None = None
    interrupted: bool = False
    final: bool = False
