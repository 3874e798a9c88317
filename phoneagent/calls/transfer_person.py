"""The line of the person whom a warm transfer calls: placed once, and let go of for certain."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from phoneagent.agents.numbers import allowed_countries, dialable
from phoneagent.calls.acceptance import Wording
from phoneagent.core.agents import Agent
from phoneagent.twilio import webhook
from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.rest import TwilioApi

log = logging.getLogger(__name__)

_BRIEFING_S = 120  # before the conversation, and after it
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LET_GO_AFTER_S = (0.0, 2.0, 5.0, 15.0, 30.0, 60.0)  # while the API fails


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the caller is transferred to, and how. `name` is the agent's word for them; the numbers are E.164."""

    name: str
    number: str = field(repr=False)
    caller_id: str = field(repr=False)
    timeout_s: int
    max_minutes: int
    briefing: str = field(repr=False, default="")

    @property
    def limit_s(self) -> int:
        """How long the conversation may last."""
        return self.max_minutes * 60


def person_for(agent: Agent, name: str, *, caller: str, called: str, region: str | None, briefing: str = "") -> Person:
    """A destination of the agent's, for this caller. `region` is that of numbers without a country code.

    Raises ValueError, which holds the number: what is not allowed at the time of its use is not dialled.
    """
    to = agent.transfer[name]
    number = dialable(to.number, region=region, countries=allowed_countries(agent, region))
    # The carrier lets a call of its own come from our number only.
    may_show_caller = to.how == "cold" and _E164.fullmatch(caller)
    caller_id = caller if to.caller_id == "caller" and may_show_caller else called
    return Person(name, number, caller_id, to.timeout_s, to.max_minutes, briefing)


class PersonsLine:
    """Their line, as long as there is one. It is known by the first CallSid that is told of it."""

    def __init__(
        self,
        person: Person,
        detour: str,
        api: TwilioApi,
        addresses: Addresses,
        wording: Wording,
        language: str,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """`spawn` runs what takes time."""
        self._person = person
        self._detour = detour
        self._api = api
        self._addresses = addresses
        self._wording = wording
        self._language = language
        self._spawn = spawn
        self._call_sid: str | None = None
        self._answered = self._machine = False
        self._over = False
        self._unwanted = False

    async def dial(self) -> bool:
        """Call them. False if that certainly did not happen."""
        person, detour, addresses = self._person, self._detour, self._addresses
        try:
            call_sid = await self._api.dial(
                person.number,
                person.caller_id,
                addresses.transfer_human(detour),
                status_callback=addresses.transfer_status(detour),
                timeout_s=person.timeout_s,
                time_limit_s=person.limit_s + _BRIEFING_S,
                machine_detection="Enable",
                machine_callback=addresses.machine(detour),
            )
        except TwilioError as error:
            # If it rings all the same, its callbacks say so.
            log.warning("a person was not called", extra={"reason": str(error), "maybe": error.maybe_done})
            return error.maybe_done
        self.is_theirs(call_sid)
        return True

    def is_theirs(self, call_sid: str) -> bool:
        """Whether this is their line."""
        if self._call_sid is None:
            self._call_sid = call_sid
            if self._unwanted:
                self._spawn(self._let_go(call_sid))
        return call_sid == self._call_sid

    def answered(self) -> None:
        """They have answered, and listen."""
        self._answered = True

    def nobody_listens(self) -> None:
        """A machine has answered, or will be said to have: it is told nothing."""
        self._machine = True

    @property
    def listens(self) -> bool:
        """Whether somebody is there who hears what is said."""
        return self._answered and not self._machine

    def over(self) -> None:
        """Their line is over."""
        self._over = True

    def dismiss(self) -> None:
        """Let them go: with a sentence if they listen, else their telephone stops ringing."""
        if not self._unwanted:
            self._unwanted = True
            if self._call_sid is not None:
                self._spawn(self._let_go(self._call_sid))

    async def _let_go(self, call_sid: str) -> None:
        goodbye = webhook.hang_up(self._wording.gone, self._language)
        for pause_s in _LET_GO_AFTER_S:
            await asyncio.sleep(pause_s)
            if self._over:
                return
            try:
                if self.listens:
                    await self._api.redirect(call_sid, goodbye)
                else:
                    await self._api.hang_up(call_sid)
            except TwilioError as error:
                if error.gone:
                    return
                log.warning("a person's line could not be ended", extra={"reason": str(error)})
            else:
                return
        log.error("a person's line was not ended; the carrier ends it in time")
