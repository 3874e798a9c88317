"""Whether a call is recorded when it is to be, and at no other time: told of all that happens, it checks that."""

from __future__ import annotations

from phoneagent.core import commands as do
from phoneagent.core.agents import Agent
from phoneagent.core.commands import Command
from phoneagent.core.consent import KEY_AFTER_S, KEY_BEFORE_S


class Taping:
    """The recording of one call."""

    def __init__(self, agent: Agent) -> None:
        self.running = False
        self._given = False if agent.recording.mode == "ask" else None  # None: nobody asks
        self._answered = False
        self._typing = False  # a secret, of which there is more to come
        self._secret_until = 0.0

    def pressed(self, agent: Agent, now: float) -> None:
        """A key is pressed that is no answer."""
        if agent.dtmf.secure or self._typing:
            self._typing, self._secret_until = True, now + KEY_AFTER_S

    def take(self, command: Command, now: float) -> None:
        """A command is done."""
        match command:
            case do.Record():
                assert not self.running, "what is turned on was off"
                self.running = True
            case do.KeepSilence(before_s):
                assert self.running, "what is turned off was on"
                assert before_s == (KEY_BEFORE_S if self._secret(now) else 0.0), "a key sounds before we are told of it"
                self.running = False
            case do.ReportConsent(given, how) if how != "announced":
                assert self._given is not None, "who was not asked does not answer"
                assert not given or not self._answered, "a no is final, and a yes is given once"
                self._given, self._answered = given, True
            case do.ReportDigits(_, secure):
                assert secure == self._typing, "a message is a secret if one of its keys is"
                self._typing = False

    def check(self, agent: Agent, now: float) -> None:
        """The caller hears and is heard, and all is done that was to be."""
        if abs(now - self._secret_until) < 1e-5:  # the moment itself: a bridge that is logged rounds the time up
            return
        wanted = {"off": False, "on": self._given is not False, "ask": self._given is True}[agent.recording.mode]
        assert self.running == (wanted and not self._secret(now)), f"{self.running=}, {agent.recording.mode=}"

    def _secret(self, now: float) -> bool:
        return self._typing or now < self._secret_until
