"""What the API needs from others: who places calls, who deletes them, which settings there are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from phoneagent.calls.browser import BrowserCall
from phoneagent.calls.outbound_request import DialRequest
from phoneagent.core.dials import Dial
from phoneagent.records.erasure import Deleted
from phoneagent.store.dials import Asked
from phoneagent.web.access.stays import Forbidden
from phoneagent.web.access.tickets import Tickets

Delete = Callable[[Collection[str]], Awaitable[Deleted]]
"""`records.erasure.delete_calls` for calls of these ids."""


class Dialer(Protocol):
    """What places the calls: `calls.outbound.Dialer`."""

    async def dial(self, request: DialRequest, asked: Asked | None = None) -> tuple[Dial, bool]:
        """Have a call placed; returns it, and whether it is new. Raises DialRefusedError, StoreError."""

    async def get(self, dial_id: str) -> Dial | None:
        """How it stands. Raises StoreError."""

    async def cancel(self, dial_id: str) -> Dial | None:
        """End it. Raises StoreError."""

    def hang_up(self, call_sid: str) -> None:
        """End a call that somebody else has dialled."""


class Phones(Protocol):
    """What places calls from browsers: `calls.browser.BrowserPhones`."""

    async def dial(self, owner: str, name: str, agent_name: str, source: str | None = None) -> BrowserCall:
        """Have an agent answer a call of `name`. Raises BrowserRefusedError."""

    def write(self, owner: str, call_id: str, text: str) -> bool:
        """Have the caller write something. Returns whether it is such a call of theirs, and goes on."""

    async def hang_up_when(self, forbidden: Forbidden, call_id: str) -> None:
        """End a call once its caller may no longer call; wait for that, or its end."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """What a browser telephones with: `phones` place its calls, `tickets` open their media streams."""

    phones: Phones
    tickets: Tickets
    attending: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)
    """Those who hang up for whoever may no longer call."""


class Setting(Protocol):
    """A setting with the attributes of SettingShown: `shown.ShownSetting`."""

    @property
    def variable(self) -> str:
        """Its name in the environment."""
