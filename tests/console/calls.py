"""Calls for the console's tests: told in entries, and recorded in tones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from phoneagent.core.costs import Usage
from phoneagent.core.records import (
    CallOver,
    Charge,
    Entry,
    Happened,
    RecordingKept,
    ToolKept,
    TurnKept,
)
from phoneagent.core.transcript import Turn
from phoneagent.store import Store, open_store
from tests.calls.tones import tones
from tests.store.story import VERSION, began

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENTS: list[tuple[str, dict[str, Any], str, str | None]] = [  # what happened; how it is said; what belongs to it
    ("barge_in", {}, "The caller interrupted", None),
    ("barge_in", {"turn_id": "t", "heard_ms": 900}, "The caller interrupted after 0.9 s", None),
    ("digits", {"digits": "12", "secure": False}, "The caller typed", "12"),
    ("digits", {"digits": "••", "secure": True}, "The caller typed something secret", "••"),
    ("consent", {"given": True, "how": "key"}, "The caller agreed to be recorded", None),
    ("consent", {"given": False, "how": "none"}, "The caller does not want to be recorded", None),
    ("recording", {"on": True}, "The call is recorded", None),
    ("recording", {"on": False}, "The recording stopped", None),
    ("agent_took_over", {"agent": "bob", "version": "v2"}, "bob speaks now", None),
    ("transfer", {"state": "connected", "to": "desk"}, "Transfer to desk: connected", None),
    ("transfer", {"state": "failed", "to": "desk", "why": "busy"}, "Transfer to desk: failed", "busy"),
    ("machine", {"message": None}, "A machine answered", None),
    ("machine", {"message": "Call us."}, "A machine answered: a message is left", None),
    (
        *("limit", {"limit": "limits.day_usd", "level": "nearly", "spent_usd": "8.0000", "limit_usd": "10"}),
        *("A limit of money is nearly reached", "limits.day_usd: $8.0000 of $10"),
    ),
    (
        *("limit", {"limit": "limits.usd", "level": "over", "spent_usd": "1.0100", "limit_usd": "1"}),
        *("A limit of money is reached", "limits.usd: $1.0100 of $1"),
    ),
    ("message", {"message_id": "m1"}, "The caller left a message", None),
    ("engine_error", {"code": "e1", "message": "Too loud"}, "The engine reported e1", "Too loud"),
    ("response_failed", {"code": "e1", "message": "No"}, "The engine failed to answer: e1", "No"),
    ("session_lost", {"code": "e1", "message": "Gone"}, "The engine's session was lost: e1", "Gone"),
    ("operator", {"action": "whisper", "by": "eve", "text": "Be kind"}, "eve whispered to the agent", "Be kind"),
    ("operator", {"action": "say", "by": "eve", "text": "Hello"}, "eve had the agent say", "Hello"),
    ("operator", {"action": "take_over", "by": "eve"}, "eve took over", None),
    ("operator", {"action": "hand_back", "by": "eve"}, "eve handed the call back", None),
    ("operator", {"action": "transfer", "by": "eve", "to": "desk"}, "eve began a transfer to desk", None),
    ("operator", {"action": "hang_up", "by": "eve"}, "eve hung up", None),
    ("operator", {"action": "listen", "by": "eve"}, "eve listens in", None),
]
BEGINS_S = 2.0
"""The recording begins so much later than its call."""


@asynccontextmanager
async def kept(folder: Path) -> AsyncIterator[Store]:
    """The store of the service whose data are in the folder."""
    store = await open_store(f"sqlite:///{folder / 'data' / 'phoneagent.db'}")
    yield store
    await store.close()


async def keep(folder: Path, *entries: Entry) -> None:
    """Have it in the service's store."""
    async with kept(folder) as store:
        await store.entries.apply("a test", entries)


def dentist(call_id: str = "c1", at: datetime = NOON) -> list[Entry]:
    """A call with whatever a record may show."""
    turns = (
        Turn("t1", "agent", "Clinic, good morning. How can I help?", at_s=2.5, latency_ms=310, final=True),
        Turn("t2", "caller", "I'd like to come in <b>tomorrow</b>, it hurts.", at_s=6.0, final=True),
        Turn(
            *("t3", "agent", "Oh dear. Let me see what", "we have free tomorrow."),
            at_s=11.0,
            latency_ms=1240,
            interrupted=True,
            final=True,
        ),
        Turn("t4", "caller", "In the morning, please.", at_s=14.0, final=True),
        Turn("t5", "agent", "Tomorrow at nine. See you then!", at_s=18.0, latency_ms=640, final=True),
    )
    charges = (
        Charge("model", "gpt-realtime", Decimal("0.0712"), Usage(text_in=1200, audio_in=600, audio_out=400)),
        Charge("transcription", "whisper", Decimal("0.0006"), Usage(seconds=12.5)),
        Charge("telephone", "", Decimal("0.0085")),
    )
    return [
        VERSION,
        began(call_id, at),
        *(TurnKept(call_id, turn) for turn in turns),
        ToolKept(call_id, "tool1", "find_slot", '{"day": "tomorrow"}', '{"free": ["9:00", "11:30"]}', False, 9.2, 1300),
        ToolKept(call_id, "tool2", "book", '{"at": "9:00"}', '{"error": "the calendar is away"}', True, 16.0, 400),
        Happened(call_id, 1, 13.2, "barge_in", {"turn_id": "t3", "heard_ms": 2200}),
        Happened(call_id, 2, 15.5, "digits", {"digits": "12", "secure": False}),
        Happened(call_id, 3, 20.5, "transfer", {"state": "failed", "to": "desk", "why": "nobody answered"}),
        CallOver(
            call_id,
            at + timedelta(seconds=25),
            "caller_hung_up",
            "caller hung up",
            23.0,
            tuple(turn.turn_id for turn in turns),
            charges,
            {"barge_ins": 1, "errors": 2},
            first_audio_ms=310,
            latency_ms=640,
        ),
    ]


HOSTILE = (
    """"'><script>window.hacked = 1</script><img src=x onerror=alert(1)><svg onload=alert(2)>{{7*7}}{% raw %}"""
    "</textarea></title><iframe src=javascript:alert(3)></iframe>\u202e\0" + "A" * 300
)
"""What somebody may say, or be called, who does not mean well."""


def hostile(call_id: str) -> list[Entry]:
    """A call in which everything is hostile that others have a say in."""
    turns = tuple(
        Turn(f"t{n}", speaker, HOSTILE, HOSTILE, at_s=n, latency_ms=1, final=True)
        for n, speaker in enumerate(("caller", "agent"))
    )
    return [
        replace(began(call_id), caller=HOSTILE, called=HOSTILE, agent=HOSTILE, agent_version=HOSTILE, model=HOSTILE),
        *(TurnKept(call_id, turn) for turn in turns),
        ToolKept(call_id, "tool1", HOSTILE, json.dumps({HOSTILE: HOSTILE}), HOSTILE, True, 3.0, 1),
        *(
            Happened(
                call_id,
                number,
                4.0,
                kind,
                {name: HOSTILE if isinstance(value, str) else value for name, value in data.items()},
            )
            for number, (kind, data, *_) in enumerate(EVENTS)
        ),
        CallOver(
            *(call_id, NOON + timedelta(seconds=9), "failed", HOSTILE, 9.0, tuple(turn.turn_id for turn in turns)),
            (Charge("model", HOSTILE, Decimal("0.1"), Usage(text_in=1)),),
            {"errors": 1},
        ),
    ]


async def record(
    folder: Path,
    call_id: str = "c1",
    name: str = "2026/11/21/c1.wav",
    *,
    caller: Sequence[float] = (0, 0, 0, 0, 0.3, 0.4, 0.2, 0.3, 0, 0, 0, 0.5, 0.4, 0.3, 0, 0, 0, 0, 0, 0),
    agent: Sequence[float] = (0.4, 0.3, 0.3, 0, 0, 0, 0, 0, 0, 0.4, 0.3, 0.2, 0, 0, 0, 0, 0.3, 0.4, 0.4, 0),
    at_s: float = BEGINS_S,
    problem: str | None = None,
) -> None:
    """Give a call a recording: of each second, how loud either side is."""
    audio = tones(caller, agent)
    path = folder / "data" / "recordings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(audio)
    await keep(folder, RecordingKept(call_id, name, at_s, len(caller), len(audio), sha256(audio).hexdigest(), problem))
