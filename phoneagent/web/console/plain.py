"""The pages that are a template and a script, and ask the API for all they show."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from phoneagent.web.console.pages import render
from phoneagent.web.console.sees import Operator, Viewer

routes = APIRouter()


@routes.get("/")
async def show_now(request: Request, visitor: Viewer) -> HTMLResponse:
    return render(request, "now.html", visitor)


@routes.get("/phone")
async def show_phone(request: Request, visitor: Operator) -> HTMLResponse:
    return render(request, "phone.html", visitor)


@routes.get("/numbers")
async def show_numbers(request: Request, visitor: Viewer) -> HTMLResponse:
    return render(request, "numbers.html", visitor)
