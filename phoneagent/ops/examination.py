"""What the doctor's checks are made of. A new one is a function of `Patient`, and a line in `doctor.CHECKS`."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import httpx

from phoneagent.ops.reloading import answers
from phoneagent.roster import Agents
from phoneagent.settings import Settings
from phoneagent.twilio.rest import Account, PhoneNumber, TwilioApi

Status = Literal["ok", "warning", "failed", "not checked"]


@dataclass(frozen=True, slots=True)
class Fix:
    """How the doctor may mend what it found: `question` says what is done; `do` may raise TwilioError or OSError."""

    question: str
    do: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found, what somebody is to do about it, and how the doctor itself could."""

    status: Status
    found: str
    to_do: str = ""
    fix: Fix | None = field(default=None, compare=False)


def ok(found: str) -> Result:
    """All is well."""
    return Result("ok", found)


def warning(found: str, to_do: str, fix: Fix | None = None) -> Result:
    """Calls work, but something is not as it should be, or will not be for long."""
    return Result("warning", found, to_do, fix)


def failed(found: str, to_do: str, fix: Fix | None = None) -> Result:
    """Calls cannot work like this."""
    return Result("failed", found, to_do, fix)


def not_checked(why: str, to_do: str = "") -> Result:
    """Nothing is known, and why."""
    return Result("not checked", why, to_do)


class Patient:
    """What the checks look at. What several of them need is asked for once."""

    def __init__(
        self,
        settings: Settings,
        agents: Agents,
        twilio: TwilioApi | None,
        http: httpx.AsyncClient,
        ssl_context: ssl.SSLContext,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`twilio` is None if the settings do not name the account. `clock`: seconds since 1970."""
        self.settings = settings
        self.agents = agents
        self.twilio = twilio
        self.http = http
        self.ssl_context = ssl_context
        self.clock = clock

    def again(self) -> Patient:
        """The same, of which nothing is known yet."""
        return Patient(self.settings, self.agents, self.twilio, self.http, self.ssl_context, self.clock)

    async def account(self) -> Account:
        """The account at Twilio, which must be known. Raises TwilioError."""
        return await asyncio.shield(self._account)

    async def numbers(self) -> list[PhoneNumber]:
        """Its numbers. Raises TwilioError."""
        return await asyncio.shield(self._numbers)

    async def reachable(self) -> bool:
        """Whether the public URL leads to a service of ours."""
        return await asyncio.shield(self._reachable)

    @cached_property
    def _account(self) -> asyncio.Task[Account]:
        assert self.twilio is not None
        return asyncio.create_task(self.twilio.account())

    @cached_property
    def _numbers(self) -> asyncio.Task[list[PhoneNumber]]:
        assert self.twilio is not None
        return asyncio.create_task(self.twilio.numbers())

    @cached_property
    def _reachable(self) -> asyncio.Task[bool]:
        return asyncio.create_task(answers(self.http, self.settings.public_url or ""))


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's: what is looked at, and how."""

    name: str
    look: Callable[[Patient], Awaitable[Result]]
    timeout_s: float = 20.0

    async def run(self, patient: Patient) -> Result:
        """The result, whatever happens."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.look(patient)
        except TimeoutError:
            return not_checked(f"no result within {self.timeout_s:g} s")
        except Exception as error:  # one check that breaks must not hide what the others found
            return not_checked(f"the check itself broke: {type(error).__name__}: {error}", "please report this")
