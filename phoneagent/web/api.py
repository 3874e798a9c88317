"""The API by which others have calls placed: docs/outbound.md. It has keys of its own, and needs no signature."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from hashlib import sha256
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from phoneagent.calls.outbound_request import DialRefusedError, DialRequest, Refusal
from phoneagent.core.dials import Dial
from phoneagent.store import StoreError
from phoneagent.store.dials import Asked
from phoneagent.store.keys import ApiKey, ApiKeys, KeyRefusedError
from phoneagent.web.body import read_body
from phoneagent.web.drain import Drain

log = logging.getLogger(__name__)

MAX_BODY = 16 * 1024  # bytes
MAX_KEY = 255  # characters of an Idempotency-Key

_STATUS: dict[Refusal, int] = {
    "unknown_agent": 422,
    "bad_from": 422,
    "bad_number": 422,
    "number_in_use": 409,
    "key_reused": 409,
    "too_many": 429,
    "over_limit": 429,
}

_BODY_PROBLEMS = {
    400: ("bad_request", "the body broke off"),
    408: ("too_slow", "the body did not come in time"),
    413: ("too_large", f"the body must not be larger than {MAX_BODY} bytes"),
}

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Dialer(Protocol):
    """What places the calls: `calls.outbound.Dialer`."""

    async def dial(self, request: DialRequest, asked: Asked | None = None) -> Dial:
        """Have a call placed. Raises DialRefusedError, StoreError."""

    async def get(self, dial_id: str) -> Dial | None:
        """How it stands. Raises StoreError."""

    async def cancel(self, dial_id: str) -> Dial | None:
        """End it. Raises StoreError."""


class WantedCall(BaseModel):
    """The body of `POST /api/calls`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    to: Name
    agent: Name
    from_: Annotated[Name | None, Field(alias="from")] = None
    variables: Annotated[dict[Name, Annotated[str, StringConstraints(max_length=4000)]], Field(max_length=50)] = {}

    def request(self) -> DialRequest:
        """The same for the dialer."""
        return DialRequest(self.to, self.agent, self.from_, self.variables)


class ApiError(Exception):
    """A request that is not done: `error` is a word for programs, `message` a sentence for people."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class _Route(APIRoute):
    """Answers every error in the same form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except ApiError as error:
                return _refusal(error.status, error.error, str(error))
            except DialRefusedError as error:
                return _refusal(_STATUS[error.refusal], error.refusal, str(error))
            except StoreError as error:
                log.error("the API has no database", extra={"reason": str(error)})
                return _refusal(503, "no_database", "the database does not answer: try again later")
            except HTTPException as error:
                return _refusal(error.status_code, *_BODY_PROBLEMS[error.status_code])

        return answer


def create_api(dialer: Dialer | None, keys: ApiKeys, drain: Drain) -> APIRouter:
    """The routes below /api. `dialer` None: this service has no account to call with, and says so."""
    api = APIRouter(prefix="/api", route_class=_Route)

    @api.post("/calls")
    async def place(request: Request) -> JSONResponse:
        key = await _authorized(request, keys)
        wanted = _read(await read_body(request, MAX_BODY))
        asked = _asked(request, key, wanted)
        if drain.begun:
            raise ApiError(503, "draining", "the service is coming to its end: try again in a moment")
        dial = await _able(dialer).dial(wanted.request(), asked)
        log.info("a call is wanted", extra={"dial": dial.id, "agent": dial.agent, "key_id": key.id})
        return JSONResponse(_shown(dial), 202, {"Location": f"/api/calls/{dial.id}"})

    @api.get("/calls/{dial_id}")
    async def look(request: Request, dial_id: str) -> JSONResponse:
        await _authorized(request, keys)
        return JSONResponse(_shown(_found(await _able(dialer).get(_id(dial_id)))))

    @api.delete("/calls/{dial_id}")
    async def cancel(request: Request, dial_id: str) -> JSONResponse:
        await _authorized(request, keys)
        return JSONResponse(_shown(_found(await _able(dialer).cancel(_id(dial_id)))), 202)

    return api


async def _authorized(request: Request, keys: ApiKeys) -> ApiKey:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise ApiError(401, "no_key", "the header Authorization: Bearer pa_… is missing: phoneagent keys create NAME")
    try:
        return await keys.check(text.strip())
    except KeyRefusedError as error:
        if error.known:
            raise ApiError(403, "key_refused", str(error)) from None
        raise ApiError(401, "wrong_key", str(error)) from None


def _able(dialer: Dialer | None) -> Dialer:
    if dialer is None:
        raise ApiError(
            503,
            "no_account",
            "this service can't place calls: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PHONEAGENT_PUBLIC_URL",
        )
    return dialer


def _read(body: bytes) -> WantedCall:
    try:
        return WantedCall.model_validate_json(body)
    except ValidationError as error:
        problems = (
            f"{'.'.join(str(part) for part in problem['loc']) or 'the body'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ApiError(422, "bad_request", "; ".join(problems)) from None


def _asked(request: Request, key: ApiKey, wanted: WantedCall) -> Asked | None:
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    if not (0 < len(given) <= MAX_KEY and given.isascii() and given.isprintable()):
        raise ApiError(422, "bad_request", f"Idempotency-Key must be 1 to {MAX_KEY} printable ASCII characters")
    canonical = json.dumps(asdict(wanted.request()), sort_keys=True)
    return Asked(key.id, given, sha256(canonical.encode()).hexdigest())


def _id(text: str) -> str:
    """What may be an id; PostgreSQL can't even be asked for a text with a NUL in it. Raises ApiError."""
    if not text.isprintable():
        raise ApiError(404, "unknown_call", "there is no such call")
    return text


def _found(dial: Dial | None) -> Dial:
    if dial is None:
        raise ApiError(404, "unknown_call", "there is no such call")
    return dial


def _shown(dial: Dial) -> dict[str, str | None]:
    return {
        "id": dial.id,
        "agent": dial.agent,
        "state": dial.state,
        "reason": dial.reason,
        "call_sid": dial.call_sid,
    }


def _refusal(status: int, error: str, message: str) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": error, "message": message}, status, headers)
