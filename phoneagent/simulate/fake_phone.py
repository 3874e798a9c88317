"""A phone that calls the service as Twilio does: signed webhook, TwiML, signed upgrade, media stream."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from phoneagent.simulate.audio import Clip, ClipError, comfort_noise, read_wav
from phoneagent.simulate.caller import Caller, CallerSide
from phoneagent.simulate.carrier import Carrier
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.network import Network
from phoneagent.simulate.party import Handset
from phoneagent.simulate.script import Interrupt, Say, Step
from phoneagent.simulate.twiml import Next

CALLER_NUMBER = "+15550199"

Begin = Callable[[Handset, str, str, Mapping[str, str]], FakeCall]  # the telephone, to, from, more fields


class FakePhone:
    """Places calls to the service at `url` (its origin, such as http://127.0.0.1:8000).

    An async context manager: what is still on the line when it ends is dropped.

    `auth_token` signs as Twilio does; without one nothing is signed. Where the service is configured with
    another `public_url`, that is what gets signed and what stands in its TwiML, but `url` is what is
    dialled. `speak` turns a text into µ-law audio at 8 kHz, for scripts with texts in them. `rng` makes the
    calls' ids, noise and jitter: the same seed makes the same calls. `begin` begins the calls in another way,
    which is how a fake Twilio takes part in them.
    """

    def __init__(
        self,
        url: str,
        *,
        rng: random.Random,
        auth_token: str | None = None,
        public_url: str | None = None,
        speak: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
        begin: Begin | None = None,
    ) -> None:
        self._begin = begin or self._begin_call
        self._carrier = Carrier(url, public_url or url, auth_token)
        self._rng = rng
        self._speak = speak
        self._clock = clock  # not the event loop's: uvloop's is rounded to milliseconds
        self._clips: dict[str | Path, Clip] = {}
        self._account_sid = f"AC{rng.getrandbits(128):032x}"
        self._running: list[FakeCall] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop what is still on the line."""
        for call in self._running:
            call.abandon()
        await asyncio.gather(*(call.ended() for call in self._running))
        await self._carrier.close()

    async def prepare(self, script: Iterable[Step]) -> None:
        """Read or synthesise everything that a script says, so that no call has to wait for it.

        Raises ClipError: an unreadable file, or a text without a voice.
        """
        for step in script:
            if isinstance(step, Say | Interrupt) and step.what not in self._clips:
                self._clips[step.what] = await asyncio.to_thread(self._clip, step.what)

    def dial(
        self,
        to: str,
        script: Iterable[Step],
        *,
        caller: str = CALLER_NUMBER,
        fields: Mapping[str, str] | None = None,
        network: Network | None = None,
        noise: int = 0,
        record: bool = True,
        max_s: float = 600.0,
    ) -> FakeCall:
        """Begin a call that follows a script; `await call.ended()` brings its record.

        `fields` are added to those of the webhook. `network` delays the stream's messages both ways.
        `noise` is the level of the comfort noise between the caller's words (root mean square, of 32767).
        `max_s` is how long the caller stays on the line at most. Raises ClipError for words that are
        neither prepared nor a file or text that can be made into audio.
        """
        side = self.caller(script, noise)
        return self.connect(to, side, caller=caller, fields=fields, network=network, record=record, max_s=max_s)

    def caller(self, script: Iterable[Step], noise: int = 0) -> Caller:
        """Somebody who follows a script, to hold this phone or another one. Raises ClipError, as `dial` does."""
        steps = tuple(script)
        for step in steps:
            if isinstance(step, Say | Interrupt) and step.what not in self._clips:
                self._clips[step.what] = self._clip(step.what)
        return Caller(steps, self._clips.__getitem__, comfort_noise(noise, self._rng))

    def connect(
        self,
        to: str,
        side: CallerSide,
        *,
        caller: str = CALLER_NUMBER,
        fields: Mapping[str, str] | None = None,
        network: Network | None = None,
        record: bool = True,
        max_s: float = 600.0,
    ) -> FakeCall:
        """Begin a call in which `side`, whatever it is, holds the phone. Otherwise as `dial`."""
        call = self._begin(Handset(side, network, record, max_s), to, caller, fields or {})
        self._running = [one for one in self._running if one.record.ended_at is None] + [call]
        return call

    def _begin_call(self, handset: Handset, to: str, caller: str, fields: Mapping[str, str]) -> FakeCall:
        return FakeCall(
            self._carrier,
            handset,
            to=to,
            from_=caller,
            account_sid=self._account_sid,
            first=Next(self._carrier.public("/incoming")),
            rng=random.Random(self._rng.getrandbits(64)),  # noqa: S311  # its own: calls run side by side
            clock=self._clock,
            fields=fields,
        )

    def _clip(self, what: str | Path) -> Clip:
        if isinstance(what, Path):
            return Clip.of(read_wav(what))
        if self._speak is None:
            raise ClipError(f"no voice to say {what!r} with: give a WAV file, or install phoneagent[local]")
        return Clip.of(self._speak(what))
