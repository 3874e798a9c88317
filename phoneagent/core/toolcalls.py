"""The tool calls of a conversation: which are running, and when the model is to speak of their results."""

from __future__ import annotations


class ToolCalls:
    """Each tool call runs once. The outputs of one response's calls are posted, then one answer is wanted."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._running: dict[str, str] = {}  # tool calls, and the responses that made them
        self._posted: set[str] = set()  # responses of which outputs were posted and no answer was wanted yet

    @property
    def running(self) -> bool:
        """Whether a tool runs."""
        return bool(self._running)

    @property
    def incomplete(self) -> bool:
        """Whether a response has had some of its outputs posted, but not all."""
        return not self._posted.isdisjoint(self._running.values())

    def begin(self, tool_call_id: str, response_id: str) -> bool:
        """Note a call. Returns False for one that was made before."""
        if tool_call_id in self._seen:
            return False
        self._seen.add(tool_call_id)
        self._running[tool_call_id] = response_id
        return True

    def finish(self, tool_call_id: str) -> bool:
        """Note that a tool is done and its output posted. Returns False for one that did not run."""
        response_id = self._running.pop(tool_call_id, None)
        if response_id is None:
            return False
        self._posted.add(response_id)
        return True

    def posted(self, response_id: str) -> None:
        """Note the output of a call that was not run as a tool, and that the model is to speak of."""
        self._posted.add(response_id)

    def take_answerable(self, active_response: str | None) -> bool:
        """Whether a response that is over has had its last output posted since this was last asked."""
        answerable = self._posted - set(self._running.values()) - {active_response}
        self._posted -= answerable
        return bool(answerable)

    def clear(self) -> None:
        """Forget what runs: there is nobody left to tell."""
        self._running.clear()
        self._posted.clear()
