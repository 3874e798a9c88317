"""A close-up of one call: all of it, as its watchers follow it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from phoneagent.calls.changes import Changes, encoded
from phoneagent.calls.listening import Listening
from phoneagent.calls.views import Over, live_call, live_event, live_tool, live_turn

if TYPE_CHECKING:
    from phoneagent.calls.live import ToolBegan
    from phoneagent.calls.runner import CallRunner
    from phoneagent.core.records import ToolKept
    from phoneagent.core.transcript import Turn

EVERY_S = 0.2


class CloseUp:
    """What there is to see of one call.

    Nothing is done for it but when somebody looks: then it is found out what has changed since it was looked at last,
    whoever did, and encoded for all.
    """

    ready = True
    every_s = EVERY_S

    def __init__(self, call: CallRunner) -> None:
        self.call_id = call.details.call_id
        self.changes = Changes()
        self.listening = Listening(call)
        self._call = call
        self._clock = asyncio.get_running_loop().time
        self._looked = float("-inf")
        self._turns: dict[str, tuple[Turn, int, str | None]] = {}  # in their order, each with its place and predecessor
        self._running: set[str] = set()  # the tools that did
        self._tools = self._events = 0  # how many are known

    @property
    def over(self) -> bool:
        """Whether the call is over, and all that there will be to see of it is among the changes."""
        return "over" in self.changes

    def look(self) -> None:
        """Find out what has changed, unless that was just done."""
        now = self._clock()
        if self.over or now - self._looked < EVERY_S / 2:
            return
        self._looked = now
        self._look_at_turns()
        self._look_at_tools()
        call, kept = self._call, self._call.kept
        for happened in kept.happenings[self._events :]:
            self.changes.put(f"event {happened.number}", "event", live_event(happened, kept.redactor))
        self._events = len(kept.happenings)
        self.changes.put("call", "call", live_call(call, self.listening.listeners))
        if call.over is not None:
            self.changes.put("over", "over", Over(call.over.outcome, kept.redactor.text(call.over.reason)))
        elif (levels := self.listening.levels()) is not None:
            self.changes.pass_by("levels", levels)

    def snapshot(self) -> tuple[bytes, int]:
        """The event that says everything, but not that the call is over; and the number of the last change in it."""
        kept, data = self._call.kept, self.changes.data
        tools = dict.fromkeys([*(run.tool_call_id for run in kept.tools[: self._tools]), *self._running])
        events = range(1, self._events + 1)
        whole = b'{"call":%b,"turns":[%b],"tools":[%b],"events":[%b],"now_s":%b}' % (
            data("call"),
            b",".join(data(f"turn {turn_id}") for turn_id in self._turns),
            b",".join(data(f"tool {tool_call_id}") for tool_call_id in tools),
            b",".join(data(f"event {number}") for number in events),
            encoded(round(kept.at_s, 3)),
        )
        number = self.changes.number - self.over
        return self.changes.event("snapshot", whole, number), number

    def _look_at_turns(self) -> None:
        call, hearing = self._call, self._call.glance().hearing
        before, self._turns = self._turns, {}
        after: str | None = None
        for place, known in call.transcript.placed_turns:
            turn = hearing if hearing is not None and hearing.turn_id == known.turn_id else known
            self._turns[turn.turn_id] = now = turn, place, after
            if before.get(turn.turn_id) != now:
                shown = live_turn(call.details.call_id, turn, place, after, call.kept.redactor)
                self.changes.put(f"turn {turn.turn_id}", "turn", shown)
            after = turn.turn_id

    def _look_at_tools(self) -> None:
        kept = self._call.kept
        began = [run for tool_call_id, run in kept.running.items() if tool_call_id not in self._running]
        runs: list[ToolBegan | ToolKept] = [*began, *kept.tools[self._tools :]]
        for run in runs:
            self.changes.put(f"tool {run.tool_call_id}", "tool", live_tool(run, kept.redactor))
        self._running, self._tools = set(kept.running), len(kept.tools)
