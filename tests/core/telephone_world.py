"""A caller's line, a person's line and the carrier between them, as random as the telephone is. In its own time.

It knows nothing of the service but its webhooks (`Service`), and the service nothing of it but the requests of the REST
API. Documents are words: "stream", "call", "room", "wait", "keys", "end" for the caller, "brief", "room" and "end" for
the person.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Later = Callable[[float, Callable[[], None]], object]


class Service(Protocol):
    def caller_asks(self, redirect: str) -> str: ...
    def dial_ended(self, status: str) -> str: ...
    def human_answered(self) -> str: ...
    def human_said(self, said: str) -> str: ...
    def human_status(self, status: str) -> None: ...
    def room_changed(self, who: str, event: str) -> None: ...
    def machine(self) -> None: ...
    def stream_started(self) -> None: ...
    def stream_ended(self) -> None: ...
    def caller_over(self) -> None: ...


@dataclass
class Chances:
    """How likely each thing is that need not happen."""

    rest_fails: float = 0.15  # of each of two ways: before the effect, after it
    refused: float = 0.03
    lost: float = 0.05  # a callback
    twice: float = 0.1
    caller_hangs_up: float = 0.3
    status_configured: float = 0.5  # whether the carrier tells of the end of the caller's call


@dataclass
class World:
    chance: random.Random
    later: Later
    now: Callable[[], float]
    chances: Chances = field(default_factory=Chances)
    timeout_s: int = 20
    limit_s: int = 60
    caller: str = "stream"  # asking, stream, call, talk, room, met, wait, keys, gone
    human: str = "none"  # none, ringing, briefing, entering, room, met, talk, gone
    line: int = 0  # counts what the caller's line does: what belongs to an earlier document is void
    humans_met: int = 0
    dialled: int = 0
    hung_up_on: bool = False  # the caller, by us
    silent_s: float = 0.0  # the longest time in which the caller hears nothing
    music_s: float = 0.0  # or waits for the person in the room
    _since: float = 0.0

    def begin(self, service: Service) -> None:
        self.service = service
        self.tells_status = self.chance.random() < self.chances.status_configured
        if self.chance.random() < self.chances.caller_hangs_up:
            self.later(self.chance.uniform(0, 60), self.caller_hangs_up)

    # REST

    def _rest(self, effect: Callable[[], bool], done: Callable[[str], None]) -> None:
        """`effect` says whether there was something to do. `done` gets ok, gone, refused or unsure."""
        luck = self.chance.random()
        fails = self.chances.rest_fails
        if luck < self.chances.refused:
            self.later(self._delay(), lambda: done("refused"))
        elif luck < self.chances.refused + fails:  # before the effect
            self.later(10, lambda: done("unsure"))
        elif luck < self.chances.refused + 2 * fails:  # after it, which may take its time
            self.later(self.chance.choice([self._delay(), self.chance.uniform(0, 9.9)]), effect)
            self.later(10, lambda: done("unsure"))
        else:
            self.later(self._delay(), lambda: self._answer(effect, done))

    def _answer(self, effect: Callable[[], bool], done: Callable[[str], None]) -> None:
        found = effect()
        self.later(self._delay(), lambda: done("ok" if found else "gone"))

    def redirect(self, tag: str, done: Callable[[str], None]) -> None:
        def effect() -> bool:
            if self.caller != "gone":
                self._leave()
                self._place("asking")
                self._webhook(lambda: self._follow(self.service.caller_asks(tag)))
            return self.caller != "gone"

        self._rest(effect, done)

    def dial(self, done: Callable[[str], None]) -> None:
        def effect() -> bool:
            self.dialled += 1
            self._ring(self._human_answers)
            return True

        self._rest(effect, done)

    def dismiss(self, done: Callable[[str], None]) -> None:
        def effect() -> bool:
            here = self.human not in ("none", "gone")
            if here:
                self._human_goes("completed")
            return here

        self._rest(effect, done)

    def check(self, done: Callable[[str], None]) -> None:
        found: list[str] = []
        self._rest(
            lambda: bool(found.append("gone" if self.caller == "gone" else "here")) or True,
            lambda came: done(found[0] if came == "ok" else came),
        )

    def hang_up(self, done: Callable[[str], None]) -> None:
        def effect() -> bool:
            self.hung_up_on = self.caller != "gone"
            self.caller_hangs_up()
            return True

        self._rest(effect, done)

    # The caller's line

    def caller_hangs_up(self) -> None:
        if self.caller == "gone":
            return
        self._leave()
        self._place("gone")
        if self.tells_status:
            self._callback(self.service.caller_over)

    def _follow(self, document: str) -> None:
        self._place(document)
        match document:
            case "stream":
                self.service.stream_started()
            case "keys":
                self._unless_moved(1.0, lambda: self._follow("stream"))
            case "wait":
                self._unless_moved(1.0, lambda: self._ask(""))
            case "call":
                assert self.human in ("none", "gone"), "nobody is called twice"
                self.dialled += 1
                self._ring(self._talk)
            case "room":
                self._callback(lambda: self.service.room_changed("caller", "join"))
                if self.human == "room":
                    self._meet()
            case "end":
                self.hung_up_on = True
                self._place("gone")
            case _:
                raise AssertionError(document)

    def _ask(self, tag: str) -> None:
        self._place("asking")
        self._webhook(lambda: self._follow(self.service.caller_asks(tag)))

    def _ask_after_dial(self, status: str) -> None:
        self._place("asking")
        self._webhook(lambda: self._follow(self.service.dial_ended(status)))

    def _leave(self) -> None:
        """What the caller's line did is broken off."""
        before = self.caller
        self._place("asking")
        match before:
            case "stream":
                self.service.stream_ended()
            case "call" | "talk":
                self._human_goes("completed" if before == "talk" else "canceled")
            case "room" | "met":
                self._callback(lambda: self.service.room_changed("caller", "leave"))
                if before == "met":  # it ends for both
                    self._human_goes("completed")

    def _place(self, place: str) -> None:
        waited_s = self.now() - self._since
        if self.caller in ("wait", "asking"):
            self.silent_s = max(self.silent_s, waited_s)
        elif self.caller == "room":
            self.music_s = max(self.music_s, waited_s)
        if (self.caller in ("wait", "asking")) != (place in ("wait", "asking")) or place == "room":
            self._since = self.now()
        self.caller = place
        self.line += 1

    def _unless_moved(self, seconds: float, go_on: Callable[[], None]) -> None:
        line = self.line
        self.later(seconds, lambda: go_on() if self.line == line else None)

    def _webhook(self, ask: Callable[[], None]) -> None:
        """Asked at once, or after the connection was lost once; the answer counts if nothing has happened meanwhile."""
        self._unless_moved(self._delay(), ask)

    # The person's line

    def _ring(self, answered: Callable[[], None]) -> None:
        self.human = "ringing"
        outcome = self.chance.choice(["answers"] * 5 + ["busy", "failed", "no-answer"])
        after = self.timeout_s if outcome == "no-answer" else self.chance.uniform(0, 25)
        if after > self.timeout_s:
            outcome, after = "no-answer", self.timeout_s

        def go_on() -> None:
            if self.human == "ringing":
                answered() if outcome == "answers" else self._human_goes(outcome)

        self.later(after, go_on)

    def _talk(self) -> None:
        """A cold transfer is answered."""
        assert self.caller == "call"
        self.human = "talk"
        self.humans_met += 1
        self._place("talk")
        self._callback(lambda: self.service.human_status("in-progress"))
        self.later(self.chance.uniform(0, self.limit_s), lambda: self._human_goes("completed"))

    def _human_answers(self) -> None:
        self.human = "briefing"
        if self.chance.random() < 0.2:
            self._callback(self.service.machine)
        if self.chance.random() < 0.2:
            self.later(self.chance.uniform(0, 12), lambda: self._human_goes("completed"))
        self.later(self._delay(), lambda: self._human_follows(self.service.human_answered()))

    def _human_follows(self, document: str) -> None:
        if self.human == "gone":
            return
        match document:
            case "brief":
                said = self.chance.choice(["accepted"] * 4 + ["refused", "unclear"])
                self.later(self.chance.uniform(0, 8), lambda: self._human_says(said))
            case "room":
                self.human = "room"
                self._callback(lambda: self.service.room_changed("human", "join"))
                if self.caller == "room":
                    self._meet()
                self.later(self.chance.uniform(0, self.limit_s), lambda: self._human_goes("completed"))
            case "end":
                self.later(1.0, lambda: self._human_goes("completed"))

    def _human_says(self, said: str) -> None:
        if self.human == "briefing":
            self._human_follows(self.service.human_said(said))

    def _meet(self) -> None:
        self.human = "met"
        self.humans_met += 1
        self._place("met")
        self._unless_moved(self.limit_s, lambda: self._ask_after_dial("answered"))

    def _human_goes(self, status: str) -> None:
        before, self.human = self.human, "gone"
        if before == "gone":
            return
        self._callback(lambda: self.service.human_status(status))
        if before in ("room", "met"):
            self._callback(lambda: self.service.room_changed("human", "leave"))
        if (before, self.caller) in (("met", "met"), ("talk", "talk")):
            self._ask_after_dial("completed" if before == "talk" else "answered")
        elif before == "ringing" and self.caller == "call":
            self._ask_after_dial(status)

    # Callbacks

    def _delay(self) -> float:
        return self.chance.uniform(0.01, 0.5)

    def _callback(self, tell: Callable[[], None]) -> None:
        if self.chance.random() < self.chances.lost:
            return
        for _ in range(2 if self.chance.random() < self.chances.twice else 1):
            self.later(self.chance.expovariate(2.0), tell)
