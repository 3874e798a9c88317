"""How the console says no."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from phoneagent.store import StoreError
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.console.pages import render
from phoneagent.web.console.sees import NotAllowedError, NoVisitorError
from phoneagent.web.console.sources import sources_of
from phoneagent.web.guard import RequestHead

log = logging.getLogger(__name__)

_SAID = {
    403: ("Not allowed", "The request does not come from a page of this console. Load the page again."),
    404: ("Nothing here", "There is no such page."),
    405: ("Nothing here", "There is no such page."),
    422: ("Nothing here", "There is no such page."),
}


def understand_errors(console: FastAPI) -> None:
    """Have every error answered with a page, on which visitors find the way back."""
    handlers: dict[type[Exception], Any] = {
        NoVisitorError: _no_visitor,
        NotAllowedError: _not_allowed,
        StoreError: _no_database,
        HTTPException: _http_error,
        RequestValidationError: _not_understood,
        Exception: _failed,
    }
    for kind, handler in handlers.items():
        console.add_exception_handler(kind, handler)


async def _no_visitor(request: Request, error: NoVisitorError) -> Response:
    return RedirectResponse(error.login, 303)


async def _not_allowed(request: Request, error: NotAllowedError) -> Response:
    return _message(request, 403, "Not allowed", str(error), error.visitor)


async def _no_database(request: Request, error: StoreError) -> Response:
    log.error("the console has no database", extra={"reason": str(error)})
    return _message(request, 503, "Not now", "The database does not answer. Try again later.")


async def _http_error(request: Request, error: HTTPException) -> Response:
    heading, text = _SAID.get(error.status_code, ("Not understood", "The request is not understood."))
    visitor = await sources_of(request).access.visitor(RequestHead.of(request.scope))
    return _message(request, error.status_code, heading, text, visitor)


async def _not_understood(request: Request, error: RequestValidationError) -> Response:
    return _message(request, 422, *_SAID[422])


async def _failed(request: Request, error: Exception) -> Response:
    return _message(request, 500, "Failed", "The service has a fault: its log says more.")


def _message(request: Request, status: int, heading: str, text: str, visitor: Visitor | None = None) -> Response:
    return render(request, "message.html", visitor, status=status, heading=heading, text=text)
