"""Calls in progress as watchers see them: what they are sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import orjson

from phoneagent.calls.live import ToolBegan
from phoneagent.core.costs import Direction
from phoneagent.core.glance import State, Voice
from phoneagent.core.records import Happened, Happening, ToolKept, TurnKept
from phoneagent.core.redaction import Redactor
from phoneagent.core.redaction.entries import redacted
from phoneagent.core.transcript import Turn

if TYPE_CHECKING:
    from phoneagent.calls.runner import CallRunner


@dataclass(frozen=True, slots=True)
class ServiceView:
    """How the service is: `engine` is the name of it, and `engine_problem` the code of why its last session could not
    be had, or was dropped. `telephone` says whether real calls can come in, and `last_call` when the last one did (ISO
    8601). `reasons` are why no call can be answered, `remarks` what is wrong though they are."""

    live: int
    max_calls: int
    engine: str
    engine_problem: str | None
    telephone: bool
    last_call: str | None
    ready: bool
    reasons: list[str]
    remarks: list[str]
    draining: bool


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call in progress. `agent` is who speaks now, `caller` the person's number and `called` ours.

    `usd` is what it has cost so far, a decimal in a text; `turns` how many hold words, `latency_ms` the median of the
    silences before the agent's answers. `listeners` is how many people listen in.
    """

    id: str
    call_sid: str
    agent: str
    caller: str
    called: str
    direction: Direction
    began: datetime
    streaming: bool
    state: State
    speaking: tuple[Voice, ...]
    usd: str
    turns: int
    latency_ms: int | None
    taken_over_by: str | None
    listeners: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A call that is in progress no more."""

    id: str


@dataclass(frozen=True, slots=True)
class LiveTurn:
    """A turn as it is known, and heard, by now. Turns stand in the order of their `place`, which may have gaps.

    `after` is the turn before it. `text` is what was said, of the agent what was heard; `unheard` the rest of it, still
    to be heard unless the turn is `final`.
    """

    turn_id: str
    place: int
    after: str | None
    speaker: Literal["caller", "agent"]
    text: str
    unheard: str
    at_s: float
    latency_ms: int | None
    interrupted: bool
    final: bool


@dataclass(frozen=True, slots=True)
class LiveTool:
    """A run of a tool; `output` and `duration_ms` are None while it goes on.

    `arguments` and `output` are JSON; what is no JSON is a text.
    """

    tool_call_id: str
    name: str
    arguments: Any
    output: Any
    failed: bool
    at_s: float
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """Something that matters, the `number`th of its call."""

    number: int
    kind: Happening
    at_s: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud both sides were, from `at_s` on, every `step_s`: the peak, as a share of full scale."""

    at_s: float
    step_s: float
    caller: list[float]
    agent: list[float]


@dataclass(frozen=True, slots=True)
class Over:
    """How a call ended."""

    outcome: str
    reason: str


def live_call(call: CallRunner, listeners: int) -> LiveCall:
    """How a call is now."""
    details, kept, glance = call.details, call.kept, call.glance()
    latencies = [turn.latency_ms for turn in kept.turns if turn.latency_ms is not None]
    return LiveCall(
        id=details.call_id,
        call_sid=details.call_sid,
        agent=kept.agent.name,
        caller=details.caller,
        called=details.called,
        direction=details.direction,
        began=details.began,
        streaming=call.streaming,
        state=glance.state,
        speaking=glance.speaking,
        usd=f"{kept.usd:.4f}",
        turns=len(kept.turns),
        latency_ms=round(median(latencies)) if latencies else None,
        taken_over_by=glance.taken_over_by,
        listeners=listeners,
    )


def live_turn(call_id: str, turn: Turn, place: int, after: str | None, redactor: Redactor) -> LiveTurn:
    """A turn, without what is not to be kept of it."""
    entry = redacted(TurnKept(call_id, turn), redactor)
    assert isinstance(entry, TurnKept)
    shown = entry.turn
    return LiveTurn(
        shown.turn_id,
        place,
        after,
        shown.speaker,
        shown.text,
        shown.unheard,
        round(shown.at_s, 3),
        shown.latency_ms,
        shown.interrupted,
        shown.final,
    )


def live_tool(run: ToolBegan | ToolKept, redactor: Redactor) -> LiveTool:
    """A run of a tool, without what is not to be kept of it."""
    if isinstance(run, ToolBegan):
        name, arguments = redactor.text(run.name), redactor.json_text(run.arguments)
        return LiveTool(run.tool_call_id, name, _json(arguments), None, False, run.at_s, None)
    kept = redacted(run, redactor)
    assert isinstance(kept, ToolKept)
    arguments, output = _json(kept.arguments), _json(kept.output)
    return LiveTool(kept.tool_call_id, kept.name, arguments, output, kept.failed, kept.at_s, kept.duration_ms)


def live_event(happened: Happened, redactor: Redactor) -> LiveEvent:
    """Something that happened, without what is not to be kept of it."""
    kept = redacted(happened, redactor)
    assert isinstance(kept, Happened)
    return LiveEvent(kept.number, kept.kind, kept.at_s, kept.data)


def _json(text: str) -> Any:
    """What is JSON, to be passed on as it stands: it may be deeper than could be written again."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return orjson.Fragment(text)
