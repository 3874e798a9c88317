"""The playout clock: how much of the agent's speech the caller has heard.

The leg takes audio faster than it plays it, and says only one thing about the playing: it returns a mark when
everything queued before that mark was played. So a mark goes out *in front of* audio, and its return says that
this audio has begun. Between two marks the clock runs with the time; it never passes a mark that has not come
back, nor the end of what was sent. That makes `heard_ms` a lower bound of what the caller heard, late by the
way back of a mark.

Positions are milliseconds of one track of everything queued since the last clear.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# A further mark within long speech bounds what a lost or late one can cost; each costs as much as a frame, both ways.
MARK_EVERY_MS = 250.0
# The leg may have run dry already when less than this is left by our reckoning: the network's jitter.
DRY_SLACK_S = 0.25


@dataclass(slots=True)
class _Clip:
    """A stretch of the track that belongs to one turn."""

    response_id: str
    turn_id: str
    start_ms: float
    end_ms: float
    complete: bool = False
    begun: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    position_ms: float
    restarts: bool  # the leg may have stood still before this mark, so earlier ones say nothing about it


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a turn was heard: `heard_ms` of the `received_ms` of its audio. `complete`: no more is to come."""

    response_id: str
    turn_id: str
    heard_ms: float
    received_ms: float
    complete: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What a returned mark tells: the turn that the caller now begins to hear, and those heard to their end."""

    begun: str | None = None
    heard_out: tuple[str, ...] = ()


NO_PROGRESS = Progress()


class Playout:
    """What is queued at the leg, and how much of it was heard."""

    def __init__(self) -> None:
        self._marks_sent = 0
        self._clips: deque[_Clip] = deque()
        self._marks: deque[_Mark] = deque()
        self._sent_ms = 0.0
        self._marked_ms = -1.0
        self._known_ms = 0.0  # position of the last mark that came back
        self._track_began: float | None = None  # when position 0 would have been played
        self.dry_at = 0.0  # the earliest time at which the leg can have played everything

    @property
    def playing(self) -> bool:
        """Whether audio was sent that is not known to have been heard."""
        return self._known_ms < self._sent_ms

    def position_ms(self, now: float) -> float:
        """How far into the track the caller has heard, at least."""
        known = self._known_ms
        if self._track_began is None:
            return known
        limit = self._marks[0].position_ms if self._marks else self._sent_ms
        return max(known, min((now - self._track_began) * 1000.0, limit))

    def add(self, response_id: str, turn_id: str, ms: float, now: float) -> str | None:
        """Count audio that is about to be queued. Returns the mark to queue in front of it, if any."""
        maybe_dry = now > self.dry_at - DRY_SLACK_S
        mark = None
        if maybe_dry or self._sent_ms - self._marked_ms >= MARK_EVERY_MS:
            mark = self._mark(restarts=maybe_dry)
        last = self._clips[-1] if self._clips else None
        end_ms = self._sent_ms + ms
        if last is not None and last.turn_id == turn_id:
            last.end_ms = end_ms
        else:
            self._clips.append(_Clip(response_id, turn_id, self._sent_ms, end_ms))
        self._sent_ms = end_ms
        self.dry_at = max(self.dry_at, now) + ms / 1000.0
        return mark

    def holds(self, response_id: str) -> bool:
        """Whether a turn of a response is not known to have been heard to its end."""
        return any(clip.response_id == response_id for clip in self._clips)

    def open_turns(self, response_id: str) -> tuple[str, ...]:
        """The turns of a response of which more may come."""
        clips = (clip for clip in self._clips if clip.response_id == response_id and not clip.complete)
        return tuple(dict.fromkeys(clip.turn_id for clip in clips))

    def complete(self, turn_id: str) -> str | None:
        """Note that a turn has all its audio. Returns the mark that will tell its end, if it has any audio."""
        clips = [clip for clip in self._clips if clip.turn_id == turn_id and not clip.complete]
        for clip in clips:
            clip.complete = True
        return self._mark(restarts=False) if clips else None

    def mark_reached(self, name: str, now: float) -> Progress:
        """Take a returned mark into account; one that a clear gave back, or a second time, tells nothing."""
        if not any(mark.name == name for mark in self._marks):
            return NO_PROGRESS
        while (mark := self._marks.popleft()).name != name:
            pass
        return self._reached(mark, now)

    def assume_played(self, now: float) -> Progress:
        """Give up on marks that never come back: everything sent counts as heard."""
        self._marks.clear()
        return self._reached(_Mark("", self._sent_ms, restarts=True), now)

    def heard(self, now: float) -> tuple[Heard, ...]:
        """How far each unfinished turn was heard, in their order."""
        position = self.position_ms(now)
        turns: dict[str, Heard] = {}
        for clip in self._clips:
            before = turns.get(clip.turn_id)
            length = clip.end_ms - clip.start_ms
            heard = min(max(position - clip.start_ms, 0.0), length)
            turns[clip.turn_id] = Heard(
                clip.response_id,
                clip.turn_id,
                heard + (before.heard_ms if before else 0.0),
                length + (before.received_ms if before else 0.0),
                clip.complete,
            )
        return tuple(turns.values())

    def stop(self, now: float) -> tuple[Heard, ...]:
        """Forget everything queued, because it is being cleared. Returns how far each unfinished turn was heard."""
        heard = self.heard(now)
        self._clips.clear()
        self._marks.clear()
        self._sent_ms = self._known_ms = 0.0
        self._marked_ms = -1.0
        self._track_began = None
        self.dry_at = now
        return heard

    def _mark(self, *, restarts: bool) -> str:
        self._marks_sent += 1
        name = str(self._marks_sent)  # never used again, so that a mark from before a clear is known for one
        self._marks.append(_Mark(name, self._sent_ms, restarts))
        self._marked_ms = self._sent_ms
        return name

    def _reached(self, mark: _Mark, now: float) -> Progress:
        began = now - mark.position_ms / 1000.0
        if mark.restarts or self._track_began is None:
            self._track_began = began
        else:  # the least delayed mark since the leg last stood still tells the time best
            self._track_began = min(self._track_began, began)
        self._known_ms = mark.position_ms
        heard_out: list[str] = []
        while self._clips and self._clips[0].complete and self._clips[0].end_ms <= mark.position_ms:
            heard_out.append(self._clips.popleft().turn_id)
        begun = None
        if self._clips and not self._clips[0].begun and self._clips[0].start_ms <= mark.position_ms:
            self._clips[0].begun = True
            begun = self._clips[0].turn_id
        if begun is None and not heard_out:
            return NO_PROGRESS
        return Progress(begun, tuple(heard_out))
