"""The HTTP API: docs/api.md. It has keys of its own, knows the console's sessions, and needs no signature."""

from __future__ import annotations

from functools import cache

from fastapi import FastAPI

from phoneagent import __version__
from phoneagent.web.api import (
    agents,
    audio,
    calls,
    costs,
    description,
    keeping,
    live,
    operating,
    phone,
    placing,
    recordings,
    statistics,
)
from phoneagent.web.api.admin import account, audit, keys, settings, users, webhooks
from phoneagent.web.api.backend import Backend
from phoneagent.web.api.errors import understand_errors
from phoneagent.web.api.ports import Telephone
from phoneagent.web.bound import Bound

_TAGS = [
    {"name": "placing", "description": "Have people called, and end calls: docs/outbound.md."},
    {"name": "phone", "description": "Talk to an agent from a browser: docs/console.md."},
    {"name": "calls", "description": "What is kept of calls."},
    {"name": "live", "description": "Calls in progress, as they go on: docs/console.md."},
    {"name": "operating", "description": "Stepping into calls in progress: docs/console.md."},
    {"name": "keeping", "description": "Notes, holds, deletion."},
    {"name": "costs", "description": "What calls cost."},
    {"name": "agents", "description": "Who answers: their files, and the versions that had calls."},
    {"name": "statistics", "description": "What calls come to, day by day."},
    {"name": "settings", "description": "What the service was told: docs/console.md."},
    {"name": "keys", "description": "Keys to this API."},
    {"name": "users", "description": "Who may log in to the console."},
    {"name": "webhooks", "description": "Who is told of what happens on calls: docs/webhooks.md."},
    {"name": "audit", "description": "Who has done what."},
    {"name": "account", "description": "Whoever asks."},
]
_PARTS = (
    placing,
    phone,
    calls,
    recordings,
    live,
    operating,
    audio,
    costs,
    statistics,
    keeping,
    agents,
    settings,
    webhooks,
    audit,
    keys,
    users,
    account,
    description,
)


def create_api(backend: Backend) -> Bound:
    """What serves /api for a service, and says of every other path that there is nothing."""
    return Bound(application(), backend)


@cache
def application() -> FastAPI:
    """The same for all services of a process: it takes a while to make."""
    api = FastAPI(
        title="phoneagent",
        version=__version__,
        summary="Have people called, and read what is kept of calls.",
        openapi_tags=_TAGS,
        openapi_url=None,  # FastAPI's would keep all calls waiting while it is made
        redirect_slashes=False,
        # Routers that are included would be looked through again with the first request, and all calls wait for that.
        routes=[route for part in _PARTS for route in part.routes.routes],
    )
    understand_errors(api)
    return api


__all__ = ["Backend", "Telephone", "application", "create_api"]
