"""The conversation so far, for a session that was not there."""

from __future__ import annotations

from typing import Literal

from phoneagent.core.commands import AddMessage, Commands
from phoneagent.core.transcript import Transcript

MOST_MESSAGES = 40
LONGEST_ARGUMENTS = 500
LONGEST_OUTPUT = 2000


class History:
    """What was said, as far as it was heard, and what else the conversation was told, in order."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._added: dict[str, AddMessage] = {}

    def add(self, role: Literal["system", "user"], text: str) -> None:
        """Note a text that is no turn: it stands behind everything that there is by now."""
        item_id = f"added/{len(self._added)}"
        self._added[item_id] = AddMessage(role, text)
        self._transcript.link(item_id, None)

    def messages(self) -> Commands:
        """The conversation, or the end of a long one."""
        messages = []
        for item_id in self._transcript.order:
            if (message := self._added.get(item_id)) is not None:
                messages.append(message)
            elif (turn := self._transcript.turn(item_id)) is not None and turn.text:
                messages.append(AddMessage("user" if turn.speaker == "caller" else "assistant", turn.text))
        return tuple(messages[-MOST_MESSAGES:])


def tool_result(name: str, arguments: str, output: str) -> str:
    """A tool call and what came of it, in a line."""
    return f"The tool {name} was called with {_short(arguments, LONGEST_ARGUMENTS)}: {_short(output, LONGEST_OUTPUT)}"


def _short(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + " […]"
