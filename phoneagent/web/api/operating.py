"""Operators step into calls: docs/console.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from phoneagent.calls.board import Board
from phoneagent.calls.operators import OperatorError
from phoneagent.calls.runner import CallRunner
from phoneagent.web.api.backend import Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import MayCall
from phoneagent.web.api.lookup import CallId, unknown
from phoneagent.web.api.models import WantedTransfer, Words
from phoneagent.web.api.router import router

routes = router("operating")


@routes.post(
    "/calls/{id}/whisper", status_code=204, responses=declared(400, 404, 408, 409, 413), openapi_extra=body(Words)
)
async def whisper(request: Request, id: CallId, backend: Given, principal: MayCall) -> None:
    """Tell the agent something that the caller does not hear. It knows it from its next answer on."""
    words = await read(request, Words)
    with _acting_on(id, backend.board) as call:
        call.operators.whisper(words.text, principal.name)
    await backend.deeds.note(principal, "call.whisper", call.details.call_id)


@routes.post("/calls/{id}/say", status_code=204, responses=declared(400, 404, 408, 409, 413), openapi_extra=body(Words))
async def say(request: Request, id: CallId, backend: Given, principal: MayCall) -> None:
    """Have the agent say these very words, as soon as it has said what it says now."""
    words = await read(request, Words)
    with _acting_on(id, backend.board) as call:
        call.operators.say(words.text, principal.name)
    await backend.deeds.note(principal, "call.say", call.details.call_id)


@routes.post(
    "/calls/{id}/transfer",
    status_code=202,
    responses=declared(400, 404, 408, 409, 413),
    openapi_extra=body(WantedTransfer),
)
async def transfer(request: Request, id: CallId, backend: Given, principal: MayCall) -> None:
    """Have the caller connected with one of the agent's destinations. The call's events tell how that goes on."""
    wanted = await read(request, WantedTransfer)
    with _acting_on(id, backend.board) as call:
        call.operators.transfer(wanted.to, wanted.briefing, principal.name)
    await backend.deeds.note(principal, "call.transfer", call.details.call_id, to=wanted.to)


@contextmanager
def _acting_on(id: str, board: Board) -> Iterator[CallRunner]:
    if (call := board.live_call(id)) is None:
        raise unknown()
    try:
        yield call
    except OperatorError as error:
        status = 422 if error.reason == "unknown_destination" else 409
        raise ApiError(status, error.reason, str(error)) from None
