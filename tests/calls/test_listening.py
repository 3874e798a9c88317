"""Who listens to a call and who watches it come and go independently of each other."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import dataclass, field

import pytest

from phoneagent.calls.listening import Listening
from phoneagent.calls.runner import Tap
from phoneagent.core import commands as do
from phoneagent.core import events as on

pytestmark = pytest.mark.virtual_time

SOUND = b64encode(bytes([0x20]) * 160).decode()
LONG_SOUND = b64encode(bytes([0x20]) * 160 * 50).decode()


@dataclass
class Call:
    """As much of a running call as those see who listen to it. It has gone on for 100 s."""

    tap: Tap | None = None
    over: do.EndCall | None = None
    taken_over_by: str | None = None

    @property
    def kept(self) -> Call:
        return self

    @property
    def operators(self) -> Call:
        return self

    @property
    def at_s(self) -> float:
        return 100 + asyncio.get_running_loop().time()

    def overhear(self, tap: Tap | None) -> None:
        self.tap = tap

    async def talk(self, seconds: float) -> None:
        """The caller is heard for some time."""
        for _ in range(round(seconds * 50)):
            await asyncio.sleep(0.02)
            if self.tap is not None:
                self.tap(on.CallerAudio(SOUND))


@dataclass
class Listener:
    frames: list[bytes] = field(default_factory=list)

    def hear(self, frame: bytes) -> None:
        self.frames.append(frame)

    def taken_over(self, by: str | None) -> None: ...

    def over(self) -> None: ...

    @property
    def agent(self) -> bytes:
        return b"".join(frame[160:] for frame in self.frames)


async def test_levels_begin_when_somebody_begins_to_watch_though_others_have_listened_before():
    call = Call()
    listening = Listening(call)
    listening.join(Listener())
    await call.talk(5)
    listening.watch()
    await call.talk(1)
    levels = listening.levels()
    assert levels is not None
    assert levels.at_s == pytest.approx(105, abs=0.05)
    assert len(levels.caller) == pytest.approx(10, abs=1)


async def test_levels_go_on_where_the_call_is_when_somebody_watches_again():
    call = Call()
    listening = Listening(call)
    listening.join(Listener())
    leave = listening.watch()
    await call.talk(1.05)
    leave()
    await call.talk(5)
    listening.watch()
    await call.talk(1)
    levels = listening.levels()
    assert levels is not None
    assert levels.at_s == pytest.approx(106, abs=0.1)
    assert len(levels.caller) == pytest.approx(10, abs=1)


@pytest.mark.parametrize("news", [do.ClearPlayout(), on.StreamEnded(), on.StreamStarted()])
async def test_what_the_phone_will_not_play_is_not_heard(news: do.ClearPlayout | on.StreamEnded | on.StreamStarted):
    """A stream may be followed by another without a word about its end."""
    call, listener = Call(), Listener()
    Listening(call).join(listener)
    assert call.tap is not None
    call.tap(do.PlayAudio(LONG_SOUND))
    await call.talk(0.2)
    call.tap(news)
    await call.talk(1)
    assert listener.agent.count(0x20) == pytest.approx(0.2 * 8000, abs=2 * 160)


async def test_what_nobody_hears_any_more_costs_nothing():
    call = Call()
    listening = Listening(call)
    leave, stop = listening.join(Listener()), listening.watch()
    leave()
    assert call.tap is not None
    stop()
    assert (call.tap, listening.used) == (None, False)
