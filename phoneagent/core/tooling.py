"""What becomes of the tools that the model calls: run now, later, once, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import ToolPolicy
from phoneagent.core.commands import NOTHING, Commands
from phoneagent.core.confirmations import Confirmations, Deed, deed
from phoneagent.core.history import tool_result
from phoneagent.core.responses import ANSWER
from phoneagent.core.state import CallState
from phoneagent.core.toolcalls import ToolCalls

LAST_WORD_S = 15.0  # for the caller to hear the agent's last word, before a tool that waits for it runs all the same
REMOTE_TOOL_S = 30.0  # for the engine's service to run a tool; nobody else would notice that it never comes back


def tool_error(kind: str, message: str) -> str:
    """The output of a tool call that came to nothing, as the toolbox writes them."""
    return json.dumps({"error": kind, "message": message})


_READ_BACK = (
    "Nothing was done yet. Read the details back to the caller and wait for their answer. "
    "If it is yes, call this again with the same arguments."
)
_CONFIRM = tool_error("not_confirmed", _READ_BACK)
CALLER_SPOKE = tool_error(
    "caller_spoke",
    "The caller spoke first, so nothing was done. Answer them, and call this again if it is still wanted.",
)
_CANCELLED = tool_error("cancelled", "It was stopped because the caller spoke. It may or may not have been done.")
_AWAY = "The caller is not on the line, so nothing was done."
_TAKEN_OVER = "A colleague talks to the caller now, so nothing was done."
_GIVEN_UP = tool_error("cancelled", "It was stopped because you end the call. It may or may not have been done.")
TAKEN_OVER = tool_error("taken_over", _TAKEN_OVER)
_CALLER_AWAY = tool_error("caller_away", _AWAY)
_SESSION_GONE = tool_error("not_done", "The conversation moved on to another session first, so nothing was done.")
_NOT_ALLOWED = "You are not allowed to use this tool."


@dataclass(slots=True, eq=False)
class _Run:
    """One tool call. `output` is None until it is done; `shared_by` are calls that get the same output."""

    tool_call_id: str
    response_id: str
    name: str
    arguments: str
    policy: ToolPolicy
    deed: Deed
    held_until: float | None = None
    began: float | None = None
    output: str | None = None
    ran: bool = True
    of_earlier_session: bool = False
    shared_by: list[_Run] = field(default_factory=list)


class Tooling:
    """Runs the model's tool calls as the agent's policies say, and tells the model what came of them.

    `policies` are those of the agent's tools by name; one without has the default.
    """

    def __init__(self, call: CallState, calls: ToolCalls, policies: Mapping[str, ToolPolicy]) -> None:
        self.policies = policies
        self._call = call
        self._calls = calls
        self._runs: dict[str, _Run] = {}
        self._open: dict[str, _Run] = {}  # of these, those that have no output yet
        self._deeds: dict[Deed, _Run] = {}  # with side effects: what was done in this call, or is being done
        self._remote: dict[str, float] = {}  # tool calls of the engine's service, and when they are given up
        self._confirmations = Confirmations()

    @property
    def waited_for(self) -> bool:
        """Whether a tool runs that an earlier session or this one asked for."""
        return bool(self._open)

    def running(self) -> Iterator[tuple[str, ToolPolicy, float]]:
        """The calls of this session that run now, with their policies and since when."""
        for run in self._open.values():
            if run.began is not None and not run.of_earlier_session:
                yield run.tool_call_id, run.policy, run.began

    @property
    def endless(self) -> bool:
        """Whether a tool runs that takes as long as it takes, such as a transfer."""
        return any(run.began is not None and run.policy.timeout_s == inf for run in self._open.values())

    def response_of(self, tool_call_id: str) -> str | None:
        """The response that made a call of this session which runs now, or None."""
        run = self._open.get(tool_call_id)
        return None if run is None or run.began is None or run.of_earlier_session else run.response_id

    # What the model and its service want

    def called(self, event: on.ToolCalled, now: float) -> Commands:
        """Take note of a tool call; the same one is never run twice."""
        if (known := self._runs.get(event.tool_call_id)) is not None:
            return self._repeat(known, event.response_id)
        policy = self.policies.get(event.name, ToolPolicy())
        wanted = deed(event.name, event.arguments)
        run = _Run(event.tool_call_id, event.response_id, event.name, event.arguments, policy, wanted)
        self._runs[run.tool_call_id] = self._open[run.tool_call_id] = run
        self._calls.begin(run.tool_call_id, run.response_id)
        if self._call.away or self._call.deaf:
            return self._done(run, _CALLER_AWAY, ran=False)
        if self._call.taken_over:
            return self._done(run, TAKEN_OVER, ran=False)
        if (policy.after_speech or policy.side_effects) and self._call.speech.is_silenced(event.response_id):
            return self._done(run, CALLER_SPOKE, ran=False)
        if (first := self._deeds.get(wanted)) is not None:
            if first.output is None:
                first.shared_by.append(run)
                return NOTHING
            if first.ran:
                return self._done(run, first.output, ran=False)
        if policy.confirm and not self._confirmations.granted(wanted):
            return self._done(run, _CONFIRM, ran=False)
        if policy.side_effects:
            self._deeds[wanted] = run
        if policy.after_speech:
            run.held_until = now + LAST_WORD_S
            self._wake_in_time()
            return NOTHING
        return self._run(run, now)

    def approval_requested(self, event: on.ApprovalRequested) -> Commands:
        """Decide on a tool that the engine's service would run."""
        if not self._call.ready:
            return NOTHING
        policy = self.policies.get(event.name)
        reason = None
        if policy is None:
            reason = _NOT_ALLOWED
        elif self._call.away or self._call.deaf:
            reason = _AWAY
        elif self._call.taken_over:
            reason = _TAKEN_OVER
        elif policy.confirm and not self._confirmations.granted(deed(event.name, event.arguments)):
            reason = _READ_BACK
        if reason is not None:
            self._call.responses.want(ANSWER)  # the service does not go on by itself
        return (do.AnswerApproval(event.request_id, reason is None, reason),)

    def remote_started(self, event: on.RemoteToolStarted, now: float) -> None:
        """The engine's service runs a tool."""
        self._calls.begin(event.tool_call_id, event.response_id)
        self._remote[event.tool_call_id] = now + REMOTE_TOOL_S
        self._wake_in_time()

    def remote_ended(self, event: on.RemoteToolEnded) -> None:
        """It has run it: the model is to speak of it like of any other."""
        if self._remote.pop(event.tool_call_id, None) is not None:
            self._calls.finish(event.tool_call_id)

    # What becomes of it

    def finished(self, event: on.ToolFinished) -> Commands:
        """A tool is done."""
        run = self._open.get(event.tool_call_id)
        if run is None or run.began is None:
            return NOTHING
        if run.policy.confirm and not event.ran:
            self._confirmations.give_back(run.deed)
        return self._done(run, event.output, ran=event.ran)

    def answer(self, tool_call_id: str, output: str, *, silent: bool = False) -> Commands:
        """Answer a call that runs in place of the tool."""
        run = self._open.get(tool_call_id)
        return NOTHING if run is None else self._done(run, output, ran=True, silent=silent)

    def release(self, now: float) -> Commands:
        """Run what has waited for the agent's last word, if that was heard."""
        if self._call.speech.playing or self._call.responses.held or self._call.responses.active is not None:
            return NOTHING
        return self._run_held(list(self._held()), now)

    def time_is_up(self, now: float) -> Commands:
        """Run what has waited too long, and wait no longer for what the engine's service runs."""
        for tool_call_id in [tool_call_id for tool_call_id, due in self._remote.items() if due <= now]:
            del self._remote[tool_call_id]
            self._calls.finish(tool_call_id)
        commands = self._run_held([run for run in self._held() if (run.held_until or 0.0) <= now], now)
        self._wake_in_time()
        return commands

    def caller_took_turn(self) -> Commands:
        """The caller has said or typed something."""
        self._confirmations.caller_answered()
        return self.caller_spoke()

    def caller_spoke(self) -> Commands:
        """The caller has said something, or stopped the agent from speaking."""
        cancelled = [run for run in self._open.values() if run.policy.on_barge_in == "cancel"]
        return self.drop_held(CALLER_SPOKE) + self._cancel(cancelled, _CANCELLED)

    def agent_hangs_up(self, response_id: str) -> Commands:
        """The agent ends the call: what would take as long as it takes is given up, if it was begun before."""
        endless = [run for run in self._open.values() if run.policy.timeout_s == inf]
        return self._cancel([run for run in endless if run.response_id != response_id], _GIVEN_UP)

    def drop_held(self, output: str = _CALLER_AWAY) -> Commands:
        """Don't run what still waits for the agent's last word."""
        return tuple(command for run in list(self._held()) for command in self._done(run, output, ran=False))

    def session_gone(self) -> None:
        """What runs can't be answered any more: its outcome is told to the next session."""
        self.drop_held(_SESSION_GONE)
        for run in self._open.values():
            run.of_earlier_session = True
        self._calls.clear()

    def _repeat(self, run: _Run, response_id: str) -> Commands:
        if run.output is None:
            return NOTHING
        if response_id != run.response_id:
            self._calls.posted(response_id)
        return (do.SendToolOutput(run.tool_call_id, run.output),)

    def _held(self) -> Iterator[_Run]:
        return (run for run in self._open.values() if run.held_until is not None)

    def _run_held(self, runs: list[_Run], now: float) -> Commands:
        return tuple(command for run in runs for command in self._run(run, now))

    def _cancel(self, runs: list[_Run], output: str) -> Commands:
        """Stop those of them that have begun."""
        commands: Commands = NOTHING
        for run in runs:
            if run.began is not None and run.output is None:
                commands += (do.CancelTool(run.tool_call_id), *self._done(run, output, ran=True))
        return commands

    def _run(self, run: _Run, now: float) -> Commands:
        run.began, run.held_until = now, None
        return (do.RunTool(run.tool_call_id, run.name, run.arguments),)

    def _done(self, run: _Run, output: str, *, ran: bool, silent: bool = False) -> Commands:
        run.output, run.ran, run.held_until = output, ran, None
        del self._open[run.tool_call_id]
        told = tool_result(run.name, run.arguments, output)
        silent = silent or run.policy.silent
        if run.of_earlier_session:
            commands = self._call.tell("system", told)
            if not silent:
                self._call.responses.want(ANSWER)
        else:
            self._call.history.add("system", told)
            self._calls.finish(run.tool_call_id, silent=silent)
            commands = (do.SendToolOutput(run.tool_call_id, output),)
        for other in run.shared_by:
            commands += self._done(other, output, ran=False)
        return commands

    def _wake_in_time(self) -> None:
        due = [*self._remote.values(), *(run.held_until for run in self._held() if run.held_until is not None)]
        if due:
            self._call.timers.set("tools", min(due))
