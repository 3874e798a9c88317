"""Calls, told in entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select

from phoneagent.core.agents import Retention
from phoneagent.core.costs import Usage
from phoneagent.core.records import (
    AgentKept,
    CallBegan,
    CallOver,
    Charge,
    CostPosted,
    Entry,
    Happened,
    MessageTaken,
    RecordingKept,
    SessionBegan,
    StreamBegan,
    ToolKept,
    TurnKept,
)
from phoneagent.core.transcript import Turn
from phoneagent.core.webhooks import EVENTS
from phoneagent.store.models import deliveries, webhooks

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA, OURS = "+15550199", "+15550100"
VERSION = AgentKept("v1", "clinic", {"clinic.md": "You answer the phone of a clinic."}, NOON)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def began(call_id: str = "c1", at: datetime = NOON, **fields: Any) -> CallBegan:
    call = CallBegan(
        call_id, f"CA{call_id}", "inbound", ADA, OURS, "clinic", "v1", "openai", "gpt", at, Retention(30, 365, None)
    )
    return replace(call, **fields)


def over(call_id: str = "c1", *, usd: str = "0.10", turns: Sequence[str] = (), **fields: Any) -> CallOver:
    charges = (Charge("model", "gpt", Decimal(usd), Usage(audio_in=600)),)
    counters = {"barge_ins": 0, "errors": 0}
    call = CallOver(call_id, NOON + seconds(60), "agent_hung_up", "end_call", 58.0, tuple(turns), charges, counters)
    return replace(call, **fields)


def said(call_id: str, turn_id: str, text: str, at_s: float = 1.0, **fields: Any) -> TurnKept:
    return TurnKept(call_id, replace(Turn(turn_id, "caller", text, at_s=at_s, final=True), **fields))


def message(
    call_id: str, message_id: str, text: str, at: datetime = NOON, callback_number: str | None = None
) -> MessageTaken:
    return MessageTaken(message_id, call_id, "clinic", ADA, text, callback_number, at)


def whole(call_id: str, at: datetime = NOON) -> list[Entry]:
    """A call with everything that a call may have."""
    greeting = Turn("t1", "agent", unheard="Clinic, good morning", at_s=1.0)
    wish = Turn("t2", "caller", "I'd", at_s=4.0)
    answer = Turn("t3", "agent", "Tomorrow", "at nine?", at_s=6.0, latency_ms=700, interrupted=True, final=True)
    return [
        VERSION,
        began(call_id, at),
        StreamBegan(call_id, "MZ1", at + seconds(2)),
        SessionBegan(call_id, "sess_1", "gpt"),
        TurnKept(call_id, greeting),
        TurnKept(call_id, replace(greeting, text="Clinic, good morning.", unheard="", latency_ms=300, final=True)),
        CostPosted(call_id, Decimal("0.02")),
        TurnKept(call_id, wish),
        Happened(call_id, 0, 5.0, "barge_in", {"heard_ms": 900}),
        TurnKept(call_id, answer),
        TurnKept(call_id, replace(wish, text="I'd like to come in.", final=True)),
        ToolKept(call_id, "call_1", "find_slot", '{"day":"monday"}', '{"at":"9:00"}', False, 5.2, 120),
        SessionBegan(call_id, "sess_2", "gpt-mini"),
        StreamBegan(call_id, "MZ2", at + seconds(20)),
        MessageTaken(f"m-{call_id}", call_id, "clinic", ADA, "Call me back.", None, at + seconds(30)),
        CostPosted(call_id, Decimal("0.05")),
        Happened(call_id, 1, 31.0, "transfer", {"state": "connected", "to": "desk"}),
        TurnKept(call_id, replace(answer, unheard="at nine? Or ten?")),
        CallOver(
            call_id,
            at + seconds(60),
            "transferred",
            "desk",
            58.0,
            ("t1", "t2", "t3"),
            (
                Charge("model", "gpt", Decimal("0.07"), Usage(audio_in=600, audio_out=400)),
                Charge("transcription", "odd", None, Usage(seconds=3.5)),
                Charge("telephone", "", Decimal("0.0085")),
            ),
            {"barge_ins": 1, "errors": 0},
            420,
            500,
            summarize=True,
        ),
        RecordingKept(call_id, f"2026/{call_id}.wav", 2.0, 58.0, 928_044, "ab" * 32),
    ]


async def listen(database: Any) -> None:
    """Have a webhook that wants all events."""
    hook = {"id": "all", "url": "https://example.com", "allow_private": False, "secret": "whsec_", "created": NOON}
    async with database.begin() as connection:
        await connection.execute(insert(webhooks).values(hook | {"events": " ".join(EVENTS)}))


async def told(database: Any, call_id: str = "c1") -> list[str]:
    """The events of a call that are to be sent, in their order."""
    async with database.begin() as connection:
        found = await connection.execute(select(deliveries.c.event, deliveries.c.created, deliveries.c.event_id)
            .where(deliveries.c.call_id == call_id))  # fmt: skip
        return [row.event for row in sorted(found, key=lambda row: (row.created, row.event_id))]
