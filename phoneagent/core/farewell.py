"""A call that is about to end: it does once the goodbye was heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from phoneagent.core.responses import Request


@dataclass(slots=True)
class Farewell:
    """Why a call is about to end, and what it waits for.

    `awaits` is the response that says goodbye, until that was generated; `say` is for the carrier to say, should the
    agent not come to it. A caller who speaks into the goodbye interrupts it: the call goes on if the agent answers
    within `GRACE_S` of their last word, unless the farewell is firm.
    """

    GRACE_S: ClassVar[float] = 6.0
    FIRM_S: ClassVar[float] = 15.0  # what a firm farewell may take, interruptions and all

    outcome: str
    reason: str
    say: str | None = None
    awaits: Request | None = None
    firm: bool = False
    interrupted: bool = False
    tool_call_id: str | None = None  # the request of the agent's to hang up, to be answered when its response ends

    @property
    def over(self) -> bool:
        """Whether goodbye is said, and the call ends when it was heard."""
        return self.awaits is None and not self.interrupted

    def interrupt(self) -> bool:
        """Note that the caller speaks. Returns whether that holds up the end."""
        self.interrupted = not self.firm
        return self.interrupted

    def said(self, request: Request, *, to_the_end: bool) -> None:
        """Note that a response has ended, which may have been the goodbye. A cancelled one was perhaps never heard."""
        if request == self.awaits:
            self.awaits = None
            if to_the_end:
                self.say = None
