"""The console: pages for whoever is responsible for the phone. docs/console.md.

Pages are rendered here (`templates/`); what lives on them are ES modules (`static/`), which ask the API. There is no
build step: what the browser gets is what stands in these folders.
"""

from __future__ import annotations

from functools import cache

from fastapi import FastAPI
from starlette.routing import Mount

from phoneagent.web.bound import Bound
from phoneagent.web.console import agents, call_list, call_page, login, plain, settings_pages
from phoneagent.web.console.errors import understand_errors
from phoneagent.web.console.sources import Sources
from phoneagent.web.console.static_files import StaticFiles, static_root

_PARTS = (login, plain, agents, call_list, call_page, settings_pages)


def create_console(sources: Sources) -> Bound:
    """What serves the pages of a service."""
    return Bound(application(), sources)


@cache
def application() -> FastAPI:
    """The same for all services of a process: it takes a while to make."""
    console = FastAPI(
        title="phoneagent console",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        routes=[
            # routers that are included would be looked through again with the first request
            *(route for part in _PARTS for route in part.routes.routes),
            Mount(static_root(), StaticFiles(), name="static"),
        ],
    )
    understand_errors(console)
    return console


__all__ = ["Sources", "application", "create_console"]
