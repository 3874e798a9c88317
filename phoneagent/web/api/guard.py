"""Who may use the API: whoever bears a key with the scope, and the console's pages for whoever has logged in there.

That is asked before anything else is looked at.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from phoneagent.core.scopes import Scope
from phoneagent.store.keys import ApiKeys, KeyRefusedError
from phoneagent.web.access.access import COOKIE, Access
from phoneagent.web.access.origin import SAFE, is_foreign
from phoneagent.web.access.principal import Principal
from phoneagent.web.access.stays import Forbidden, Stays
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.api.errors import ApiError
from phoneagent.web.guard import RequestHead

CSRF_HEADER = "X-CSRF-Token"

_KEY = HTTPBearer(
    scheme_name="key", bearerFormat="pa_…", description="`phoneagent keys create NAME` makes one.", auto_error=False
)
_SESSION = APIKeyCookie(
    scheme_name="session",
    name=COOKIE,
    description=f"Of the console. What changes something needs the header {CSRF_HEADER}, too, as the page says.",
    auto_error=False,
)
_Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_KEY)]
_Cookie = Annotated[str | None, Depends(_SESSION)]
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def guard_by(keys: ApiKeys, access: Access) -> Needs:
    """Let in whom these let in."""

    async def known(request: Request, given: _Given, cookie: _Cookie) -> Principal:
        if given is not None:
            return await by_key(given.credentials.strip())
        if cookie is not None:
            return await by_session(request)
        message = "the header Authorization: Bearer pa_… is missing: phoneagent keys create NAME"
        raise ApiError(401, "no_key", message, _CHALLENGE)

    async def by_key(text: str) -> Principal:
        try:
            key = await keys.check(text)
        except KeyRefusedError as error:
            if error.known:
                raise ApiError(403, "key_refused", str(error)) from None
            raise ApiError(401, "wrong_key", str(error), _CHALLENGE) from None
        return Principal("key", key.id, key.name, key.scopes)

    async def by_session(request: Request) -> Principal:
        head = RequestHead.of(request.scope)
        if (visitor := await access.visitor(head)) is None:
            raise ApiError(401, "no_session", "you are no longer logged in: log in again", _CHALLENGE)
        if is_foreign(head.headers, access.public_url):
            raise ApiError(403, "csrf", "the request comes from a page of somebody else's")
        token = head.headers.get(CSRF_HEADER.lower(), "")
        if request.method not in SAFE and not hmac.compare_digest(token.encode(), visitor.csrf.encode()):
            raise ApiError(403, "csrf", f"the header {CSRF_HEADER} must be as the console's page says: load it again")
        request.state.visitor = visitor
        return visitor.principal

    return Needs(known, access.stays)


class Needs:
    """What routes need: their dependencies, which raise ApiError and StoreError."""

    def __init__(self, known: Callable[..., Awaitable[Principal]], stays: Stays) -> None:
        self._known = known
        self._stays = stays

    def __call__(self, scope: Scope) -> Any:
        """Somebody with this scope: gives the Principal."""
        known = Depends(self._known)

        async def allowed(principal: Principal = known) -> Principal:
            if principal.allows(scope):
                return principal
            if principal.kind == "key":
                make = f"phoneagent keys create NAME --scope {scope}"
                raise ApiError(403, "missing_scope", f"the API key lacks the scope {scope!r}: {make}")
            raise ApiError(403, "missing_scope", f"your role lacks the scope {scope!r}: an admin may change it")

        return Security(allowed, scopes=[scope])

    def longer(self, scope: Scope) -> Any:
        """For what takes its time: gives `Forbidden`. Asks nothing at first."""

        async def later(request: Request, given: _Given, cookie: _Cookie) -> Forbidden:
            async def still_allowed() -> bool:
                try:
                    return bool((await self._known(request, given, cookie)).allows(scope))
                except ApiError:
                    return False

            return partial(self._stays.until_forbidden, still_allowed)

        return Depends(later)


def visitor_of(request: Request) -> Visitor | None:
    """Who has logged in, of a request that was let in; None if it was by a key."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    return visitor
