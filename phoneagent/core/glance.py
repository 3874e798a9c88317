"""What somebody sees who looks at a call for a moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from phoneagent.core.absence import Absence
from phoneagent.core.farewell import Farewell
from phoneagent.core.operator import Operator
from phoneagent.core.state import CallState
from phoneagent.core.transcript import Turn

State = Literal["connecting", "talking", "away", "taken_over", "ending"]
Voice = Literal["caller", "agent", "operator"]


@dataclass(frozen=True, slots=True)
class Glance:
    """How a call stands.

    `state`: `connecting` before there is a stream, `away` while the caller is out of it or about to be, `ending` while
    goodbye is said and afterwards. `speaking`: who is heard. `hearing`: the agent's turn that the caller is in the
    middle of hearing, its words divided at what they have heard by now. `taken_over_by`: the name of the operator who
    has the call.
    """

    state: State
    speaking: tuple[Voice, ...] = ()
    hearing: Turn | None = field(default=None, repr=False)
    taken_over_by: str | None = None


class View:
    """Looks at one call, which need not know that anybody does."""

    def __init__(self, call: CallState, absence: Absence, farewell: Farewell, operator: Operator) -> None:
        self._call = call
        self._absence = absence
        self._farewell = farewell
        self._operator = operator

    @property
    def state(self) -> State:
        """How the call stands, which is not over."""
        if self._absence.at_hand:
            return "away"
        if self._call.taken_over:
            return "taken_over"
        if self._farewell.at_hand:
            return "ending"
        return "talking" if self._call.streaming else "connecting"

    def at(self, now: float) -> Glance:
        """How it stands, who is heard, and what."""
        call = self._call
        if not call.streaming:
            return Glance(self.state)
        voices: dict[Voice, bool] = {
            "caller": call.caller.speaking,
            "agent": call.speech.queued,
            "operator": self._operator.speaks(now),
        }
        return Glance(self.state, tuple(who for who, heard in voices.items() if heard), call.speech.hearing(now))
