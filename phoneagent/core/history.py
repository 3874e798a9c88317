"""The conversation so far, for a session that was not there."""

from __future__ import annotations

from typing import Literal

from phoneagent.core.commands import AddMessage, Commands
from phoneagent.core.transcript import Transcript, Turn
from phoneagent.core.wording import NOT_WRITTEN_DOWN

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
        self._transcript.note(item_id)

    def messages(self) -> Commands:
        """The conversation, or the end of a long one."""
        messages = []
        for item_id in self._transcript.order:
            if (message := self._added.get(item_id)) is not None:
                messages.append(message)
            elif (turn := self._transcript.turn(item_id)) is not None and (text := _told(turn)):
                messages.append(AddMessage("user" if turn.speaker == "caller" else "assistant", text))
        return tuple(messages[-MOST_MESSAGES:])


def _told(turn: Turn) -> str:
    unknown = turn.speaker == "caller" and not turn.final  # nobody wrote it down, or not yet
    return turn.text or (NOT_WRITTEN_DOWN if unknown else "")


def tool_result(name: str, arguments: str, output: str) -> str:
    """A tool call and what came of it, in a line."""
    return f"The tool {name} was called with {_short(arguments, LONGEST_ARGUMENTS)}: {_short(output, LONGEST_OUTPUT)}"


def _short(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + " […]"
