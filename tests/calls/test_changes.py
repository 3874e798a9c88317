"""What watchers are sent: all that changes, once, however often they lose their connection."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from phoneagent.calls.changes import Changes, Watch


class Things:
    """A scene of a few things that change at random."""

    every_s = 1.0
    ready = True
    over = False

    def __init__(self, seed: int) -> None:
        self.changes = Changes()
        self.rng = random.Random(seed)
        self.now: dict[str, int] = {}

    def look(self) -> None:
        pass

    def happen(self) -> None:
        name = self.rng.choice("abcdef")
        self.now[name] = self.rng.randrange(3)
        self.changes.put(name, "thing", {"name": name, "is": self.now[name]})

    def snapshot(self) -> tuple[bytes, int]:
        return self.changes.event("snapshot", json.dumps(self.now).encode(), self.changes.number), self.changes.number


class Page:
    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.ids: list[str] = []
        self.snapshots = 0

    def read(self, events: bytes, at_most: int = 1_000_000) -> None:
        """Take the first of some events; the connection breaks off behind them."""
        for event in events.decode().split("\n\n")[:-1][:at_most]:
            fields: dict[str, Any] = dict(line.split(": ", 1) for line in event.splitlines())
            assert fields["id"] not in self.ids
            self.ids.append(fields["id"])
            data = json.loads(fields["data"])
            if fields["event"] == "snapshot":
                self.seen, self.snapshots = data, self.snapshots + 1
            else:
                self.seen[data["name"]] = data["is"]


@pytest.mark.parametrize("seed", range(30))
def test_nothing_is_lost_or_doubled_wherever_the_connection_breaks(seed: int):
    things, page = Things(seed), Page()
    watch = Watch(things)
    for _ in range(200):
        for _ in range(things.rng.randrange(6)):
            things.happen()
        if things.rng.random() < 0.3:
            page.read(watch.look(), at_most=things.rng.randrange(4))
            watch = Watch(things, page.ids[-1] if page.ids else "")
        else:
            page.read(watch.look())
            assert page.seen == things.now
    assert page.snapshots == 1
    numbers = [int(event_id.split("-")[1]) for event_id in page.ids]
    assert numbers == sorted(set(numbers))


def test_every_event_can_be_the_last_that_was_got():
    things, whole = Things(1), Page()
    watch = Watch(things)
    whole.read(watch.look())
    for _ in range(50):
        things.happen()
        whole.read(watch.look())
    for event_id in whole.ids:
        number = int(event_id.split("-")[1])
        rest = Page()
        rest.read(Watch(things, event_id).look())
        assert rest.snapshots == 0
        assert [int(one.split("-")[1]) > number for one in rest.ids] == [True] * len(rest.ids)
        assert rest.seen.items() <= things.now.items()
    assert rest.ids == []


def test_who_was_slow_misses_only_what_was_overtaken():
    things, slow = Things(2), Page()
    watch = Watch(things)
    slow.read(watch.look())
    for _ in range(10_000):
        things.happen()
    events = watch.look()
    assert events.count(b"\n\n") == 6
    slow.read(events)
    assert slow.seen == things.now


@pytest.mark.parametrize(
    "event_id", ["", "x", "-", "x-1", "{epoch}-", "{epoch}-7", "{epoch}--1", "{epoch}-²", "{epoch}-1 "]
)
def test_who_brings_an_id_that_is_none_of_these_is_told_everything(event_id: str):
    things, page = Things(3), Page()
    things.changes.put("a", "thing", {"name": "a", "is": 1})
    page.read(Watch(things, event_id.format(epoch=things.changes._epoch)).look())
    assert page.snapshots == 1


def test_who_was_away_while_something_was_forgotten_is_told_everything():
    things, page = Things(4), Page()
    things.happen()
    watch = Watch(things)
    page.read(watch.look())
    [name] = things.now
    for value in range(2):
        things.now[name] = value + 10
        things.changes.put(name, "thing", {"name": name, "is": value + 10})
    del things.now[name]
    things.changes.forget(name)
    page.read(watch.look())
    assert (page.seen, page.snapshots) == ({}, 2)
    assert watch.look() == b""


def test_what_passes_by_is_for_those_who_watch_right_now():
    things = Things(5)
    early = Watch(things)
    things.changes.pass_by("levels", [1])
    late = Watch(things)
    assert b"levels" in early.look()
    assert b"levels" not in late.look()
    for number in range(100):
        things.changes.pass_by("levels", number)
    assert late.look().count(b"levels") == 20
