"""The overview: all calls in progress, and the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from phoneagent.calls.changes import Changes
from phoneagent.calls.views import Gone, ServiceView, live_call
from phoneagent.store.carrying_on import carrying_on

if TYPE_CHECKING:
    from phoneagent.calls.runner import CallRunner

ROUND_S = 0.3  # in which all calls are looked at once
AT_A_TIME = 5  # calls; then the audio of all calls has its turn
GONE_KEPT_S = 120.0  # that a call is gone, for those who were away


class Overview:
    """What there is to see of all calls. While somebody watches, a task goes round the calls."""

    every_s = ROUND_S
    over = False

    def __init__(
        self,
        calls: Callable[[], Iterable[CallRunner]],
        listeners: Callable[[CallRunner], int],
        service: Callable[[], ServiceView],
    ) -> None:
        """`calls` are those in progress, `listeners` says how many listen to one."""
        self.changes = Changes()
        self.ready = False
        self._calls = calls
        self._listeners = listeners
        self._service = service
        self._watchers = 0
        self._rounds: asyncio.Task[None] | None = None
        self._shown: dict[str, None] = {}  # the ids of the calls
        self._gone: dict[str, float] = {}  # of those that are over, and since when

    def watch(self) -> None:
        """Somebody watches from now on."""
        self._watchers += 1
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._go_round())

    def leave(self) -> None:
        """They do no more."""
        self._watchers -= 1
        if not self._watchers and self._rounds is not None:
            self._rounds.cancel()
            self._rounds, self.ready = None, False

    def look(self) -> None:
        """Nothing to be done: the rounds do it."""

    def snapshot(self) -> tuple[bytes, int]:
        """The event that says everything; and the number of the last change that it tells."""
        data = self.changes.data
        calls = b",".join(data(call_id) for call_id in self._shown)
        whole = b'{"service":%b,"calls":[%b]}' % (data("service"), calls)
        return self.changes.event("snapshot", whole, self.changes.number), self.changes.number

    async def _go_round(self) -> None:
        while True:
            calls = tuple(self._calls())
            slices = max(1, ceil(len(calls) / AT_A_TIME))
            for number in range(slices):
                with carrying_on("the overview"):
                    for call in calls[number::slices]:
                        self._show(call)
                # the first round is quick: somebody waits for it
                await asyncio.sleep(ROUND_S / slices if self.ready else 0)
            with carrying_on("the overview"):
                self._take_away({call.details.call_id for call in calls})
                self.changes.put("service", "service", self._service())
                self.ready = True

    def _show(self, call: CallRunner) -> None:
        if call.over is None:
            call_id = call.details.call_id
            self.changes.put(call_id, "call", live_call(call, self._listeners(call)))
            self._shown[call_id] = None

    def _take_away(self, live: set[str]) -> None:
        now = monotonic()
        for call_id in [call_id for call_id in self._shown if call_id not in live]:
            del self._shown[call_id]
            self._gone[call_id] = now
            self.changes.put(call_id, "gone", Gone(call_id))
        for call_id in [call_id for call_id, since in self._gone.items() if now - since > GONE_KEPT_S]:
            del self._gone[call_id]
            self.changes.forget(call_id)
