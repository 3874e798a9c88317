"""The way in to the console, and out."""

from __future__ import annotations

import hmac
import logging
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from phoneagent.web.access.access import COOKIE, DEVICE_COOKIE, CrowdedError, device_cookie
from phoneagent.web.access.origin import is_foreign, is_local_path
from phoneagent.web.address import is_loopback
from phoneagent.web.body import read_body
from phoneagent.web.console.pages import render
from phoneagent.web.console.sources import Given
from phoneagent.web.guard import RequestHead, host_of, of_this_machine

log = logging.getLogger(__name__)

MAX_FORM = 8 * 1024  # bytes
TRY_AGAIN_S = 5  # when too many log in at once
DEVICE_KEPT_S = 180 * 24 * 3600

routes = APIRouter()


@routes.get("/login")
async def show(request: Request, sources: Given, next: Annotated[str, Query()] = "/") -> Response:
    access = sources.access
    head = RequestHead.of(request.scope)
    if await access.visitor(head) is not None:
        return _on_to(next)
    if await access.has_passwords():
        return _login(request, next)
    if (cookie := await access.walk_in(head)) is not None:
        return _with_session(_on_to(next), cookie, head)
    text = access.without_password[0].upper() + access.without_password[1:] + "."
    return render(request, "message.html", None, status=403, heading="Not from here", text=text)


@routes.post("/login")
async def log_in(request: Request, sources: Given) -> Response:
    access = sources.access
    head = RequestHead.of(request.scope)
    if is_foreign(head.headers, access.public_url):
        raise HTTPException(403)
    fields = await _form(request)
    name, password, next_ = fields.get("name", ""), fields.get("password", ""), fields.get("next", "/")
    if _is_plain_http(head):
        problem = "Nobody logs in over plain http from another machine: the password could be read on its way."
        return _login(request, next_, name, problem, status=403)
    known = access.throttle.known(name, device_cookie(head))
    if (wait_s := await access.throttle.attempt(name, head.peer, known)) is not None:
        log.warning("too many logins", extra={"peer": head.peer})
        return _busy(request, next_, name, wait_s)
    try:
        cookie = await access.log_in(name, password, head.peer)
    except CrowdedError:
        return _busy(request, next_, name, TRY_AGAIN_S)
    if cookie is None:
        log.warning("a login was refused", extra={"peer": head.peer})
        return _login(request, next_, name, "Name or password is wrong.", status=401)
    access.throttle.succeeded(name, head.peer, known)
    await access.log_out(head)
    response = _with_session(_on_to(next_), cookie, head)
    return _with_cookie(response, DEVICE_COOKIE, access.throttle.device(name), head, "/login", DEVICE_KEPT_S)


@routes.post("/logout")
async def log_out(request: Request, sources: Given) -> Response:
    access = sources.access
    head = RequestHead.of(request.scope)
    fields = await _form(request)
    if (visitor := await access.visitor(head)) is not None:
        token = fields.get("csrf", "")
        if is_foreign(head.headers, access.public_url) or not hmac.compare_digest(
            token.encode(), visitor.csrf.encode()
        ):
            raise HTTPException(403)
        await access.log_out(head)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


def _login(request: Request, next_: str, name: str = "", problem: str = "", *, status: int = 200) -> HTMLResponse:
    return render(request, "login.html", None, status=status, next=next_, name=name, problem=problem)


def _busy(request: Request, next_: str, name: str, wait_s: int) -> Response:
    wait = f"{wait_s} seconds" if wait_s < 90 else f"{round(wait_s / 60)} minutes"
    response = _login(request, next_, name, f"Too many attempts. Try again in {wait}.", status=429)
    response.headers["Retry-After"] = str(wait_s)
    return response


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException."""
    body = (await read_body(request, MAX_FORM)).decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _on_to(wanted: str) -> RedirectResponse:
    return RedirectResponse(wanted if is_local_path(wanted) else "/", 303)


def _with_session(response: RedirectResponse, cookie: str, head: RequestHead) -> RedirectResponse:
    return _with_cookie(response, COOKIE, cookie, head)


def _with_cookie(
    response: RedirectResponse, name: str, value: str, head: RequestHead, path: str = "/", max_age: int | None = None
) -> RedirectResponse:
    secure = not of_this_machine(head)  # whatever comes from elsewhere comes by TLS, if only as far as a proxy
    response.set_cookie(name, value, max_age, path=path, httponly=True, samesite="lax", secure=secure)
    return response


def _is_plain_http(head: RequestHead) -> bool:
    """Whether the page was loaded over http from another machine. Its browser would not keep the cookie, either."""
    origin = head.headers.get("origin", "")
    return origin.startswith("http:") and not is_loopback(host_of(origin))
