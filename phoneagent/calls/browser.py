"""Calls from the console: somebody talks to an agent by the microphone of their computer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.numbers import EVERY_NUMBER
from phoneagent.calls.spending import Purse
from phoneagent.core.agents import Agent
from phoneagent.core.events import CallerWrote, HangUpRequested
from phoneagent.core.problems import FileProblem
from phoneagent.twilio.webhook import IncomingCall

if TYPE_CHECKING:
    from phoneagent.calls.answer import Switchboard

MOST_EACH = 3
"""Calls that one person may have from browsers at a time."""

LOOKED_EVERY_S = 1.0  # whether a call is over

BY_NAME = "client:"
"""What a caller or an agent without a number is called by, as Twilio does."""

Why = Literal["unknown_agent", "broken_agent", "busy", "too_many", "over_limit"]


class BrowserRefusedError(Exception):
    """A call that is not placed: `why` is a word for programs, the message a sentence for people. `problems` are those
    of the agent's text."""

    def __init__(self, why: Why, message: str, problems: Sequence[FileProblem] = ()) -> None:
        super().__init__(message)
        self.why = why
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class BrowserCall:
    """A call that waits for its media stream, which shows `token` at its `start`."""

    call_id: str
    call_sid: str
    stream_sid: str
    token: str = field(repr=False)


class BrowserPhones:
    """Places calls from browsers. They are calls like any other, but for the telephone: nobody is billed for a line,
    and nobody can be transferred from one, or be sent a text. `Switchboard.admit` gets their streams.

    Who calls is told apart by `owner`, an id that nobody else has.
    """

    def __init__(
        self, switchboard: Switchboard, agents: AgentDirectory, purse: Purse, clock: Callable[[], datetime]
    ) -> None:
        """`clock`: the wall clock, aware of its time zone."""
        self._switchboard = switchboard
        self._agents = agents
        self._purse = purse
        self._clock = clock
        self._owners: dict[str, str] = {}  # of the calls, by our ids of them

    async def dial(self, owner: str, name: str, agent_name: str, source: str | None = None) -> BrowserCall:
        """Have an agent answer a call of `name`, as that person is called on the record. `source` is the text of the
        agent's file in place of the saved one. Raises BrowserRefusedError."""
        agent = self._saved(agent_name) if source is None else await self._draft(agent_name, source)
        self._forget_ended()
        if list(self._owners.values()).count(owner) >= MOST_EACH:
            raise BrowserRefusedError("too_many", f"you have {MOST_EACH} calls from browsers already: end one first")
        if not self._switchboard.has_room():
            raise BrowserRefusedError("busy", "all lines are busy: try again when a call has ended")
        called = next((number for number in agent.numbers if number != EVERY_NUMBER), BY_NAME + agent.name)
        notice = self._purse.refusal(agent, called, self._clock())
        if notice is not None:
            raise BrowserRefusedError("over_limit", f"there is no money for this call today: {notice.limit} is used up")
        call_id, call_sid = secrets.token_hex(16), f"CA{secrets.token_hex(16)}"
        call = IncomingCall(call_sid, "", BY_NAME + name, called, "inbound")
        self._owners[call_id] = owner
        token = self._switchboard.answer_browser(call, call_id, agent).token
        return BrowserCall(call_id, call_sid, f"MZ{secrets.token_hex(16)}", token)

    def write(self, owner: str, call_id: str, text: str) -> bool:
        """Have the caller write something instead of saying it. Returns whether it is such a call of theirs, and goes
        on."""
        call = self._switchboard.live_call(call_id)
        if call is None or self._owners.get(call.details.call_id) != owner:
            return False
        call.receive(CallerWrote(text))
        return True

    async def hang_up_when(self, forbidden: Callable[[], Awaitable[None]], call_id: str) -> None:
        """End a call once its caller may no longer call, for which `forbidden` waits; wait for that, or its end."""
        may_not = asyncio.ensure_future(forbidden())
        while not may_not.done() and self._switchboard.live_call(call_id) is not None:
            await asyncio.wait([may_not], timeout=LOOKED_EVERY_S)
        may_not.cancel()
        if (call := self._switchboard.live_call(call_id)) is not None:
            call.receive(HangUpRequested("the caller may no longer call"))

    def _saved(self, name: str) -> Agent:
        agent = self._agents.by_name(name)
        if agent is None:
            raise BrowserRefusedError("unknown_agent", "there is no agent of this name")
        return agent

    async def _draft(self, name: str, source: str) -> Agent:
        try:
            draft = await asyncio.to_thread(self._agents.draft, name, source)
        except ValueError as error:
            raise BrowserRefusedError("unknown_agent", str(error)) from None
        if draft.agent is None:
            raise BrowserRefusedError("broken_agent", "this text is no agent yet", draft.problems)
        return draft.agent

    def _forget_ended(self) -> None:
        live = self._switchboard.live_call
        self._owners = {call_id: owner for call_id, owner in self._owners.items() if live(call_id) is not None}
