"""The tool calls of a session's responses: which are to come to an end, and when the model is to speak of them."""

from __future__ import annotations


class ToolCalls:
    """The outputs of one response's calls are posted, then one answer is wanted."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}  # tool calls, and the responses that made them
        self._posted: dict[str, bool] = {}  # responses that have had outputs posted, and whether to speak of them

    @property
    def open(self) -> bool:
        """Whether a call has had no output yet."""
        return bool(self._open)

    @property
    def incomplete(self) -> bool:
        """Whether a response has had some of its outputs posted, but not all."""
        return not self._posted.keys().isdisjoint(self._open.values())

    def begin(self, tool_call_id: str, response_id: str) -> None:
        """Note a call."""
        self._open[tool_call_id] = response_id

    def finish(self, tool_call_id: str, *, silent: bool = False) -> None:
        """Note that the output of a call is posted; `silent`: nobody need speak of it."""
        response_id = self._open.pop(tool_call_id, None)
        if response_id is not None:
            self.posted(response_id, silent=silent)

    def posted(self, response_id: str, *, silent: bool = False) -> None:
        """Note that an output is posted of a call that was not noted."""
        self._posted[response_id] = self._posted.get(response_id, False) or not silent

    def take_answerable(self, active_response: str | None) -> bool:
        """Whether a response that is over has had its last output posted since this was last asked."""
        if not self._posted:
            return False
        complete = self._posted.keys() - set(self._open.values()) - {active_response}
        spoken_of = [self._posted.pop(response_id) for response_id in complete]
        return any(spoken_of)

    def clear(self) -> None:
        """Forget what is open: there is nobody left to tell."""
        self._open.clear()
        self._posted.clear()
