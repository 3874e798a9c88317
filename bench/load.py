"""Puts calls through a server and says what they cost it, what they lost and how long everything took.

Phones and model run here, in one process, so that both ends of a call read the same clock.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bench.servers import AUTH_TOKEN, NUMBER, Server
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.load import LoadFigures, ProbeCaller, compare
from phoneagent.simulate.record import CallRecord
from phoneagent.simulate.talking_model import Talk, TalkingModel, TalkingSession

TALK = Talk(greeting_s=2.0, speak_s=5.0, every_s=4.0, delta_ms=100, speed=4.0)
"""The agent is heard nearly all the time and is interrupted every 4 s: more than a call of people asks for."""

WARM_UP_S = 2.0
SETTLE_S = 2 * TALK.every_s  # by then every call is interrupted regularly
CLOSE_WITHIN_S = 2.0
_CALLS_PER_S = 20.0  # how fast calls begin; the webhooks have latencies too
_GOLDEN = 0.618


@dataclass(slots=True)
class Figures:
    """What one run with `calls` calls through a server showed. Times in milliseconds, one per call or piece.

    `cpu_ms` is the server's processor time per second and call, `rss_kb` the memory that a call adds. `lost` are
    frames of the callers that the model did not get while it got later ones, `cut` those that were on their way
    when the caller hung up. `busy` is the share of its core that phones and model took. Times and losses are
    known of µ-law sessions only: see `simulate.probe`.
    """

    calls: int
    cpu_ms: float
    rss_kb: float
    load: LoadFigures
    lost: int
    cut: int
    failed: int
    busy: float
    open_sessions: int
    webhook_to_update_ms: list[float] = field(repr=False)
    start_to_audio_ms: list[float] = field(repr=False)


async def measure(
    server: Server, model: TalkingModel, calls: int, seconds: float, leave_out: Collection[int] = ()
) -> Figures:
    """Hold `calls` calls at the same time, and measure for `seconds` while all of them talk.

    What came through is told of all but those numbered in `leave_out`.
    """
    async with FakePhone(server.url, rng=random.Random(calls), auth_token=AUTH_TOKEN) as phone:
        await asyncio.gather(*(_call(phone, 0.0, ProbeCaller(1_000_000 + n, WARM_UP_S)) for n in range(2)))
        model.sessions.clear()
        rss_kb = server.rss_kb()
        ramp_s = calls / _CALLS_PER_S
        records = asyncio.gather(
            *(
                _call(phone, _offset_s(n), ProbeCaller(n, ramp_s + SETTLE_S + seconds + 0.5 - _offset_s(n)))
                for n in range(calls)
            )
        )
        await asyncio.sleep(ramp_s + SETTLE_S)
        began, cpu_began, own_began = time.monotonic(), server.cpu_s(), time.process_time()
        await asyncio.sleep(seconds)
        took_s = time.monotonic() - began
        cpu_s, own_s = server.cpu_s() - cpu_began, time.process_time() - own_began
        rss_kb = (server.rss_kb() - rss_kb) / calls
        ended = await records
    await _closed(model.sessions)
    open_sessions = model.open_sessions
    sent = sum(line.frames_sent for record in ended for line in record.streams)
    received, lost = sum(s.frames for s in model.sessions), sum(s.lost for s in model.sessions)
    return Figures(
        calls,
        cpu_ms=cpu_s * 1000 / took_s / calls,
        rss_kb=rss_kb,
        load=compare(
            ((n, record.line) for n, record in enumerate(ended) if record.streams and n not in leave_out),
            model.sessions,
        ),
        lost=lost,
        cut=sent - received - lost,
        busy=own_s / took_s,
        failed=sum(record.outcome != "caller hung up" for record in ended),
        open_sessions=open_sessions,
        webhook_to_update_ms=_webhook_to_update_ms(ended, model.sessions),
        start_to_audio_ms=[
            (line.playout.chunks[0].queued_at - line.began_at) * 1000
            for record in ended
            for line in record.streams
            if line.playout.chunks
        ],
    )


def _offset_s(number: int) -> float:
    """When a call begins: one after the other, and their frames spread over the 20 ms between two frames."""
    return number / _CALLS_PER_S + number * _GOLDEN % 1.0 * 0.020


async def _call(phone: FakePhone, offset_s: float, caller: ProbeCaller) -> CallRecord:
    await asyncio.sleep(offset_s)
    return await phone.connect(NUMBER, caller, record=False).ended()


async def _closed(sessions: Sequence[TalkingSession]) -> None:
    """Give the sessions the time in which all of them should be closed."""
    still_open = [session.closed for session in sessions if not session.closed.done()]
    if still_open:
        await asyncio.wait(still_open, timeout=CLOSE_WITHIN_S)


def _webhook_to_update_ms(records: Sequence[CallRecord], sessions: Sequence[TalkingSession]) -> list[float]:
    configured = {session.call: session.updated_at for session in sessions}
    return [
        (at - record.began_at) * 1000
        for number, record in enumerate(records)
        if (at := configured.get(number)) is not None
    ]
