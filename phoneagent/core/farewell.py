"""How a call comes to its end: somebody wants it over, goodbye is said, and when that was heard the line is cut."""

from __future__ import annotations

from dataclasses import dataclass

from phoneagent.core import events as on
from phoneagent.core.agents import Line
from phoneagent.core.commands import NOTHING, Commands, EndCall, SendToolOutput
from phoneagent.core.errors import Problem
from phoneagent.core.responses import ANSWER, Request
from phoneagent.core.state import CallState
from phoneagent.core.toolcalls import ToolCalls
from phoneagent.core.tooling import CALLER_SPOKE, TAKEN_OVER

END_CALL = "end_call"
MACHINE = "answering machine"

GRACE_S = 6.0  # for the agent to answer a caller who spoke into the goodbye
FIRM_S = 15.0  # what the goodbye at the end of the longest call may take, interruptions and all
MESSAGE_S = 90.0  # what a message for an answering machine may take

_GOODBYE_SAID = "The call ends when your goodbye has been heard, unless the caller goes on talking."
_SAY_GOODBYE = "Say goodbye to the caller now, in a few words. The call then ends."


@dataclass(slots=True)
class _Reason:
    """Why the call is about to end, and what it waits for.

    `awaits` is the response that says goodbye, until that was generated; `say` is for the carrier to say, should the
    agent not come to it. A caller who speaks into the goodbye interrupts it, unless it is firm.
    """

    outcome: str
    reason: str
    say: str | None = None
    awaits: Request | None = None
    firm: bool = False
    undisturbed: bool = False
    interrupted: bool = False
    tool_call_id: str | None = None  # the agent's request to hang up, to be answered when its response ends


class Farewell:
    """The end of a call, from the moment that it is at hand."""

    def __init__(self, call: CallState, tools: ToolCalls) -> None:
        self._call = call
        self._tools = tools
        self._why: _Reason | None = None
        self._counted_since: float | None = None
        self._used_s = 0.0  # of the time that the call may last, before that
        self._used_up: str | None = None  # a limit in money

    @property
    def at_hand(self) -> bool:
        """Whether the call is about to end."""
        return self._why is not None

    @property
    def over(self) -> bool:
        """Whether goodbye is said, and the call ends when it was heard."""
        return self._why is not None and self._why.awaits is None and not self._why.interrupted

    @property
    def undisturbed(self) -> bool:
        """Whether only the last words matter, whatever is heard meanwhile."""
        return self._why is not None and self._why.undisturbed

    def awaits(self, request: Request | None) -> bool:
        """Whether a request is the one for the last words."""
        return self._why is not None and request is not None and request == self._why.awaits

    def end(self) -> EndCall | None:
        """How the call ends, if it is about to."""
        why = self._why
        return None if why is None else EndCall(why.outcome, why.reason, why.say)

    # How long the call may last

    def count_time(self, now: float) -> None:
        """Count the length of the call: caller and agent hear each other, unless an operator has it."""
        self._stop_counting(now)
        if self._call.taken_over:
            return
        self._counted_since = now
        limits = self._call.agent.limits
        end = now + limits.max_minutes * 60 - self._used_s
        if now < end:
            self._call.timers.set("limit", end)
        if now < end - limits.warn_s:
            self._call.timers.set("warning", end - limits.warn_s)
        if self._why is not None and self._why.firm and self._why.awaits is not None:
            self._call.timers.set("farewell", now + (MESSAGE_S if self._why.undisturbed else FIRM_S))
        if self._used_up is not None or now >= end:
            self.time_is_up(now)

    def agent_changed(self, now: float) -> None:
        """Count on by the limits of another agent."""
        if self._counted_since is not None and self._why is None:
            self.count_time(now)

    def caller_leaves(self, now: float) -> None:
        """Count no further, and don't end the call while the caller is gone."""
        self._stop_counting(now)
        self.withdraw()
        self._call.timers.cancel("farewell")

    def taken_over(self, now: float) -> Commands:
        """Count no further, and don't end the call while an operator has it; a limit that was reached has its goodbye
        when they hand it back."""
        why, self._why = self._why, None
        self._stop_counting(now)
        self._call.timers.cancel("farewell")
        unanswered = None if why is None else why.tool_call_id
        return NOTHING if unanswered is None else (SendToolOutput(unanswered, TAKEN_OVER),)

    def withdraw(self) -> None:
        """Go on with the call, unless its end is not the agent's or the caller's to decide."""
        if self._why is not None and not self._why.firm:
            self._why = None
            self._call.timers.cancel("farewell")

    def _stop_counting(self, now: float) -> None:
        if self._counted_since is not None:
            self._used_s += now - self._counted_since
            self._counted_since = None
        self._call.timers.cancel("limit")
        self._call.timers.cancel("warning")

    # What brings it about

    def warn(self) -> None:
        """The longest call is nearly over."""
        if self._why is None:
            self._call.responses.want(Request(self._call.agent.limits.warning))

    def money_is_used_up(self, limit: str, now: float) -> None:
        """The call may cost no more: it ends as soon as caller and agent hear each other, which may be now."""
        self._used_up = limit
        if self._counted_since is not None:
            self.count_time(now)

    def time_is_up(self, now: float) -> None:
        """The longest call is over, or the dearest."""
        if self.undisturbed:
            return
        self._call.timers.set("farewell", now + FIRM_S)
        if self._why is None or self._why.awaits is not None:
            goodbye = self._call.agent.limits.goodbye
            how = ("time_limit", "max_minutes") if self._used_up is None else ("cost_limit", self._used_up)
            self._say(_Reason(*how, goodbye.spoken, Request(goodbye), firm=True))
        else:
            self._why.firm, self._why.interrupted = True, False

    def caller_is_silent(self) -> None:
        """Nobody has said anything for too long."""
        assert self._call.agent.idle is not None
        goodbye = self._call.agent.idle.goodbye
        self._say(_Reason("caller_silent", "idle", goodbye.spoken, Request(goodbye)))

    def session_lost(self, problem: Problem) -> None:
        """The agent can't say anything any more."""
        if self._why is not None and self._why.undisturbed:
            self._why.awaits = None
        elif not self.over:
            self._why = _Reason("failed", problem.code, say=self._call.agent.apology, firm=True)

    def session_found(self) -> None:
        """Another session takes the place of one that was lost."""
        if self._why is not None and self._why.outcome == "failed":
            self._why = None

    def leave_message(self, message: str, now: float) -> None:
        """A machine listens: say this, and nothing else, and hang up."""
        if self.undisturbed:
            return
        last_words = Request(Line(message))
        self._say(_Reason("left_message", MACHINE, message, last_words, firm=True, undisturbed=True))
        self._call.timers.set("farewell", now + MESSAGE_S)

    def agent_hangs_up(self, event: on.ToolCalled) -> Commands:
        """The agent has called `end_call`."""
        if self._why is not None:
            return (SendToolOutput(event.tool_call_id, _GOODBYE_SAID),)
        if self._call.speech.is_silenced(event.response_id):
            self._tools.posted(event.response_id)
            return (SendToolOutput(event.tool_call_id, CALLER_SPOKE),)
        self._call.responses.drop_all()
        self._why = _Reason("agent_hung_up", END_CALL, awaits=ANSWER, tool_call_id=event.tool_call_id)
        # The same response may still go on to speak: whether goodbye was said shows at its end.
        return NOTHING if event.response_id == self._call.responses.active else self._answer_tool(event.response_id)

    # What happens on the way

    def response_ended(self, event: on.ResponseEnded, request: Request) -> Commands:
        """A response has ended, which may have been the goodbye. A cancelled one was perhaps never heard."""
        if self._why is None:
            return NOTHING
        if self._why.tool_call_id is not None:
            return self._answer_tool(event.response_id)
        if request == self._why.awaits:
            self._why.awaits = None
            if event.status in ("completed", "incomplete"):
                self._why.say = None
        return NOTHING

    def interrupt(self, until: float) -> None:
        """The caller speaks into the goodbye; the call ends all the same if the agent has not answered by `until`."""
        if self._why is not None and not self._why.firm:
            self._why.interrupted = True
            self._call.timers.set("farewell", until)

    def interruption_ended(self, now: float) -> None:
        """The caller has spoken."""
        if self._why is not None and self._why.interrupted:
            self._call.timers.set("farewell", now + GRACE_S)

    def caller_is_answered(self) -> None:
        """The agent answers the caller who spoke into the goodbye: the call goes on."""
        if self._why is not None and self._why.interrupted:
            self._why = None
            self._call.timers.cancel("farewell")

    def _answer_tool(self, response_id: str) -> Commands:
        assert self._why is not None
        assert self._why.tool_call_id is not None
        tool_call_id, self._why.tool_call_id = self._why.tool_call_id, None
        if self._call.speech.latest_response == response_id:
            self._why.awaits = None
            return (SendToolOutput(tool_call_id, _GOODBYE_SAID),)
        self._tools.posted(response_id)
        return (SendToolOutput(tool_call_id, _SAY_GOODBYE),)

    def _say(self, why: _Reason) -> None:
        assert why.awaits is not None
        self._why = why
        self._call.responses.drop_all()
        self._call.responses.want(why.awaits)
