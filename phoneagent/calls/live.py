"""The feed of what happens on the calls in progress, for whoever watches them. `call_id` is our id of a call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from phoneagent.calls.record import CallRecord, ToolRun
from phoneagent.calls.recording import Recorded
from phoneagent.core.records import OperatorAction
from phoneagent.core.transcript import Turn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call was answered by an agent; its stream is still to come. `telephone`: it is not from a browser."""

    call_id: str
    agent: str
    telephone: bool


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """Caller and agent can hear each other."""

    call_id: str


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The engine has a session for a call."""

    call_id: str


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The engine would begin no session for a call, or its session was dropped: `code` is the problem's."""

    call_id: str
    code: str


@dataclass(frozen=True, slots=True)
class TurnChanged:
    """A turn of the transcript is new, or more of it is known."""

    call_id: str
    turn: Turn


@dataclass(frozen=True, slots=True)
class ToolBegan:
    """A tool is run from `at_s` on, on the call's clock, with these arguments, JSON."""

    call_id: str
    tool_call_id: str
    name: str
    arguments: str = field(repr=False)
    at_s: float


@dataclass(frozen=True, slots=True)
class ToolRan:
    """A tool was run."""

    call_id: str
    run: ToolRun


@dataclass(frozen=True, slots=True)
class AgentTookOver:
    """Another agent speaks now."""

    call_id: str
    agent: str


@dataclass(frozen=True, slots=True)
class OperatorActed:
    """An operator has done something to a call, or the call is no longer theirs (`hand_back`). `by` is their name."""

    call_id: str
    action: OperatorAction
    by: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over."""

    call_id: str
    record: CallRecord


@dataclass(frozen=True, slots=True)
class CallRecorded:
    """The recording of a call that is over is finished."""

    call_id: str
    recorded: Recorded


News = (
    CallAnswered
    | StreamOpened
    | SessionOpened
    | SessionLost
    | TurnChanged
    | ToolBegan
    | ToolRan
    | AgentTookOver
    | OperatorActed
    | CallEnded
    | CallRecorded
)
Watcher = Callable[[News], None]


class Feed:
    """Tells every watcher what happens. A watcher must not wait; one that fails is left out from then on."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have `watcher` told of everything from now on. Returns what ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def tell(self, news: News) -> None:
        """Tell them all."""
        for watcher in tuple(self._watchers):
            try:
                watcher(news)
            except Exception:
                log.exception("a watcher of the live feed failed")
                self._watchers.remove(watcher)
