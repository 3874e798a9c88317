"""The HTTP side of the service: Twilio's webhooks, the portable media route, health."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import partial
from urllib.parse import parse_qsl

from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import ImmutableMultiDict
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.documents import Document, twiml
from phoneagent.twilio.webhook import IncomingCall, WebhookError
from phoneagent.web.body import read_body
from phoneagent.web.drain import Drain
from phoneagent.web.guard import Guard, LoopbackOnly, RequestHead
from phoneagent.web.media import serve_media
from phoneagent.web.ports import Switchboard

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024  # bytes
MAX_FIELDS = 500

Form = ImmutableMultiDict[str, str]


def create_app(
    switchboard: Switchboard,
    public_url: str,
    guard: Guard,
    drain: Drain,
    lifespan: Lifespan[FastAPI] | None = None,
    site: ASGIApp | None = None,
    remarks: Callable[[], list[str]] = list,
) -> FastAPI:
    """The ASGI application. `public_url` is the origin that Twilio sees, of which the TwiML's URLs are made.

    `site` is what serves every other path, and looks itself who may use it; `remarks` is what is wrong though calls are
    answered. Runs on any ASGI server; `web.server` adds what only ours does, and is the one that begins the `drain`.
    """
    app = FastAPI(title="phoneagent", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    addresses = Addresses(public_url)

    @app.api_route("/incoming", methods=["GET", "POST"])
    async def incoming(request: Request) -> Response:
        params = await _signed_params(request, guard)
        answer = switchboard.answer(IncomingCall.parse(params), draining=drain.begun)
        return _twiml(twiml(answer, addresses))

    def asks(path: str, answer: Callable[[Form], Document]) -> None:
        """A webhook that asks how a line goes on."""

        @app.post(path)
        async def asked(request: Request) -> Response:
            params = await _signed_params(request, guard)
            IncomingCall.parse(params)
            return _twiml(twiml(answer(params), addresses))

    def tells(path: str, take_note: Callable[[Form], None]) -> None:
        """A webhook that only tells something."""

        @app.post(path, status_code=204)
        async def told(request: Request) -> None:
            take_note(await _signed_params(request, guard))

    asks("/stream-ended", switchboard.after_stream)
    asks("/next", switchboard.next)
    asks("/transfer-ended", switchboard.transfer_ended)
    asks("/transfer-human", partial(switchboard.person_asks, "transfer-human"))
    asks("/transfer-answer", partial(switchboard.person_asks, "transfer-answer"))
    tells("/status", switchboard.status)
    tells("/machine", switchboard.machine)
    tells("/transfer-status", partial(switchboard.person_news, "transfer-status"))
    tells("/transfer-room", partial(switchboard.person_news, "transfer-room"))

    @app.websocket("/media-stream")
    @app.websocket("/media-stream/")
    async def media_stream(websocket: WebSocket) -> None:
        await serve_media(websocket, guard, switchboard.admit)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        reasons = (["draining"] if drain.begun else []) + switchboard.reasons_not_ready()
        body = {"ready": not reasons, "reasons": reasons, "remarks": remarks()}
        return JSONResponse(body, 503 if reasons else 200)

    @app.exception_handler(WebhookError)
    async def bad_webhook(request: Request, error: Exception) -> Response:
        log.warning("webhook not understood", extra={"path": request.url.path, "reason": str(error)})
        return Response(f"{error}\n", 400, media_type="text/plain")

    if isinstance(guard, LoopbackOnly):
        paths = frozenset(route.path for route in app.routes if isinstance(route, Route))
        app.add_middleware(_LoopbackMiddleware, guard=guard, paths=paths)
    if site is not None:
        app.router.default = site  # a mount leaves out paths with line breaks
    return app


class _LoopbackMiddleware:
    """Refuses requests from outside of this machine for these paths. The others look themselves who may use them."""

    def __init__(self, app: ASGIApp, guard: LoopbackOnly, paths: Collection[str]) -> None:
        self._app = app
        self._guard = guard
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guarded = scope["type"] == "http" and scope["path"] in self._paths
        if guarded and not self._guard.serves(RequestHead.of(scope)):
            await Response("Forbidden\n", 403, media_type="text/plain")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _signed_params(request: Request, guard: Guard) -> Form:
    """All parameters of a webhook, once it has proved to be one of ours.

    Raises HTTPException: 400, 408, 413 for a body that is not read, 403 for a request that is not served.
    """
    form = _fields(await read_body(request, MAX_BODY)) if request.method == "POST" else Form()
    if not guard.webhook(RequestHead.of(request.scope), form):
        raise HTTPException(403)
    return Form([*request.query_params.multi_items(), *form.multi_items()])


def _fields(body: bytes) -> Form:
    try:
        return Form(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise HTTPException(400, "the body is not a form of at most 500 fields in UTF-8") from None


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
