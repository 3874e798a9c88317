"""Whole calls, over the real wires, happen again from their logs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from phoneagent.records.replay import replay
from phoneagent.store.event_logs import read
from tests.calls.service import write_agent, write_tools
from tests.calls.test_both_doors import STORIES, TOOLS, tell_all


async def test_every_story_is_replayed_as_it_was(tmp_path: Path):
    write_agent(tmp_path, "greeting: Good evening!\ntools: [end_call, opening_hours]\nevent_log: on")
    write_tools(tmp_path, TOOLS)
    await tell_all(tmp_path, "picows")
    logs = await asyncio.to_thread(lambda: sorted((tmp_path / "data").rglob("*.jsonl.gz")))
    assert len(logs) == len(STORIES)
    happened = set()
    for path in logs:
        replayed = replay(path)
        assert replayed.difference is None, f"\n{replayed.difference}"
        happened |= {type(step.event).__name__ for step in read(path)[1]}
        happened |= {command["do"] for step in read(path)[1] for command in step.commands}
    assert happened >= {
        "CallerAudio",
        "AgentAudio",
        "DigitPressed",
        "ToolCalled",
        "ClearPlayout",
        "TruncateTurn",
        "TakenOver",
        "OperatorAudio",
        "Whispered",
        "HandedBack",
        "SayRequested",
        "EndCall",
    }
