"""The sequencer of responses: the one place that asks a session to speak, one response at a time.

Two things can be wanted: an `answer` to what the conversation holds by now (a caller's turn, tool outputs, digits),
and lines that the service wants said (greeting, prompt, warning, goodbye). Any number of wishes for an answer are
one wish. While a response is active, while one has been asked for, and while the caller speaks, wishes wait; lines
come first, so that a greeting is one and nothing follows a goodbye.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from phoneagent.core.agents import Line
from phoneagent.core.commands import NOTHING, AddMessage, Commands, RequestResponse
from phoneagent.core.wording import say_exactly


@dataclass(frozen=True, slots=True)
class Request:
    """A response that is to be asked for: a line to say, or (None) an answer to the conversation.

    `at_once`: it does not wait for the outputs of tools. `first`: the line comes before those that are not.
    """

    line: Line | None = None
    at_once: bool = field(default=False, compare=False)
    first: bool = field(default=False, compare=False)

    def commands(self) -> Commands:
        """What asks the session for it."""
        if self.line is None:
            return (RequestResponse(),)
        if self.line.exact:
            return (RequestResponse(say_exactly(self.line.text)),)
        # As a message, because a response's own instructions would replace the agent's.
        return AddMessage("system", self.line.text), RequestResponse()


ANSWER = Request()
REPLY = Request(at_once=True)  # to the caller, who has spoken


class Responses:
    """What the session generates, has been asked for, and is to be asked for."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: at the beginning, and when the session is lost."""
        self.active: str | None = None
        self.active_request: Request | None = None  # None: the session began it by itself
        self.asked: Request | None = None
        self.held = False  # the caller speaks: the session will answer that first
        self.paused = False  # a refusal or a failure asks for a moment's patience
        self._answer: Request | None = None  # that is wanted
        self._lines: deque[Request] = deque()  # those that come first in front

    @property
    def busy(self) -> bool:
        """Whether a response is being generated or has been asked for."""
        return self.active is not None or self.asked is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is going on and nothing is wanted."""
        return not (self.busy or self._answer or self._lines)

    def want(self, request: Request) -> None:
        """Have a response asked for as soon as that is allowed."""
        if request.line is not None:
            before = sum(other.first for other in self._lines) if request.first else len(self._lines)
            self._lines.insert(before, request)
        elif self._answer is None or request.at_once:
            self._answer = request

    def drop_answer(self) -> None:
        """Forget the wish for an answer: the session is about to give it anyway."""
        self._answer = None

    def drop_all(self) -> None:
        """Forget all wishes."""
        self._answer = None
        self._lines.clear()

    def forget(self, line: Line) -> None:
        """Forget the wish for a line that was not asked for yet."""
        if (request := Request(line)) in self._lines:
            self._lines.remove(request)

    def start_over(self) -> None:
        """Another session takes the place of this one: what was wanted of that is wanted of this."""
        if self.active is not None and self.active_request is None:
            self.want(REPLY)
        self.refused()
        self.active = self.active_request = None
        self.held = self.paused = False

    def next(self, *, answerable: bool = True) -> Commands:
        """Ask for the next response that is wanted, if one may be asked for now.

        A conversation that lacks the output of a tool is not `answerable`; given words can be said all the same, and
        a caller who has spoken is not kept waiting.
        """
        if self.busy or self.held or self.paused:
            return NOTHING
        line, answer = self._lines[0].line if self._lines else None, self._answer
        if not (answerable or (line and line.exact) or (answer and answer.at_once)):
            return NOTHING
        if line is not None:
            self.asked = self._lines.popleft()
        else:
            self.asked, self._answer = answer, None
        return NOTHING if self.asked is None else self.asked.commands()

    def started(self, response_id: str) -> None:
        """Note that the session generates a response, which sees all that the conversation holds by now."""
        self.active, self.active_request, self.asked = response_id, self.asked, None

    def refused(self) -> None:
        """Note that a request was refused because a response is active: it is wanted again when that ends."""
        request = self.asked or self.active_request
        if request is None:
            return
        if self.asked is None:  # what is active is not what we had asked for
            self.active_request = None
        self.asked = None
        if request.line is None:
            self.want(request)
        else:
            self._lines.appendleft(request)

    def ended(self, response_id: str) -> Request | None:
        """Note the end of a response. Returns what it had been asked for, to ask again if it failed."""
        if response_id != self.active:
            return None
        request, self.active, self.active_request = self.active_request, None, None
        return request or ANSWER
