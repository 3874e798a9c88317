"""One entry of each kind, of one call, in the order in which they come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from phoneagent.core.agents import AfterCall, Redaction, Retention
from phoneagent.core.costs import Usage
from phoneagent.core.records import (
    Afterwards,
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

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AFTERWARDS = Afterwards(AfterCall(extract={"type": "object"}), "de", "UTC", Redaction(("card",), {"order": "A[0-9]+"}))


def began(call_id: str = "c1", at: datetime = NOON) -> CallBegan:
    """A call that is answered."""
    sid = f"CA{call_id}"
    return CallBegan(
        call_id,
        sid,
        "inbound",
        "+15550199",
        "+15550100",
        "ada",
        "v1",
        "openai",
        "gpt",
        at,
        Retention(recording_days=30),
    )


def said(call_id: str = "c1", number: int = 1, text: str = "Guten Tag – schön! 🙏", *, final: bool = True) -> TurnKept:
    """A turn of the caller's."""
    return TurnKept(call_id, Turn(f"item{number}", "caller", text, at_s=number / 3, final=final))


def over(call_id: str = "c1", turns: int = 1) -> CallOver:
    """The end of a call with so many turns."""
    return CallOver(
        call_id,
        NOON + timedelta(minutes=1, microseconds=123456),
        "completed",
        "caller hung up",
        59.123456789,
        tuple(f"item{number}" for number in range(1, turns + 1)),
        (Charge("model", "gpt", Decimal("0.000000001"), Usage(text_in=3, seconds=0.1)), Charge("telephone", "", None)),
        {"barge_ins": 2},
    )


def call(call_id: str = "c1") -> list[Entry]:
    """A whole call."""
    return [
        AgentKept("v1", "ada", {"ada.md": "---\n---\nBe \x00 Ada.\n"}, NOON, AFTERWARDS),
        began(call_id),
        StreamBegan(call_id, "MZ1", NOON),
        SessionBegan(call_id, "sess_1", "gpt"),
        said(call_id),
        ToolKept(call_id, "tool1", "book", '{"at": "8"}', "null", False, 0.1 + 0.2, 12),
        Happened(call_id, 1, 1e-9, "barge_in", {"heard_ms": 120, "more": [None, 1.5, {"a": True}]}),
        CostPosted(call_id, Decimal("0.12345678901234567890")),
        MessageTaken("m1", call_id, "ada", "+15550199", "Call\nme", None, NOON),
        over(call_id),
        RecordingKept(call_id, "2026/11/21/c1.wav", 0.25, 59.0, 1_000_000, "ab" * 32, None),
    ]
