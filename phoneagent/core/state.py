"""What the parts of the bridge know in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from phoneagent.core.agents import Agent, BargeIn
from phoneagent.core.commands import NOTHING, AddMessage, Commands
from phoneagent.core.hearing import CallerSpeech
from phoneagent.core.history import History
from phoneagent.core.responses import Responses
from phoneagent.core.speech import AgentSpeech
from phoneagent.core.timers import Timers
from phoneagent.core.transcript import Transcript

_NEVER = BargeIn(after_ms=None)


@dataclass(slots=True)
class Counters:
    """What a call lost or had to mend, for its record."""

    held_frames_dropped: int = 0
    stale_audio_dropped: int = 0
    barge_ins: int = 0
    truncations_refused: int = 0
    responses_failed: int = 0
    errors: int = 0
    operator_audio_dropped: int = 0


class CallState:
    """One call: who acts for it, who is there, what was said and what is being said."""

    def __init__(self, agent: Agent, began: float) -> None:
        self.agent = agent
        self.counters = Counters()
        self.timers = Timers()
        self.transcript = Transcript()
        self.history = History(self.transcript)
        self.speech = AgentSpeech(self.transcript)
        self.responses = Responses()
        self.caller = CallerSpeech(agent.turn_detection)
        self.streaming = False  # the caller can hear
        self.away = False  # the caller was, and is to be again
        self.deaf = False  # who listens is an answering machine
        self.taken_over = False  # an operator talks to the caller, and the agent is silent
        self.opening = True  # a session is being set up
        self.ready = False  # a session can be talked to
        self._began = began

    def at_s(self, now: float) -> float:
        """Seconds since the call began."""
        return now - self._began

    @property
    def calm(self) -> bool:
        """Whether nobody speaks or is about to."""
        return self.responses.idle and not self.responses.held and not self.speech.playing

    @property
    def attending(self) -> Agent:
        """The agent, as its session is to attend to the caller: not by itself while an operator has the call."""
        return replace(self.agent, barge_in=_NEVER) if self.taken_over else self.agent

    def tell(self, role: Literal["system", "user"], text: str) -> Commands:
        """Put a text into the conversation: now if there is a session, else the next one is told with all the rest."""
        self.history.add(role, text)
        return (AddMessage(role, text),) if self.ready else NOTHING
