"""What the console of a service shows. Its pages find it in their requests: they are the same for every service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from phoneagent.store import Store
from phoneagent.web.access.access import Access


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """One for each service.

    `access` lets people in. `agents` gives the names of those that answer now. `live` says of an id whether its call
    goes on, or did a moment ago, `over` that it did: the store learns of it later. `region` (ISO 3166) is that of
    numbers without a country code. `settings` are those of this process, as they may be shown.
    """

    access: Access
    store: Store
    agents: Callable[[], Iterable[str]]
    live: Callable[[str], bool]
    over: Callable[[str], bool]
    region: str | None
    settings: Sequence[object]


def sources_of(connection: HTTPConnection) -> Sources:
    """Those of the service which is asked."""
    sources: Sources = connection.state.backend
    return sources


async def _given(connection: HTTPConnection) -> Sources:
    return sources_of(connection)


Given = Annotated[Sources, Depends(_given)]
