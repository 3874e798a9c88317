"""Another agent takes over the call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from phoneagent.core import events as on
from phoneagent.core.agents import Agent, Line, ToolPolicy
from phoneagent.core.commands import NOTHING, Commands, UpdateSession
from phoneagent.core.floor import Floor
from phoneagent.core.responses import ANSWER, Request
from phoneagent.core.sessions import Sessions
from phoneagent.core.state import CallState
from phoneagent.core.tooling import Tooling, tool_error

ANNOUNCED_S = 15.0  # for the caller to hear that somebody else takes over, before that happens all the same

ActFor = Callable[[Agent, Mapping[str, ToolPolicy], float], None]


class Handover:
    """Changes the agent: within the session if it has the same voice, else in a new one, once that was announced."""

    def __init__(self, call: CallState, floor: Floor, tooling: Tooling, sessions: Sessions, act_for: ActFor) -> None:
        self._call = call
        self._floor = floor
        self._tooling = tooling
        self._sessions = sessions
        self._act_for = act_for
        self._next: on.AgentChanged | None = None  # who waits for the caller to have heard of it
        self._overdue = False

    def agent_changed(self, event: on.AgentChanged, now: float) -> Commands:
        """Begin to hand over: the answer to a tool call."""
        response_id = self._tooling.response_of(event.tool_call_id)
        if response_id is None or self._next is not None:
            return self._tooling.answer(event.tool_call_id, tool_error("not_handed_over", "It is too late for that."))
        agent, before = event.agent, self._call.agent
        if (agent.voice, agent.model) == (before.voice, before.model):
            self._act_for(agent, event.tools, now)
            return UpdateSession(self._call.attending), *self._tooling.answer(
                event.tool_call_id, _result(_you_are(agent, before))
            )
        self._next, self._overdue = event, False
        self._call.timers.set("handover", now + ANNOUNCED_S)
        if self._call.speech.latest_response != response_id:  # it called the tool without a word
            announcement = f"Tell the caller in one short sentence that you are handing them over to {agent.name}."
            self._call.responses.want(Request(Line(announcement, exact=False)))
        return self._tooling.answer(event.tool_call_id, _result(f"{agent.name} takes over."), silent=True)

    def wait_no_longer(self) -> None:
        """The announcement has taken too long."""
        self._overdue = True

    def follow(self, now: float) -> Commands:
        """Let the other agent begin, if the caller has heard of it."""
        if self._next is None or not self._call.ready or not (self._call.calm or self._overdue):
            return NOTHING
        event, self._next = self._next, None
        self._call.timers.cancel("handover")
        before = self._call.agent
        commands = self._floor.cut(now) if self._floor.agent_speaks else NOTHING
        self._act_for(event.agent, event.tools, now)
        commands += self._sessions.open()
        self._call.tell("system", _you_are(event.agent, before))
        self._call.responses.drop_all()  # what the other was still to say
        self._call.responses.want(ANSWER)
        return commands


def _you_are(agent: Agent, before: Agent) -> str:
    return (
        f"You are {agent.name} now and have just taken over this call from {before.name}. "
        "Say so in a few words, and go on with what the caller wants."
    )


def _result(text: str) -> str:
    return json.dumps({"result": text})
