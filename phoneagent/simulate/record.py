"""What a simulated call left behind: how it ended, who was heard when, how long the caller waited, a recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from phoneagent.simulate.audio import lay_out, write_stereo_wav
from phoneagent.simulate.caller import CallerSide
from phoneagent.simulate.line import PhoneLine
from phoneagent.simulate.playout import Chunk

Outcome = Literal["caller hung up", "agent hung up", "dropped", "transferred", "rejected", "not answered", "failed"]
Kind = Literal["stream", "people", "music", "ringing", "carrier", "silence"]

_PAUSE_S = 0.3  # a shorter silence is a pause within one turn


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of the agent's speech, as it was played."""

    began_at: float
    ended_at: float


@dataclass(slots=True)
class Company:
    """A time of a call in which its party heard the same: `people` are other calls, named by the `numbers` there."""

    kind: Kind
    numbers: tuple[str, ...]
    began_at: float
    ended_at: float | None = None


@dataclass(slots=True)
class CallRecord:
    """A call, from the webhook to its end; it grows while the call is running. Times are of the phone's clock.

    `streams` holds one line for each media stream of the call, mostly one. `said` is what the carrier's own
    voice said (<Say>), `dialled` whom the call was transferred to, `requests` the webhooks with their HTTP
    status, and `problems` what a caller would complain about or Twilio's debugger would show.

    `statuses` are those of Twilio's call with their times, `documents` the TwiML that it ran, `played` the sound
    files and `digits_heard` the keys of <Play>; `company` tells, without gaps, what the party was listening to.
    """

    call_sid: str
    caller: CallerSide
    began_at: float
    outcome: Outcome | None = None
    ended_at: float | None = None
    streams: list[PhoneLine] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    dialled: tuple[str, ...] = ()
    requests: list[tuple[str, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    statuses: list[tuple[float, str]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    digits_heard: list[str] = field(default_factory=list)
    company: list[Company] = field(default_factory=list)

    @property
    def status(self) -> str:
        """Twilio's word for how the call stands."""
        return self.statuses[-1][1] if self.statuses else "queued"

    @property
    def hearing(self) -> tuple[str, ...]:
        """What the party is listening to right now: a kind of `Company`, and with people their numbers."""
        if not self.company or self.company[-1].ended_at is not None:
            return ()
        return self.company[-1].kind, *self.company[-1].numbers

    @property
    def line(self) -> PhoneLine:
        """The latest media stream; an error if the call never had one."""
        if not self.streams:
            raise LookupError(f"the call has no media stream; its problems: {self.problems or 'none'}")
        return self.streams[-1]

    @property
    def duration_s(self) -> float | None:
        """From dialling to the end, once there is one."""
        return None if self.ended_at is None else self.ended_at - self.began_at

    @property
    def agent_turns(self) -> list[Heard]:
        """What was heard of the agent, in stretches without a pause of more than 0.3 s."""
        return [turn for stream in self.streams for turn in agent_turns(stream.playout.chunks)]

    @property
    def answers(self) -> list[Heard | None]:
        """For each thing the caller said: the first turn of the agent that began after it.

        None where the agent did not answer before the caller spoke again, or was still speaking on.
        """
        said, turns = self.caller.utterances, self.agent_turns
        ends = [one.began_at for one in said[1:]] + [float("inf")]
        return [
            next((turn for turn in turns if one.ended_at <= turn.began_at <= end), None)
            for one, end in zip(said, ends, strict=False)
        ]

    @property
    def latencies_ms(self) -> list[float | None]:
        """For each thing the caller said: from the end of the speech to the first agent audio *played* after it.

        None where there is none in `answers`.
        """
        return [
            None if answer is None else (answer.began_at - one.ended_at) * 1000
            for one, answer in zip(self.caller.utterances, self.answers, strict=True)
        ]

    def save_recording(self, path: Path) -> None:
        """Write a stereo WAV: the caller left, what was played of the agent right, silence where there was none."""
        if not self.streams:
            return
        began_at = self.streams[0].began_at
        tracks = [(stream.began_at, *stream.tracks()) for stream in self.streams]
        left = lay_out(((at, caller) for at, caller, _ in tracks), began_at)
        right = lay_out(((at, agent) for at, _, agent in tracks), began_at)
        write_stereo_wav(path, left, right)


def agent_turns(chunks: Iterable[Chunk]) -> list[Heard]:
    """The stretches of played audio that no pause of more than 0.3 s divides."""
    turns: list[Heard] = []
    for chunk in chunks:
        if not chunk.length:
            continue
        if turns and chunk.begins_at - turns[-1].ended_at <= _PAUSE_S:
            turns[-1] = Heard(turns[-1].began_at, chunk.ends_at)
        else:
            turns.append(Heard(chunk.begins_at, chunk.ends_at))
    return turns
