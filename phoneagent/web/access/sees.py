"""Who sees a page of the console: whoever has a session, and a role with the scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from fastapi import Depends, Request

from phoneagent.core.scopes import Scope
from phoneagent.web.access.access import Access
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.guard import RequestHead

Sees = Callable[[Scope], Any]
"""What makes a page's dependency of the scope that it needs: it gives the Visitor, and raises the errors below."""


class NoVisitorError(Exception):
    """Somebody without a session, who is to be sent to `login`, and from there to what they wanted to see."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.login = "/login" if wanted == "/" else f"/login?{urlencode({'next': wanted})}"


class NotAllowedError(Exception):
    """A visitor whose role lacks the scope of a page."""

    def __init__(self, visitor: Visitor, scope: Scope) -> None:
        super().__init__(f"Your role lacks the scope “{scope}”: an admin may change it.")
        self.visitor = visitor


def sees_by(access: Access) -> Sees:
    """Show pages to whom this lets in."""

    async def known(request: Request) -> Visitor:
        if (visitor := await access.visitor(RequestHead.of(request.scope))) is None:
            query = request.url.query
            raise NoVisitorError(f"{request.url.path}?{query}" if query else request.url.path)
        return visitor

    visitor_known = Depends(known)

    def sees(scope: Scope) -> Any:
        async def allowed(visitor: Visitor = visitor_known) -> Visitor:
            if not visitor.principal.allows(scope):
                raise NotAllowedError(visitor, scope)
            return visitor

        return Depends(allowed)

    return sees
