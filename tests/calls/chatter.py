"""Conversations in which something is said all the time, and what of them is in the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import count

from phoneagent.simulate.realtime_events import Speech, Step, caller_turn_ended, response, speech_started, transcribed
from phoneagent.simulate.scripted_model import Expect, ScriptedSession, expect, session_updated
from phoneagent.store import Store
from phoneagent.store.calls import CallDetail


@dataclass
class Chatter:
    """A script by which caller and agent say a line each, every so often. No line is said twice.

    `told` are the lines that the service was told, and when (`time.monotonic`). With `quiet` set nobody says any more.
    """

    every_s: float = 0.5
    told: list[tuple[float, str]] = field(default_factory=list)
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def script(self, number: int) -> list[Expect]:
        """For `ScriptedModel`."""

        def talk(session: ScriptedSession) -> Iterable[Step]:
            self._tasks.append(asyncio.create_task(self._talk(session, number)))
            return ()

        return [expect("session.update").then(session_updated(), talk)]

    async def _talk(self, session: ScriptedSession, number: int) -> None:
        for line in count(1):
            await asyncio.wait({session.closed}, timeout=self.every_s)
            if session.closed.done() or self.quiet.is_set():
                return
            lines = [f"Line {line} of {who} {number}." for who in ("caller", "agent")]
            said, answer = f"said{line}", f"answer{line}"
            self.told += [(time.monotonic(), words) for words in lines]
            session.emit(
                speech_started(said),
                *caller_turn_ended(said),
                transcribed(lines[0], said),
                *response(Speech(lines[1], ms=200, item_id=answer), response_id=f"response{line}"),
            )

    def told_between(self, began: float, ended: float) -> set[str]:
        """The lines that the service was told in this time."""
        return {words for at, words in self.told if began <= at < ended}


async def kept(store: Store) -> list[CallDetail]:
    """All calls in the database."""
    page = await store.calls.page(limit=1000)
    found = [await store.calls.get(call.id) for call in page.calls]
    return [call for call in found if call is not None]


async def all_over(store: Store, within_s: float) -> list[CallDetail]:
    """All calls in the database, once none of them is open. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while True:
            page = await store.calls.page(limit=1000)
            if all(call.ended is not None for call in page.calls):
                return await kept(store)
            await asyncio.sleep(0.1)


def lines_of(calls: Collection[CallDetail]) -> set[str]:
    """What was said on calls, whether or not it was heard."""
    return {" ".join(f"{turn.text} {turn.unheard}".split()) for call in calls for turn in call.turns}
