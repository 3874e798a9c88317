"""Operators step into calls: docs/console.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request

from phoneagent.calls.board import Board
from phoneagent.calls.operators import OperatorError
from phoneagent.calls.runner import CallRunner
from phoneagent.web.access.principal import Principal
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.deeds import Deeds
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import Needs
from phoneagent.web.api.lookup import CallId, unknown
from phoneagent.web.api.models import WantedTransfer, Words


def operating(needs: Needs, board: Board, deeds: Deeds) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["operating"])
    may_call = needs("call")

    @routes.post(
        "/calls/{id}/whisper", status_code=204, responses=declared(400, 404, 408, 409, 413), openapi_extra=body(Words)
    )
    async def whisper(request: Request, id: CallId, principal: Principal = may_call) -> None:
        """Tell the agent something that the caller does not hear. It knows it from its next answer on."""
        words = await read(request, Words)
        with acting_on(id) as call:
            call.operators.whisper(words.text, principal.name)
        await deeds.note(principal, "call.whisper", call.details.call_id)

    @routes.post(
        "/calls/{id}/say", status_code=204, responses=declared(400, 404, 408, 409, 413), openapi_extra=body(Words)
    )
    async def say(request: Request, id: CallId, principal: Principal = may_call) -> None:
        """Have the agent say these very words, as soon as it has said what it says now."""
        words = await read(request, Words)
        with acting_on(id) as call:
            call.operators.say(words.text, principal.name)
        await deeds.note(principal, "call.say", call.details.call_id)

    @routes.post(
        "/calls/{id}/transfer",
        status_code=202,
        responses=declared(400, 404, 408, 409, 413),
        openapi_extra=body(WantedTransfer),
    )
    async def transfer(request: Request, id: CallId, principal: Principal = may_call) -> None:
        """Have the caller connected with one of the agent's destinations. The call's events tell how that goes on."""
        wanted = await read(request, WantedTransfer)
        with acting_on(id) as call:
            call.operators.transfer(wanted.to, wanted.briefing, principal.name)
        await deeds.note(principal, "call.transfer", call.details.call_id, to=wanted.to)

    @contextmanager
    def acting_on(id: str) -> Iterator[CallRunner]:
        if (call := board.live_call(id)) is None:
            raise unknown()
        try:
            yield call
        except OperatorError as error:
            status = 422 if error.reason == "unknown_destination" else 409
            raise ApiError(status, error.reason, str(error)) from None

    return routes
