"""The pages of agents. The editor adds styles of its own, hence the nonce."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from phoneagent.web.console.pages import render
from phoneagent.web.console.sees import Viewer

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=200)]
Version = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,64}$")]

routes = APIRouter()


@routes.get("/agents")
async def show_agents(request: Request, visitor: Viewer) -> HTMLResponse:
    return render(request, "agents.html", visitor)


@routes.get("/agents/{name}")
async def show_agent(request: Request, name: Name, visitor: Viewer) -> HTMLResponse:
    return render(request, "agent.html", visitor, styles=True, name=name)


@routes.get("/agents/{name}/versions/{version}")
async def show_version(request: Request, name: Name, version: Version, visitor: Viewer) -> HTMLResponse:
    return render(request, "agent_version.html", visitor, styles=True, name=name, version=version)
