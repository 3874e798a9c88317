"""Calls for `phoneagent simulate`: one or many at once, their results, and a report to read."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_phone import CALLER_NUMBER, FakePhone
from phoneagent.simulate.load import percentile
from phoneagent.simulate.network import Network
from phoneagent.simulate.record import CallRecord, Outcome
from phoneagent.simulate.script import Step

_SPREAD_S = 1.0  # calls "at once" begin within this time, as not even a rush does at one moment


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of a call as the phone knows it. `text` is empty for the agent, whom the phone only hears.

    `latency_ms` is how long the caller waited for this line of the agent.
    """

    at_s: float
    speaker: str
    text: str
    seconds: float
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """How one simulated call went. `latencies_ms` has the answers only, not the lines that got none."""

    call_sid: str
    outcome: Outcome
    duration_s: float
    lines: tuple[Spoken, ...]
    latencies_ms: tuple[float, ...]
    unanswered: int
    problems: tuple[str, ...]
    recording: Path | None

    @property
    def succeeded(self) -> bool:
        """Whether the agent took the call, it came to its end, and nothing was wrong on the way."""
        apologized = any(line.speaker == "carrier" for line in self.lines)
        return self.outcome not in ("failed", "dropped", "rejected") and not apologized and not self.problems


async def simulate(
    url: str,
    to: str,
    script: Sequence[Step],
    *,
    calls: int = 1,
    caller: str = CALLER_NUMBER,
    auth_token: str | None = None,
    public_url: str | None = None,
    speak: Callable[[str], bytes] | None = None,
    network: Network | None = None,
    noise: int = 0,
    recordings: Path | None = None,
    max_s: float = 600.0,
    seed: int | None = None,
    begun: Callable[[FakeCall], None] | None = None,
) -> list[CallResult]:
    """Place `calls` calls to the number `to` of the service at `url`, all with the same script, and wait for them.

    `recordings` is a folder for stereo WAV files, one per call, named by its SID. `begun` is told of each call as
    it begins. The same `seed` makes the same calls, with the same SIDs, which a service answers once only. The other
    options are those of `FakePhone` and of its `dial`. Raises ClipError.
    """
    rng = random.Random(seed)  # noqa: S311  # ids and noise, not secrets
    async with FakePhone(url, rng=rng, auth_token=auth_token, public_url=public_url, speak=speak) as phone:
        await phone.prepare(script)

        async def place(number: int) -> CallRecord:
            await asyncio.sleep(number * _SPREAD_S / calls)
            call = phone.dial(
                to,
                script,
                caller=caller,
                network=network,
                noise=noise,
                record=recordings is not None,
                max_s=max_s,
            )
            if begun is not None:
                begun(call)
            return await call.ended()

        records = await asyncio.gather(*(place(number) for number in range(calls)))
    return [result_of(record, recordings) for record in records]


def result_of(record: CallRecord, recordings: Path | None = None) -> CallResult:
    """What a call's record amounts to; its recording is written into the folder `recordings`, if there is one."""
    assert record.outcome is not None
    assert record.duration_s is not None
    recording = None
    if recordings is not None and record.streams:
        recordings.mkdir(parents=True, exist_ok=True)
        recording = recordings / f"{record.call_sid}.wav"
        record.save_recording(recording)
    latencies = record.latencies_ms
    return CallResult(
        call_sid=record.call_sid,
        outcome=record.outcome,
        duration_s=record.duration_s,
        lines=tuple(_lines(record)),
        latencies_ms=tuple(latency for latency in latencies if latency is not None),
        unanswered=latencies.count(None),
        problems=tuple(record.problems),
        recording=recording,
    )


def report(results: Sequence[CallResult]) -> RenderableType:
    """One call line by line, or many calls in a table; for `rich.print`."""
    problems = Counter(problem for result in results for problem in result.problems)
    told = [Text(f"{'' if n == 1 else f'{n} × '}{problem}", style="yellow") for problem, n in problems.items()]
    if len(results) == 1:
        [result] = results
        where = [Text(f"Recording: {result.recording}")] if result.recording else []
        end = Text(f"{result.outcome} after {result.duration_s:.1f} s", style="bold")
        return Group(_conversation(result), end, *told, *where)
    return Group(_summary(results), *told)


def _lines(record: CallRecord) -> list[Spoken]:
    latencies = dict(zip(record.answers, record.latencies_ms, strict=True))
    lines = [
        Spoken(one.began_at - record.began_at, "caller", str(one.what), one.ended_at - one.began_at)
        for one in record.caller.utterances
    ]
    for turn in record.agent_turns:
        length = turn.ended_at - turn.began_at
        lines.append(Spoken(turn.began_at - record.began_at, "agent", "", length, latencies.get(turn)))
    lines.sort(key=lambda line: line.at_s)
    end_s = record.duration_s or 0.0
    return lines + [Spoken(end_s, "carrier", text, 0.0) for text in record.said]


def _conversation(result: CallResult) -> Table:
    table = Table("at", "who", "what", "for", "waited", box=None, pad_edge=False)
    for line in result.lines:
        waited = "" if line.latency_ms is None else f"{line.latency_ms:.0f} ms"
        length = f"{line.seconds:.1f} s" if line.seconds else ""
        table.add_row(f"{line.at_s:.1f} s", line.speaker, line.text or "…", length, waited)
    return table


def _summary(results: Sequence[CallResult]) -> Table:
    latencies = [latency for result in results for latency in result.latencies_ms]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("calls", str(len(results)))
    for outcome, number in Counter(result.outcome for result in results).most_common():
        table.add_row(f"  {outcome}", str(number))
    table.add_row("without a problem", str(sum(result.succeeded for result in results)))
    table.add_row("lines without an answer", str(sum(result.unanswered for result in results)))
    if latencies:
        p50, p95 = (percentile(latencies, p) for p in (50, 95))
        table.add_row("waited for an answer", f"{p50:.0f} ms (median), {p95:.0f} ms (95 %)")
    return table
