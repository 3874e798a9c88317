"""The console: pages for whoever is responsible for the phone. docs/console.md.

Pages are rendered here (`templates/`); what lives on them are ES modules (`static/`), which ask the API. There is no
build step: what the browser gets is what stands in these folders.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, FastAPI

from phoneagent.web.access.access import Access
from phoneagent.web.access.sees import Sees, sees_by
from phoneagent.web.console.agents import agent_pages
from phoneagent.web.console.errors import understand_errors
from phoneagent.web.console.login import login_pages
from phoneagent.web.console.pages import Pages
from phoneagent.web.console.plain import plain_pages
from phoneagent.web.console.static_files import StaticFiles, static_root


def create_console(access: Access, *routers: Callable[[Pages, Sees], APIRouter]) -> FastAPI:
    """The application that serves the pages, to whom `access` lets in. `routers` make those that need more than the
    shell."""
    console = FastAPI(title="phoneagent console", docs_url=None, redoc_url=None, openapi_url=None)
    root = static_root()
    pages, sees = Pages(root), sees_by(access)
    understand_errors(console, pages, access)
    console.include_router(login_pages(pages, access))
    for router in (plain_pages, agent_pages, *routers):
        console.include_router(router(pages, sees))
    console.mount(root, StaticFiles(), name="static")
    return console


__all__ = ["Pages", "Sees", "create_console"]
