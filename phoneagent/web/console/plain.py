"""The pages that are a template and a script, and ask the API for all they show."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from phoneagent.core.scopes import Scope
from phoneagent.web.access.sees import Sees
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.console.pages import Pages


def plain_pages(pages: Pages, sees: Sees) -> APIRouter:
    """Their routes."""
    routes = APIRouter()

    def page(path: str, template: str, scope: Scope = "read") -> None:
        who = sees(scope)

        @routes.get(path)
        async def show(request: Request, visitor: Visitor = who) -> HTMLResponse:
            return pages.render(request, template, visitor)

    page("/", "now.html")
    page("/phone", "phone.html", "call")
    page("/numbers", "numbers.html")
    return routes
