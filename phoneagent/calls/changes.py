"""What watchers are sent: server-sent events, encoded once for all of them."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

_PASSING_KEPT = 20  # events: what a watcher may be behind with them


def encoded(value: Any) -> bytes:
    """A value as JSON, in one line."""
    return orjson.dumps(value).replace(b"\n", b" ").replace(b"\r", b" ")  # those of a fragment; texts have none


@dataclass(frozen=True, slots=True)
class Change:
    """How something is since the `number`th change: its data, and the whole event that says so."""

    number: int
    data: bytes = field(repr=False)
    event: bytes = field(repr=False)


class Changes:
    """How each of many things is by now, in the order in which they have changed last.

    A watcher is no more than the number of the last change that it was sent. So nothing is queued for anybody; whoever
    is slow misses what has been overtaken meanwhile, and nothing else; and whoever comes back, with the id of the last
    event that they got, goes on from there.
    """

    def __init__(self) -> None:
        self.number = 0  # of the latest change
        self.passed = 0  # events in passing, so far
        self.forgotten = 0  # the number of the latest change that is not known any more
        self._epoch = secrets.token_hex(4)  # numbers of another run, or of another call, mean nothing here
        self._latest: dict[str, Change] = {}  # the latest last
        self._passing: deque[bytes] = deque(maxlen=_PASSING_KEPT)

    def __contains__(self, key: str) -> bool:
        return key in self._latest

    def put(self, key: str, kind: str, value: Any) -> None:
        """Something is like this now: an event of that kind."""
        data = encoded(value)
        if (before := self._latest.get(key)) is not None:
            if before.data == data:
                return
            del self._latest[key]
        self.number += 1
        self._latest[key] = Change(self.number, data, self.event(kind, data, self.number))

    def forget(self, key: str) -> None:
        """Say nothing of it any more; who does not know of it yet is to be told everything anew."""
        self.forgotten = max(self.forgotten, self._latest.pop(key).number)

    def data(self, key: str) -> bytes:
        """How it is. Raises KeyError."""
        return self._latest[key].data

    def since(self, number: int) -> bytes:
        """All events after that number."""
        newer: list[bytes] = []
        for change in reversed(self._latest.values()):
            if change.number <= number:
                break
            newer.append(change.event)
        return b"".join(reversed(newer))

    def event(self, kind: str, data: bytes, number: int) -> bytes:
        """An event after which somebody knows all changes up to that number."""
        return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (self._epoch.encode(), number, kind.encode(), data)

    def place(self, event_id: str) -> int | None:
        """The number of the last change that whoever got this event knows; None if it is not one of these."""
        epoch, _, number = event_id.partition("-")
        if epoch != self._epoch or not number.isdecimal() or len(number) > len(str(self.number)):
            return None
        return int(number) if int(number) <= self.number else None

    # What is worth seeing only while it is new

    def pass_by(self, kind: str, value: Any) -> None:
        """An event for those who watch right now."""
        self.passed += 1
        self._passing.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), encoded(value)))

    def passed_since(self, count: int) -> bytes:
        """Those after the first `count`."""
        newer = min(self.passed - count, len(self._passing))
        return b"".join(list(self._passing)[-newer:]) if newer else b""


class Scene(Protocol):
    """What can be watched."""

    changes: Changes
    every_s: float
    """How often it is worth looking."""

    @property
    def ready(self) -> bool:
        """Whether there is something to be seen yet."""

    @property
    def over(self) -> bool:
        """Whether nothing more will change."""

    def look(self) -> None:
        """Bring the changes up to date."""

    def snapshot(self) -> tuple[bytes, int]:
        """The event that says everything; and the number of the last change that it tells."""


class Watch:
    """One watcher of a scene."""

    def __init__(self, scene: Scene, last_event_id: str = "") -> None:
        """`last_event_id`: what they know already."""
        self._scene = scene
        self._known = scene.changes.place(last_event_id)
        self._passed = scene.changes.passed

    @property
    def every_s(self) -> float:
        """How often it is worth looking."""
        return self._scene.every_s

    @property
    def over(self) -> bool:
        """Whether they have seen everything that there will be."""
        return self._scene.over and self._known == self._scene.changes.number

    def look(self) -> bytes:
        """The events since they looked last; empty if there are none."""
        scene, changes = self._scene, self._scene.changes
        scene.look()
        if not scene.ready:
            return b""
        events = b""
        if self._known is None or self._known < changes.forgotten:
            events, self._known = scene.snapshot()
        events += changes.since(self._known) + changes.passed_since(self._passed)
        self._known, self._passed = changes.number, changes.passed
        return events
