"""How the API says no: always in the same form."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from phoneagent.calls.outbound_request import DialRefusedError, Refusal
from phoneagent.store import StoreError
from phoneagent.store.blobs import BlobError
from phoneagent.web.api.description import description

log = logging.getLogger(__name__)

MAX_BODY = 16 * 1024  # bytes


class Problem(BaseModel):
    """Why a request was not done."""

    error: Annotated[str, Field(description="A word for programs.", examples=["unknown_call"])]
    message: Annotated[str, Field(description="A sentence for people.", examples=["there is no such call"])]


class ApiError(Exception):
    """A request that is not done: `error` is a word for programs, `message` a sentence for people, `details` the rest
    of the answer."""

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        headers: dict[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.headers = headers
        self.details = details or {}


_REFUSED: dict[Refusal, int] = {
    "unknown_agent": 422,
    "bad_from": 422,
    "bad_number": 422,
    "number_in_use": 409,
    "key_reused": 409,
    "too_many": 429,
    "over_limit": 429,
}

_HTTP = {
    400: ("bad_request", "the body broke off"),
    404: ("unknown_path", "there is nothing at this path: /api/openapi.json says what there is"),
    405: ("wrong_method", "this method does nothing here: /api/openapi.json says what does"),
    408: ("too_slow", "the body did not come in time"),
    413: ("too_large", f"the body is too large: where nothing else is said, at most {MAX_BODY} bytes are read"),
}

_MEANING = {
    400: "The body broke off.",
    401: "No key, or none of this service.",
    403: "The key has been revoked, has expired, or lacks the scope.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "It can't be done as things stand.",
    413: "The body is too large.",
    412: "It is another by now.",
    416: "The recording is shorter than that.",
    422: "The request is not understood.",
    428: "The request does not say what it was made for.",
    429: "Too many calls wait, or the day's money is used up: later, perhaps.",
    503: "The service can't do it at the moment.",
}


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, as its description shows them."""
    return {status: {"model": Problem, "description": _MEANING[status]} for status in statuses}


def understand_errors(api: FastAPI) -> None:
    """Have every error answered in the form of `Problem`."""
    handlers: dict[type[Exception], Any] = {
        ApiError: _api_error,
        DialRefusedError: _dial_refused,
        StoreError: _no_database,
        BlobError: _no_recording,
        HTTPException: _http_error,
        RequestValidationError: _not_understood,
        Exception: _failed,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def not_understood(problems: Sequence[Any], *, where: str = "the body") -> ApiError:
    """The error for what pydantic did not understand: each with its place, none with its value."""
    said = (
        f"{'.'.join(map(str, problem['loc'])) or where}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in problems
    )
    return ApiError(422, "bad_request", "; ".join(said))


def body_not_understood(error: ValidationError) -> ApiError:
    """The error for a body that is not what it should be."""
    return not_understood(error.errors(include_input=False, include_url=False, include_context=False))


async def _api_error(request: Request, error: ApiError) -> JSONResponse:
    return _answer(error.status, error.error, str(error), error.headers, error.details)


async def _dial_refused(request: Request, error: DialRefusedError) -> JSONResponse:
    return _answer(_REFUSED[error.refusal], error.refusal, str(error))


async def _no_database(request: Request, error: StoreError) -> JSONResponse:
    log.error("the API has no database", extra={"reason": str(error)})
    return _answer(503, "no_database", "the database does not answer: try again later")


async def _no_recording(request: Request, error: BlobError) -> JSONResponse:
    log.error("the API can't read a recording", extra={"reason": str(error)})
    return _answer(503, "no_storage", "the recording can't be read at the moment: try again later")


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    headers = {"Allow": ", ".join(await _methods(request))} if error.status_code == 405 else None
    return _answer(error.status_code, *_HTTP[error.status_code], headers)


async def _methods(request: Request) -> list[str]:
    """What can be done at this path; Starlette names only what the first of its routes can."""
    paths = (await description(request.app))["paths"]
    itself = {"get": ...}  # the description, which leaves itself out
    return sorted(map(str.upper, paths.get(request.scope["route"].path, itself)))


async def _not_understood(request: Request, error: RequestValidationError) -> JSONResponse:
    problems = [problem | {"loc": problem["loc"][1:]} for problem in error.errors()]  # without "query", "header"
    return await _api_error(request, not_understood(problems))


async def _failed(request: Request, error: Exception) -> JSONResponse:
    return _answer(500, "failed", "the service has a fault: its log says more")


def _answer(
    status: int,
    error: str,
    message: str,
    headers: dict[str, str] | None = None,
    details: Mapping[str, Any] = MappingProxyType({}),
) -> JSONResponse:
    return JSONResponse({"error": error, "message": message, **details}, status, headers)
