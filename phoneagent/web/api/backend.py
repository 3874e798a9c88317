"""What the API of a service works with. Its routes find it in their requests: they are the same for every service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.editing import Editor
from phoneagent.calls.board import Board
from phoneagent.calls.peaks import PeaksOf
from phoneagent.calls.spending import day_limit
from phoneagent.store import Store
from phoneagent.store.blobs import Blobs
from phoneagent.web.access.access import Access
from phoneagent.web.access.tickets import Tickets
from phoneagent.web.api.aside import Aside
from phoneagent.web.api.deeds import Deeds
from phoneagent.web.api.lookup import Lookup
from phoneagent.web.api.ports import Delete, Dialer, Setting, Telephone
from phoneagent.web.drain import Drain


@dataclass(frozen=True, eq=False)
class Backend:
    """One for each service.

    `access` knows who has logged in to the console. `files` are the recordings. `dialer` None: this service has no
    account to call with, and says so. `telephone` is what browsers call with, `engine` the name of what holds the
    conversations, `board` shows the calls in progress. `day_usd` is what all calls of a day may cost; `settings` are
    those of this process, as they may be shown.
    """

    access: Access
    store: Store
    files: Blobs
    delete: Delete
    dialer: Dialer | None
    drain: Drain
    telephone: Telephone
    directory: AgentDirectory
    engine: str
    board: Board
    day_usd: Decimal | None
    settings: Sequence[Setting] = ()

    @cached_property
    def lookup(self) -> Lookup:
        """Finds calls."""
        return Lookup(self.store.calls, self.dialer.get if self.dialer is not None else self.store.dials.get)

    @cached_property
    def deeds(self) -> Deeds:
        """Notes what is done to calls in progress."""
        return Deeds(self.store.audit)

    @cached_property
    def peaks_of(self) -> PeaksOf:
        """How loud recordings are."""
        return PeaksOf(self.files)

    @cached_property
    def audio_tickets(self) -> Tickets:
        """For the sockets of those who listen in."""
        return Tickets()

    @cached_property
    def editor(self) -> Editor:
        """Of the agents' files, to be used `aside`."""
        return Editor(self.directory)

    @cached_property
    def aside(self) -> Aside:
        """Where the files are worked on."""
        return Aside()

    def day_limit(self, agent: str | None, number: str | None) -> Decimal | None:
        """What the calls of a day may cost: all, or those of an agent, a number."""
        return day_limit(self.day_usd, self.directory.agents, agent, number)


async def _backend(connection: HTTPConnection) -> Backend:
    backend: Backend = connection.state.backend
    return backend


Given = Annotated[Backend, Depends(_backend)]
"""That of the service which is asked."""
