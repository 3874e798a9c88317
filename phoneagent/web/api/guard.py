"""Who may use the API: whoever bears a key with the scope, and the console's pages for whoever has logged in there.

That is asked before anything else is looked at.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from phoneagent.core.scopes import Scope
from phoneagent.store.keys import ApiKeys, KeyRefusedError
from phoneagent.web.access.access import COOKIE, Access
from phoneagent.web.access.origin import SAFE, is_foreign
from phoneagent.web.access.principal import Principal
from phoneagent.web.access.stays import Forbidden
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.api.backend import Given
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
_Key = Annotated[HTTPAuthorizationCredentials | None, Depends(_KEY)]
_Cookie = Annotated[str | None, Depends(_SESSION)]
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


async def _known(request: Request, backend: Given, key: _Key, cookie: _Cookie) -> Principal:
    if key is not None:
        return await _by_key(backend.store.keys, key.credentials.strip())
    if cookie is not None:
        return await _by_session(backend.access, request)
    message = "the header Authorization: Bearer pa_… is missing: phoneagent keys create NAME"
    raise ApiError(401, "no_key", message, _CHALLENGE)


async def _by_key(keys: ApiKeys, text: str) -> Principal:
    try:
        key = await keys.check(text)
    except KeyRefusedError as error:
        if error.known:
            raise ApiError(403, "key_refused", str(error)) from None
        raise ApiError(401, "wrong_key", str(error), _CHALLENGE) from None
    return Principal("key", key.id, key.name, key.scopes)


async def _by_session(access: Access, request: Request) -> Principal:
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


_Known = Annotated[Principal, Depends(_known)]


def needs(scope: Scope) -> Any:
    """The dependency of what is for somebody with this scope: gives the Principal. Raises ApiError and StoreError."""

    async def allowed(principal: _Known) -> Principal:
        if principal.allows(scope):
            return principal
        if principal.kind == "key":
            make = f"phoneagent keys create NAME --scope {scope}"
            raise ApiError(403, "missing_scope", f"the API key lacks the scope {scope!r}: {make}")
        raise ApiError(403, "missing_scope", f"your role lacks the scope {scope!r}: an admin may change it")

    return Security(allowed, scopes=[scope])


def needs_for_longer(scope: Scope) -> Any:
    """The dependency of what takes its time, beside `needs`: gives `Forbidden`. Asks nothing at first."""

    async def later(request: Request, backend: Given, key: _Key, cookie: _Cookie) -> Forbidden:
        async def still_allowed() -> bool:
            try:
                return (await _known(request, backend, key, cookie)).allows(scope)
            except ApiError:
                return False

        return partial(backend.access.stays.until_forbidden, still_allowed)

    return Depends(later)


async def _then_ask_again(backend: Given) -> AsyncIterator[None]:
    yield
    backend.access.stays.ask_again()


MayRead = Annotated[Principal, needs("read")]
MayCall = Annotated[Principal, needs("call")]
MayAdminister = Annotated[Principal, needs("admin")]
ReadingForbidden = Annotated[Forbidden, needs_for_longer("read")]
CallingForbidden = Annotated[Forbidden, needs_for_longer("call")]

CHANGES_RIGHTS = Depends(_then_ask_again)
"""Of routes that change who may do what: whoever was let in for longer is looked at again."""


def visitor_of(request: Request) -> Visitor | None:
    """Who has logged in, of a request that was let in; None if it was by a key."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    return visitor
