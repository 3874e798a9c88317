"""What the tools of one call can do to it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.numbers import allowed_countries, dialable
from phoneagent.calls.ports import LiveCall
from phoneagent.calls.transfer import Escort
from phoneagent.calls.transfer_person import Person, person_for
from phoneagent.calls.transfers import Escorts
from phoneagent.core.agents import Agent
from phoneagent.core.transfer import KEYS_PRESSED, Event, Way
from phoneagent.tools.control import ControlError
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.webhook import Connect

log = logging.getLogger(__name__)

NEED_TWILIO = frozenset({"transfer_call", "send_digits", "send_sms"})
"""The built-in tools that can't work without Twilio's API."""

MOST_TRANSFERS = 5  # of one call, those that failed too: nobody's telephone rings without end because a model insists
MOST_TEXTS = 5  # sent during one call

_KEYS = re.compile(r"[0-9*#A-Dw]{1,64}")
_NO_TELEPHONE = "This is not possible: the service is not connected with the telephone company. Offer something else."


@dataclass(frozen=True, slots=True)
class Switches:
    """What calls can be acted upon with. Without `escorts` they can't be transferred and texts not sent. `region` is
    that of numbers without a country code."""

    agents: AgentDirectory
    escorts: Escorts | None = None
    region: str | None = None


class Control:
    """A `tools.control.CallControl`. One detour at a time; `escort` is the last."""

    def __init__(
        self,
        call_id: str,
        call_sid: str,
        caller: str,
        called: str,
        call: LiveCall,
        stream: Callable[[], Connect],
        switches: Switches,
    ) -> None:
        """`call_id` is our id of the call, `call_sid` the carrier's. `stream` is the document by which the caller is on
        a stream again."""
        self.escort: Escort | None = None
        self._transfers = 0
        self._texts = 0
        self._call_id = call_id
        self._call_sid = call_sid
        self._caller = caller
        self._called = called
        self._call = call
        self._stream = stream
        self._switches = switches

    @property
    def has_telephone(self) -> bool:
        """Whether callers can be transferred and texted at all."""
        return self._switches.escorts is not None

    @property
    def escorted(self) -> bool:
        """Whether the caller is being transferred, or keys are being pressed."""
        return self.escort is not None and not self.escort.over

    def begin_transfer(self, to: str, briefing: str) -> Escort:
        """Begin to connect the caller with a destination of the agent's. Raises ControlError."""
        destination = self._call.agent.transfer.get(to)
        if destination is None:
            raise ControlError("There is nobody of this name to transfer the caller to.")
        return self._begin(destination.how, person=self._person(self._call.agent, to, " ".join(briefing.split())))

    async def transfer(self, to: str, briefing: str) -> str:
        if self._transfers >= MOST_TRANSFERS:
            raise ControlError("This call has been transferred too often. Offer to take a message instead.")
        escort = self.begin_transfer(to, briefing)
        self._transfers += 1
        try:
            return await asyncio.shield(escort.result)
        except asyncio.CancelledError:
            escort.receive(Event.GIVEN_UP)
            raise

    def send_away(self, agent: Agent, to: str) -> None:
        """Begin to transfer the caller, cold and at once, to a destination of this agent's. Raises ControlError."""
        self._begin("cold", person=self._person(agent, to))

    async def send_digits(self, digits: str) -> None:
        if not _KEYS.fullmatch(digits):
            raise ControlError("Keys are 0-9, *, #, A-D, and w to wait half a second; 64 at most.")
        escort = self._begin("digits", keys=digits)
        if (came_of_it := await asyncio.shield(escort.result)) != KEYS_PRESSED:
            raise ControlError(f"The keys could not be pressed. {came_of_it}")

    async def send_sms(self, to: str, text: str) -> None:
        if self._switches.escorts is None:
            raise ControlError(_NO_TELEPHONE)
        number = self._caller if to == "caller" else self._call.agent.sms.numbers.get(to)
        if number is None:
            raise ControlError("There is nobody of this name to send a text message to.")
        if self._texts >= MOST_TEXTS:
            raise ControlError("No more text messages can be sent during this call.")
        number = self._dialable(number)
        self._texts += 1
        try:
            await self._switches.escorts.api.send_sms(number, self._called, text)
        except TwilioError as error:
            log.warning("a text message was not sent", extra={"call_id": self._call_id, "reason": str(error)})
            if error.maybe_done:
                raise ControlError("The text message may or may not have been sent.", ran=True) from error
            raise ControlError("The text message could not be sent.") from error

    async def take_message(self, text: str, callback_number: str | None) -> None:
        self._call.kept.message(text, callback_number)

    def agent(self, name: str) -> Agent:
        agent = self._switches.agents.by_name(name) if name in self._call.agent.handoff else None
        if agent is None:
            raise ControlError("There is no colleague of this name.")
        return agent

    def stream_started(self) -> None:
        """The caller is on a stream."""
        if self.escort is not None:
            self.escort.stream_started()

    def stream_ended(self) -> None:
        """The caller's stream has ended."""
        if self.escort is not None:
            self.escort.stream_ended()

    def call_ended(self) -> None:
        """The call is over: nobody is left to come back."""
        if self.escort is not None:
            self.escort.receive(Event.CALL_ENDED)

    def _begin(self, way: Way, *, person: Person | None = None, keys: str = "") -> Escort:
        escorts = self._switches.escorts
        if escorts is None:
            raise ControlError(_NO_TELEPHONE)
        if self.escorted:
            raise ControlError("The caller is being transferred already.")
        self.escort = escorts.begin(
            self._call_id,
            self._call_sid,
            self._call,
            way,
            self._stream,
            language=self._call.agent.language,
            person=person,
            keys=keys,
        )
        return self.escort

    def _person(self, agent: Agent, to: str, briefing: str = "") -> Person:
        region = self._switches.region
        with self._only_allowed(agent):
            return person_for(agent, to, caller=self._caller, called=self._called, region=region, briefing=briefing)

    def _dialable(self, number: str) -> str:
        """The number in E.164, once more at the time of its use: what is not allowed is not texted."""
        agent, region = self._call.agent, self._switches.region
        with self._only_allowed(agent):
            return dialable(number, region=region, countries=allowed_countries(agent, region))

    @contextmanager
    def _only_allowed(self, agent: Agent) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            # The error itself holds the number.
            fields = {"call_id": self._call_id, "agent": agent.name}
            log.warning("a number may not be dialled or texted; `phoneagent check` says why", extra=fields)
            raise ControlError("This number can't be used.") from error
