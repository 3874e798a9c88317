"""Renders the templates."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phoneagent.core.scopes import Scope
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.console.wording import FILTERS
from phoneagent.web.headers import content_policy

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the navigation."""

    path: str
    title: str
    icon: str  # its id in static/icons.svg
    scope: Scope = "read"


SECTIONS = (
    Section("/", "Now", "now"),
    Section("/calls", "Calls", "calls"),
    Section("/agents", "Agents", "agents"),
    Section("/phone", "Phone", "phone", "call"),
    Section("/numbers", "Numbers", "numbers"),
    Section("/settings", "Settings", "settings"),
)


class Pages:
    """The templates, with what each of them needs. Whatever is put into one is text: it is escaped."""

    def __init__(self, static: str) -> None:
        """`static`: the path below which the static files are."""
        self._static = static
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._environment.globals["sections"] = SECTIONS
        self._environment.filters |= FILTERS

    def render(
        self,
        request: Request,
        template: str,
        visitor: Visitor | None,
        *,
        status: int = 200,
        styles: bool = False,
        **values: Any,
    ) -> HTMLResponse:
        """A page for this visitor, None on the way in. `styles`: a script of the page adds styles of its own, for which
        the template finds a `nonce`."""
        nonce = secrets.token_urlsafe(16) if styles else None
        content = self._environment.get_template(template).render(
            static=self._static, path=request.url.path, visitor=visitor, nonce=nonce, **values
        )
        headers = {"Content-Security-Policy": content_policy(nonce)} if nonce else None
        return HTMLResponse(content, status, headers)
