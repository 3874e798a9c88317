"""The HTTP API: docs/api.md. It has keys of its own, knows the console's sessions, and needs no signature."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from phoneagent import __version__
from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.board import Board
from phoneagent.calls.spending import day_limit
from phoneagent.store import Store
from phoneagent.store.blobs import Blobs
from phoneagent.web.access.access import Access
from phoneagent.web.access.tickets import Tickets
from phoneagent.web.api.admin import Setting, administration
from phoneagent.web.api.agents import agents
from phoneagent.web.api.audio import audio
from phoneagent.web.api.calls import Delete, keeping, reading
from phoneagent.web.api.costs import costs
from phoneagent.web.api.deeds import Deeds
from phoneagent.web.api.errors import declared, description, understand_errors
from phoneagent.web.api.guard import guard_by
from phoneagent.web.api.live import live
from phoneagent.web.api.lookup import Lookup
from phoneagent.web.api.operating import operating
from phoneagent.web.api.phone import Telephone, telephoning
from phoneagent.web.api.placing import Dialer, placing
from phoneagent.web.api.recordings import recordings
from phoneagent.web.api.statistics import statistics
from phoneagent.web.drain import Drain

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


def create_api(
    access: Access,
    store: Store,
    files: Blobs,
    delete: Delete,
    dialer: Dialer | None,
    drain: Drain,
    telephone: Telephone,
    directory: AgentDirectory,
    engine: str,
    board: Board,
    day_usd: Decimal | None,
    settings: Sequence[Setting] = (),
) -> FastAPI:
    """The application that serves /api, and says of every other path that there is nothing.

    `access` knows who has logged in to the console. `files` are the recordings. `dialer` None: this service has no
    account to call with, and says so. `telephone` is what browsers call with, `engine` the name of what holds the
    conversations, `board` shows the calls in progress. `day_usd` is what all calls of a day may cost; `settings` are
    those of this process, as they may be shown.
    """
    api = FastAPI(
        title="phoneagent",
        version=__version__,
        summary="Have people called, and read what is kept of calls.",
        openapi_tags=_TAGS,
        openapi_url=None,  # FastAPI's would keep all calls waiting while it is made
        redirect_slashes=False,
        responses=declared(401, 403, 422, 503),
        generate_unique_id_function=lambda route: route.name,
    )
    understand_errors(api)
    needs = guard_by(store.keys, access)
    lookup = Lookup(store.calls, dialer.get if dialer is not None else store.dials.get)
    deeds = Deeds(store.audit)
    for routes in (
        placing(needs, lookup, dialer, drain, board, deeds),
        telephoning(needs, telephone, drain, deeds),
        reading(needs, lookup, store.calls),
        recordings(needs, lookup, files),
        live(needs, board, drain),
        operating(needs, board, deeds),
        audio(needs, board, deeds, Tickets(), access.public_url),
        costs(needs, lookup, store.costs),
        statistics(needs, store.statistics, lambda *calls: day_limit(day_usd, directory.agents, *calls)),
        keeping(needs, lookup, store.calls, store.audit, delete),
        agents(needs, directory, store.agent_versions, store.audit, engine=engine),
        administration(needs, access, store, settings),
    ):
        api.include_router(routes, prefix="/api")

    @api.get("/api/openapi.json", include_in_schema=False)
    async def get_description() -> JSONResponse:
        return JSONResponse(await description(api))

    return api


__all__ = ["create_api"]
