"""The pages of agents. The editor adds styles of its own, hence the nonce."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from phoneagent.web.access.sees import Sees
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.console.pages import Pages

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=200)]
Version = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,64}$")]


def agent_pages(pages: Pages, sees: Sees) -> APIRouter:
    """Their routes."""
    routes = APIRouter()
    viewer = sees("read")

    @routes.get("/agents")
    async def show_agents(request: Request, visitor: Visitor = viewer) -> HTMLResponse:
        return pages.render(request, "agents.html", visitor)

    @routes.get("/agents/{name}")
    async def show_agent(request: Request, name: Name, visitor: Visitor = viewer) -> HTMLResponse:
        return pages.render(request, "agent.html", visitor, styles=True, name=name)

    @routes.get("/agents/{name}/versions/{version}")
    async def show_version(request: Request, name: Name, version: Version, visitor: Visitor = viewer) -> HTMLResponse:
        return pages.render(request, "agent_version.html", visitor, styles=True, name=name, version=version)

    return routes
