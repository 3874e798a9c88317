"""Responses that do not come as they were asked for: refused, overdue, stalled, failed."""

from __future__ import annotations

from collections.abc import Callable

from phoneagent.core.errors import Problem, Reaction, reaction_to, retry_after_s
from phoneagent.core.responses import Request
from phoneagent.core.state import CallState

RESPONSE_OVERDUE_S = 10.0  # a request that was not granted
RESPONSE_STALLED_S = 20.0  # a response that does not end, after what was last heard of it
STALL_CHECKED_S = 2.0
REFUSED_PAUSE_S = 0.25
MOST_RETRIES = 2
LONGEST_RETRY_S = 8.0  # nobody stays on a silent line for longer


class Failures:
    """Asks again where that may help, and gives the session up (`lose`) where it won't."""

    def __init__(self, call: CallState, lose: Callable[[Problem], None]) -> None:
        self._call = call
        self._lose = lose
        self._retries = 0

    def asked(self, now: float) -> None:
        """A response was asked for."""
        if not self._call.timers.is_set("overdue"):
            self._call.timers.set("overdue", now + RESPONSE_OVERDUE_S)

    def started(self, now: float) -> None:
        """A response has begun."""
        self._call.timers.cancel("overdue")
        self._call.timers.set("stalled", now + RESPONSE_STALLED_S)

    def ended(self) -> None:
        """A response has ended, well or not."""
        self._call.timers.cancel("stalled")

    def succeeded(self) -> None:
        """It was not a failure: what comes next has all its retries."""
        self._retries = 0

    def failed(self, problem: Problem, request: Request | None, now: float) -> None:
        """A response that was asked for by `request` has failed."""
        self._call.counters.responses_failed += 1
        delay_s = retry_after_s(problem)
        if delay_s is None:
            delay_s = 0.5 * 2**self._retries
        retriable = reaction_to(problem, otherwise=Reaction.RETRY) is Reaction.RETRY
        if not retriable or self._retries >= MOST_RETRIES or delay_s > LONGEST_RETRY_S:
            self._lose(problem)
            return
        self._retries += 1
        if request is not None:
            self._call.responses.want(request)
        self.pause(now + delay_s)

    def refused(self, now: float) -> None:
        """A request was refused because a response is active."""
        self._call.responses.refused()
        if self._call.responses.active is None:  # one that we know nothing of: not to be waited for without end
            self.pause(now + REFUSED_PAUSE_S)
        else:
            self._call.timers.cancel("overdue")

    def overdue(self, now: float) -> None:
        """Nothing came of a request."""
        self._call.responses.refused()
        self.failed(Problem("timeout", "no response was begun"), None, now)

    def stalled(self, now: float) -> None:
        """A response has not ended, and it was begun long ago: perhaps its audio is long, too."""
        due = self._call.speech.overdue_at + RESPONSE_STALLED_S
        if self._call.speech.playing or now < due:
            self._call.timers.set("stalled", max(due, now + STALL_CHECKED_S))
        else:
            self._lose(Problem("timeout", "a response was begun and never ended"))

    def pause(self, until: float) -> None:
        """Ask for nothing until then."""
        self._call.responses.paused = True
        self._call.timers.set("retry", until)

    def retry(self) -> None:
        """The pause is over."""
        self._call.responses.paused = False

    def start_over(self) -> None:
        """The session is another, or none: nothing is expected of the old one."""
        self._retries = 0
        self._call.responses.paused = False
        for timer in ("overdue", "stalled", "retry"):
            self._call.timers.cancel(timer)
