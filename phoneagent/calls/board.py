"""What happens now, for those who watch: all calls at a glance, close-ups of single ones, and their audio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from phoneagent.calls.changes import Watch
from phoneagent.calls.closeup import CloseUp
from phoneagent.calls.listening import Listener
from phoneagent.calls.overview import Overview
from phoneagent.calls.views import ServiceView

if TYPE_CHECKING:
    from phoneagent.calls.runner import CallRunner

REMEMBERED_S = 120.0  # a close-up that nobody watches, for those who have lost their connection
MOST_WATCHERS = 250


class Calls(Protocol):
    """Where the calls are: the switchboard."""

    @property
    def live_calls_now(self) -> Iterable[CallRunner]:
        """Those that are answered and not over."""

    def live_call(self, call_id: str) -> CallRunner | None:
        """The call of this id or CallSid, if it is one of those."""

    def recent_call(self, call_id: str) -> CallRunner | None:
        """The call of this id or CallSid, also for some minutes after its end."""


class Board:
    """Shows calls to those who watch them. What nobody watches costs nothing.

    A call is found by our id of it, and by its CallSid.
    """

    def __init__(self, calls: Calls, service: Callable[[], ServiceView]) -> None:
        """`service` says how the service is."""
        self._calls = calls
        self._watchers = 0
        self._close_ups: dict[str, CloseUp] = {}
        self._forgetting: dict[str, asyncio.TimerHandle] = {}  # of those that nobody uses
        self._overview = Overview(lambda: calls.live_calls_now, self._listeners, service)

    @property
    def full(self) -> bool:
        """Whether nobody else can watch."""
        return self._watchers >= MOST_WATCHERS

    @contextmanager
    def overview(self, last_event_id: str = "") -> Iterator[Watch]:
        """Watch all calls, while the block lasts; `last_event_id` is that of the last event that one knows."""
        self._watchers += 1
        self._overview.watch()
        try:
            yield Watch(self._overview, last_event_id)
        finally:
            self._overview.leave()
            self._watchers -= 1

    def live_call(self, call_id: str) -> CallRunner | None:
        """The call of this id, if it is in progress here."""
        return self._calls.live_call(call_id)

    def is_over(self, call_id: str) -> bool:
        """Whether the call of this id was here, and ended a moment ago."""
        return self._calls.recent_call(call_id) is not None and self._calls.live_call(call_id) is None

    def has(self, call_id: str) -> bool:
        """Whether there is something to be seen of this call."""
        return self._our_id(call_id) in self._close_ups or self._calls.recent_call(call_id) is not None

    def seen(self, call_id: str, last_event_id: str) -> bool:
        """Whether this event was the last that there is to be seen of a call."""
        close_up = self._close_ups.get(self._our_id(call_id))
        return close_up is not None and Watch(close_up, last_event_id).over

    @contextmanager
    def close_up(self, call_id: str, last_event_id: str = "") -> Iterator[Watch]:
        """Watch one call. Raises KeyError if there is nothing to be seen of it."""
        close_up = self._close_up(call_id)
        self._watchers += 1
        stop = close_up.listening.watch()
        try:
            yield Watch(close_up, last_event_id)
        finally:
            stop()
            self._watchers -= 1
            self._left(close_up)

    @contextmanager
    def listen(self, call_id: str, listener: Listener) -> Iterator[None]:
        """Let somebody listen to a call. Raises KeyError, and ListeningFullError."""
        close_up = self._close_up(call_id)
        stop = close_up.listening.join(listener)
        try:
            yield
        finally:
            stop()
            self._left(close_up)

    def _our_id(self, call_id: str) -> str:
        call = self._calls.recent_call(call_id)
        return call_id if call is None else call.details.call_id

    def _close_up(self, call_id: str) -> CloseUp:
        """The close-up of a call, which somebody comes to use."""
        call_id = self._our_id(call_id)
        if (close_up := self._close_ups.get(call_id)) is None:
            if (call := self._calls.recent_call(call_id)) is None:
                raise KeyError(call_id)
            close_up = self._close_ups[call_id] = CloseUp(call)
        if (forgetting := self._forgetting.pop(call_id, None)) is not None:
            forgetting.cancel()
        return close_up

    def _left(self, close_up: CloseUp) -> None:
        """Somebody uses it no more: forget it in a while, unless somebody does again."""

        def forget() -> None:
            del self._close_ups[call_id], self._forgetting[call_id]

        call_id = close_up.call_id
        if not close_up.listening.used and call_id not in self._forgetting:
            self._forgetting[call_id] = asyncio.get_running_loop().call_later(REMEMBERED_S, forget)

    def _listeners(self, call: CallRunner) -> int:
        close_up = self._close_ups.get(call.details.call_id)
        return 0 if close_up is None else close_up.listening.listeners
