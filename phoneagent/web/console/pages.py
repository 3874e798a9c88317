"""Renders the templates."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phoneagent.core.scopes import Scope
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.console.static_files import static_root
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


@cache
def _environment() -> Environment:
    """The templates. Whatever is put into one is text: it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {"sections": SECTIONS, "static": static_root()}
    environment.filters |= FILTERS
    return environment


def render(
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
    content = (
        _environment().get_template(template).render(path=request.url.path, visitor=visitor, nonce=nonce, **values)
    )
    headers = {"Content-Security-Policy": content_policy(nonce)} if nonce else None
    return HTMLResponse(content, status, headers)
