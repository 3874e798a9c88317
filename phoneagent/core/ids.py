"""Ids of a call's sessions: each session has its own, and two may use the same."""

from __future__ import annotations

from dataclasses import replace

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.commands import Command, Commands
from phoneagent.core.events import Event

_OF_EVENTS: dict[type, tuple[str, ...]] = {
    on.CallerStartedSpeaking: ("turn_id",),
    on.CallerStoppedSpeaking: ("turn_id",),
    on.CallerTurnEnded: ("turn_id",),
    on.CallerTranscript: ("turn_id",),
    on.TurnAdded: ("turn_id", "after"),
    on.AgentText: ("turn_id",),
    on.AgentAudio: ("response_id", "turn_id"),
    on.AgentTurnEnded: ("turn_id",),
    on.ToolCalled: ("response_id", "tool_call_id"),
    on.RemoteToolStarted: ("response_id", "tool_call_id"),
    on.RemoteToolEnded: ("tool_call_id",),
    on.ResponseStarted: ("response_id",),
    on.ResponseEnded: ("response_id",),
    on.TruncationRefused: ("turn_id",),
}
_OF_COMMANDS: dict[type, str] = {
    do.TruncateTurn: "turn_id",
    do.DeleteTurn: "turn_id",
    do.CancelResponse: "response_id",
    do.SendToolOutput: "tool_call_id",
}


class SessionIds:
    """Makes the ids of the present session unique in the call. Those of the first one stay as they are."""

    def __init__(self) -> None:
        self.differ = False  # from the session's own
        self._session = 1
        self._prefix = ""

    def next_session(self) -> None:
        """Another session begins."""
        self.differ = True
        self._session += 1
        self._prefix = f"{self._session}/"

    def of_call(self, event: Event) -> Event:
        """An event of the session with ids of the call."""
        names = _OF_EVENTS.get(type(event)) if self.differ else None
        if names is None:
            return event
        ids = {name: self._prefix + value for name in names if (value := getattr(event, name)) is not None}
        return replace(event, **ids)

    def of_session(self, commands: Commands) -> Commands:
        """Commands with ids of the session; without those about what only an earlier one knows."""
        if not self.differ:
            return commands
        return tuple(own for command in commands if (own := self._own(command)) is not None)

    def _own(self, command: Command) -> Command | None:
        name = _OF_COMMANDS.get(type(command))
        if name is None:
            return command
        value: str = getattr(command, name)
        if not value.startswith(self._prefix):
            return None
        return replace(command, **{name: value.removeprefix(self._prefix)})  # type: ignore[arg-type]
