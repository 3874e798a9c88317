"""Who sees a page of the console: whoever has a session, and a role with the scope."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request

from phoneagent.core.scopes import Scope
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.console.sources import Given
from phoneagent.web.guard import RequestHead


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


async def _known(request: Request, sources: Given) -> Visitor:
    if (visitor := await sources.access.visitor(RequestHead.of(request.scope))) is None:
        query = request.url.query
        raise NoVisitorError(f"{request.url.path}?{query}" if query else request.url.path)
    return visitor


_Known = Annotated[Visitor, Depends(_known)]


def _sees(scope: Scope) -> Any:
    async def allowed(visitor: _Known) -> Visitor:
        if not visitor.principal.allows(scope):
            raise NotAllowedError(visitor, scope)
        return visitor

    return Depends(allowed)


Viewer = Annotated[Visitor, _sees("read")]
Operator = Annotated[Visitor, _sees("call")]
Admin = Annotated[Visitor, _sees("admin")]
