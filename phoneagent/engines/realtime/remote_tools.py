"""The tools of MCP servers that the session's own service runs: what is under way, each thing told once."""

from __future__ import annotations

from phoneagent.core.events import RemoteToolEnded, RemoteToolStarted


class RemoteTools:
    """Servers tell of a tool's start and end in several ways, and leave out some of them."""

    def __init__(self) -> None:
        self._running: dict[str, bool] = {}

    def started(self, tool_call_id: str, response_id: str) -> tuple[RemoteToolStarted, ...]:
        """A tool runs."""
        if tool_call_id in self._running:
            return ()
        self._running[tool_call_id] = True
        return (RemoteToolStarted(response_id, tool_call_id),)

    def ended(self, tool_call_id: str, response_id: str) -> tuple[RemoteToolStarted | RemoteToolEnded, ...]:
        """A tool is done; if nothing was heard of its start, it has started, too."""
        started = self.started(tool_call_id, response_id)
        if not self._running[tool_call_id]:
            return ()
        self._running[tool_call_id] = False
        return *started, RemoteToolEnded(tool_call_id)
