"""What the caller hears while a tool runs and nobody speaks: a line, or music."""

from __future__ import annotations

from phoneagent.core.agents import Line
from phoneagent.core.commands import NOTHING, Commands, StartMusic, StopMusic
from phoneagent.core.responses import Request
from phoneagent.core.state import CallState
from phoneagent.core.tooling import Tooling


class Waiting:
    """Fills the silence in which a tool runs, as its policy says. Music gives way to everybody."""

    def __init__(self, call: CallState, tooling: Tooling) -> None:
        self.music_of: str | None = None  # the tool call that music plays for
        self._call = call
        self._tooling = tooling
        self._quiet_since: float | None = None
        self._said: dict[str, Line] = {}  # tool calls, and the line that was asked for because of them, once for all

    def follow(self, now: float, *, allowed: bool) -> Commands:
        """Stop what is no longer in place, and begin what has become due. `allowed`: the caller may hear something."""
        running = {
            tool_call_id: (policy.while_running, since) for tool_call_id, policy, since in self._tooling.running()
        }
        for tool_call_id in self._said.keys() - running.keys():  # what was not said yet would come too late
            if (said := self._said.pop(tool_call_id)) not in self._said.values():
                self._call.responses.forget(said)
        commands: Commands = NOTHING
        if not allowed or self._call.caller.speaking or self.music_of not in running:
            commands = self.stop_music()
        if not (running and allowed and self._call.calm):
            self._quiet_since = None
            self._call.timers.cancel("filler")
            return commands
        if self._quiet_since is None:
            self._quiet_since = now
        coming: float | None = None
        for tool_call_id, (filler, since) in running.items():
            if filler is None or tool_call_id in self._said or (filler.line is None and self.music_of is not None):
                continue
            due = max(self._quiet_since, since) + filler.after_ms / 1000
            if due > now:
                coming = due if coming is None else min(due, coming)
            elif filler.line is None:
                self.music_of = tool_call_id
                commands += (StartMusic(),)
            else:
                line = filler.line
                self._said |= {tool: line for tool, (other, _) in running.items() if other and other.line == line}
                self._call.responses.want(Request(line))
                break
        if coming is None:
            self._call.timers.cancel("filler")
        else:
            self._call.timers.set("filler", coming)
        return commands

    def stop_music(self) -> Commands:
        """Let somebody else be heard."""
        if self.music_of is None:
            return NOTHING
        self.music_of = self._quiet_since = None
        return (StopMusic(),)
