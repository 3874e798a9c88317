"""How the console says no."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from phoneagent.store import StoreError
from phoneagent.web.access.access import Access
from phoneagent.web.access.sees import NotAllowedError, NoVisitorError
from phoneagent.web.console.pages import Pages
from phoneagent.web.guard import RequestHead

log = logging.getLogger(__name__)

_SAID = {
    403: ("Not allowed", "The request does not come from a page of this console. Load the page again."),
    404: ("Nothing here", "There is no such page."),
    405: ("Nothing here", "There is no such page."),
    422: ("Nothing here", "There is no such page."),
}


def understand_errors(console: FastAPI, pages: Pages, access: Access) -> None:
    """Have every error answered with a page, on which visitors find the way back."""

    def message(request: Request, status: int, heading: str, text: str, visitor: Any = None) -> Response:
        return pages.render(request, "message.html", visitor, status=status, heading=heading, text=text)

    async def no_visitor(request: Request, error: NoVisitorError) -> Response:
        return RedirectResponse(error.login, 303)

    async def not_allowed(request: Request, error: NotAllowedError) -> Response:
        return message(request, 403, "Not allowed", str(error), error.visitor)

    async def no_database(request: Request, error: StoreError) -> Response:
        log.error("the console has no database", extra={"reason": str(error)})
        return message(request, 503, "Not now", "The database does not answer. Try again later.")

    async def http_error(request: Request, error: HTTPException) -> Response:
        heading, text = _SAID.get(error.status_code, ("Not understood", "The request is not understood."))
        visitor = await access.visitor(RequestHead.of(request.scope))
        return message(request, error.status_code, heading, text, visitor)

    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        return message(request, 422, *_SAID[422])

    async def failed(request: Request, error: Exception) -> Response:
        return message(request, 500, "Failed", "The service has a fault: its log says more.")

    handlers: dict[type[Exception], Any] = {
        NoVisitorError: no_visitor,
        NotAllowedError: not_allowed,
        StoreError: no_database,
        HTTPException: http_error,
        RequestValidationError: not_understood,
        Exception: failed,
    }
    for kind, handler in handlers.items():
        console.add_exception_handler(kind, handler)
