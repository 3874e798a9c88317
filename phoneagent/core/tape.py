"""The tape of a call: both sides on one clock, as the phone had them.

The clock is ours, at the moment at which word from the phone arrives. A caller's frame was spoken before it came; a
mark comes back when the audio behind it begins. Both ways are the same, so that what coincides at the phone coincides
on the tape. What the network delays, though, arrives late, and then in a bunch; so each piece of audio has a time at
which it had begun *at the latest*, and what comes after it may show that it had begun earlier still: it was over when
the next began. That is why the tape is settled only some seconds later, and why jitter, stalls and bursts leave no
trace on it, while a pause in which the phone sends nothing is silence.

The service's commands take effect at the phone a way later, and word of that takes another: a clear is put on the
tape one round trip after it was sent.

µ-law at 8 kHz. Times are seconds of any steadily running clock.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf

RATE = 8000
SILENCE = b"\xff"
SETTLE_S = 3.0  # how late word from the phone may be; it is as much as the leg takes at once after a stall
SLIP_S = 0.005  # a shorter gap or overlap is the network's, or a clock's: the audio goes on without a seam
CUT_EARLY_S = 0.01  # no time is known exactly: rather a little too little than anything that was not heard
DRY_SLACK_S = 0.25  # as in `playout`: when less is queued by our reckoning, the phone may have run dry
FRESH_S = 0.1  # a frame older than that bounds nothing: the phone sends none, or the network stalls
PIECE = RATE  # samples: frames that follow each other are put together, until it is so much
ROUND_TRIPS = 8  # the shortest of the last so many counts


@dataclass(slots=True)
class _Piece:
    """Audio of one side; empty for a mark."""

    audio: bytearray = field(repr=False)
    earliest: float
    latest: float = inf  # closer to the truth the more marks have come back
    told: bool = False  # word of it has come
    cut_at: float = inf
    follows: bool = True  # when it began, what was queued before it was over
    after: _Moment | None = None  # between which frames of the caller word of it came: what happened in between at
    before: _Moment | None = None  # the phone did so in between here, whatever came late
    begins: float | None = None  # settled: some of it is on the tape
    taken: int = 0  # samples of it that are

    @property
    def length_s(self) -> float:
        return len(self.audio) / RATE

    def likely(self, over_at: float) -> float:
        """When it begins if what is before it is over then: as soon as it can, unless word of it says otherwise."""
        soonest = max(over_at, self.earliest)
        if self.told and (self.after is None or soonest < self.after.time):
            return self.latest
        return min(soonest, self.latest)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment of the call that is known by what the caller said then."""

    piece: _Piece
    into_s: float

    @property
    def time(self) -> float:
        return self.piece.latest + self.into_s


class _Side:
    """One side: pieces in order, and how far they are on the tape."""

    def __init__(self, began: float) -> None:
        self.pieces: deque[_Piece] = deque()
        self._began = began
        self._done = 0  # samples on the tape
        self._over_at = -inf  # the end of the last piece that is on the tape as a whole ...
        self._cut_at = inf  # ... if it had not been cut here

    def cut(self, at: float) -> None:
        """End everything that is queued."""
        for piece in self.pieces:
            piece.cut_at = min(piece.cut_at, at)

    def take(self, end: int) -> bytes:
        """The samples up to `end`, silence where there is nothing."""
        first = self._done
        out = bytearray()
        begins = self._begins()
        while self.pieces:
            piece, at = self.pieces[0], next(begins)
            wanted = round((at - self._began) * RATE)
            heard = max(0, min(len(piece.audio), round((piece.cut_at - at) * RATE))) if piece.cut_at < inf else None
            if piece.begins is None:
                if wanted >= end:
                    break
                off = wanted - self._done
                if heard != 0 and piece.audio and abs(off) > SLIP_S * RATE:
                    out += SILENCE * off
                    self._done += max(0, off)
                    piece.taken = max(0, -off)  # a time that is on the tape already
            stop = piece.taken + end - self._done
            whole = len(piece.audio) if heard is None else heard
            more = piece.audio[piece.taken : min(whole, stop)]
            out += more
            self._done += len(more)
            if stop < whole:
                piece.begins, piece.taken = at, stop
                break
            self._over_at, self._cut_at = at + piece.length_s, piece.cut_at
            self.pieces.popleft()
        self._done = end
        return bytes(out.ljust(end - first, SILENCE))

    def _begins(self) -> Iterator[float]:
        """When each piece begins, by all that is known now."""
        self._narrow()
        over_at, cut_at = self._over_at, self._cut_at
        for piece in tuple(self.pieces):
            if piece.cut_at != cut_at:  # after a clear the phone is free
                over_at = min(over_at, cut_at)
            at = piece.begins
            if at is None:
                at = piece.likely(over_at)
            yield at
            over_at, cut_at = at + piece.length_s, piece.cut_at

    def _narrow(self) -> None:
        """Find the latest time at which each piece can have begun: it was over when the next began."""
        latest, cut_at = inf, inf
        for piece in reversed(self.pieces):
            if piece.cut_at != cut_at:  # it was not over when what was queued after the clear began
                latest, cut_at = inf, piece.cut_at
            if piece.before is not None:
                piece.latest = min(piece.latest, piece.before.time)
            piece.latest = latest = min(piece.latest, latest - piece.length_s)
            if not piece.follows:
                latest = inf


class Tape:
    """What a call sounded like: the caller left, of the agent and the music right what was *played*.

    It is told what comes from the leg and goes to it, each with the time, and in this order; `take` gives the tape
    as far as nothing can change it any more.
    """

    def __init__(self, began: float) -> None:
        """`began`: when the stream did."""
        self._began = began
        self._caller = _Side(began)
        self._agent = _Side(began)
        self._marks: dict[str, tuple[_Piece, float | None]] = {}  # and when it was sent, if it comes back at once
        self._marks_back: list[_Piece] = []  # since the last frame
        self._speech: _Piece | None = None  # the last of the caller's, which may grow
        self._words: _Piece | None = None  # the last of the agent's that may
        self._frame_came = -inf
        self._queued_until = -inf
        self._round_trips: deque[float] = deque(maxlen=ROUND_TRIPS)
        self._taken = 0
        self._pauses: deque[tuple[float, float]] = deque()

    @property
    def _round_trip_s(self) -> float:
        return min(self._round_trips, default=0.0)

    @property
    def duration_s(self) -> float:
        """How much of it was taken."""
        return self._taken / RATE

    def caller(self, audio: str, now: float) -> None:
        """A frame of the caller has come, base64."""
        self.frames(((now, audio),))

    def frames(self, frames: Iterable[tuple[float, str]]) -> None:
        """Frames of the caller have come, each at its time, base64, with nothing in between. Nearly all that a tape is
        told are these."""
        piece = self._speech
        for now, audio in frames:
            frame = a2b_base64(audio)
            began = now - len(frame) / RATE
            late_s = inf  # against what was said before, if it goes on without a gap
            if piece is not None and (said := len(piece.audio)) < PIECE:
                late_s = began - said / RATE - piece.latest
            if piece is None or late_s > SLIP_S:
                piece = self._speech = _Piece(bytearray(), earliest=began, latest=began)
                self._caller.pieces.append(piece)
            elif late_s < 0.0:
                piece.latest += late_s
            piece.audio += frame
            if self._marks_back:
                moment = _Moment(piece, piece.length_s)
                for mark in self._marks_back:
                    mark.before = moment
                self._marks_back.clear()
            self._frame_came = now

    def play(self, audio: str, now: float) -> None:
        """Audio, base64, was queued at the leg."""
        more, earliest, piece = a2b_base64(audio), now + self._round_trip_s, self._words
        if piece is not None and piece.cut_at == inf and earliest < self._queued_until:
            piece.audio += more  # there is no mark between them, nor a gap
        else:
            self._words = _Piece(bytearray(more), earliest)
            self._agent.pieces.append(self._words)
        self._queued_until = max(self._queued_until, earliest) + len(more) / RATE

    def mark(self, name: str, now: float) -> None:
        """A mark was queued."""
        piece = _Piece(bytearray(), earliest=now + self._round_trip_s)
        self._agent.pieces.append(piece)
        self._words = None
        self._marks[name] = piece, now if now > self._queued_until + DRY_SLACK_S else None

    def reached(self, name: str, now: float) -> None:
        """A mark has come back; also one that a clear gave back."""
        piece, sent = self._marks.pop(name, (None, None))
        if piece is None:
            return
        if sent is not None:
            self._round_trips.append(now - sent)
        piece.told, piece.latest = True, now
        if self._speech is not None and now - self._frame_came < FRESH_S:
            piece.after = _Moment(self._speech, self._speech.length_s)
        self._marks_back.append(piece)
        # Whether it was played or given back, what is behind it had not begun before; but only if it was played is
        # what is in front of it over.
        piece.follows = piece.cut_at == inf

    def clear(self, now: float) -> None:
        """A clear was sent."""
        self._stop(now + self._round_trip_s - CUT_EARLY_S)

    def gone(self, now: float) -> None:
        """The stream has ended: what the phone had not played by now it never will."""
        self._stop(now - CUT_EARLY_S)
        self._marks.clear()

    def pause(self, now: float) -> None:
        """Keep nothing of either side from now on; silence takes its place."""
        while self._pauses and self._pauses[-1][1] >= now:  # it may have begun before one that is over
            now = min(now, self._pauses.pop()[0])
        self._pauses.append((now, inf))

    def resume(self, now: float) -> None:
        """Keep both again."""
        if self._pauses and self._pauses[-1][1] == inf:
            self._pauses[-1] = (self._pauses[-1][0], now)

    def take(self, now: float) -> bytes:
        """What has been settled since the last time, both sides by turns, a byte each: caller, agent, caller ...

        Empty if nothing has.
        """
        return self._take(now - SETTLE_S)

    def end(self, now: float) -> bytes:
        """All the rest. Nothing may be told to the tape after this."""
        self._stop(now)
        return self._take(now)

    def _stop(self, at: float) -> None:
        self._agent.cut(at)
        self._queued_until = min(self._queued_until, at)

    def _take(self, until: float) -> bytes:
        end = round((until - self._began) * RATE)
        length = end - self._taken
        if length <= 0:
            return b""
        both = bytearray(2 * length)
        both[0::2], both[1::2] = self._caller.take(end), self._agent.take(end)
        while self._pauses:
            start, stop = (round((min(at, until) - self._began) * RATE) - self._taken for at in self._pauses[0])
            start = max(0, start)
            both[2 * start : 2 * stop] = SILENCE * (2 * (stop - start))
            if self._pauses[0][1] > until:
                break
            self._pauses.popleft()
        self._taken = end
        return bytes(both)
