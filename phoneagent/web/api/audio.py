"""The audio of a call in progress: for those who listen in, and for the operator who talks to the caller."""

from __future__ import annotations

import logging
from functools import partial

from fastapi import WebSocket

from phoneagent.calls.listening import ListeningFullError
from phoneagent.web.access.origin import is_ours
from phoneagent.web.access.tickets import LIFETIME_S, Holder
from phoneagent.web.api.backend import Given
from phoneagent.web.api.errors import declared
from phoneagent.web.api.guard import CallingForbidden, MayCall
from phoneagent.web.api.lookup import CallId, unknown
from phoneagent.web.api.models import AudioTicket
from phoneagent.web.api.operator_socket import OperatorSocket
from phoneagent.web.api.router import router
from phoneagent.web.guard import RequestHead

log = logging.getLogger(__name__)

routes = router("operating")


@routes.post("/calls/{id}/audio", status_code=201, responses=declared(404))
async def get_audio_ticket(id: CallId, backend: Given, principal: MayCall, forbidden: CallingForbidden) -> AudioTicket:
    """A ticket for the WebSocket at `url`, where both sides are heard, and the call is taken over."""
    if backend.board.live_call(id) is None:
        raise unknown()
    ticket = backend.audio_tickets.issue(Holder(principal, id, forbidden))
    return AudioTicket(url=f"/api/calls/{id}/audio?ticket={ticket}", ticket=ticket, expires_s=round(LIFETIME_S))


@routes.websocket("/calls/{id}/audio")
async def exchange_audio(websocket: WebSocket, backend: Given, id: str, ticket: str = "") -> None:
    holder, headers = backend.audio_tickets.redeem(ticket), RequestHead.of(websocket.scope).headers
    from_page = "origin" in headers or (holder is not None and holder.is_page)
    if holder is None or holder.call != id or (from_page and not is_ours(headers, backend.access.public_url)):
        log.warning("a listener is refused: the ticket or the Origin is not valid", extra={"call_id": id[:64]})
        await websocket.close()  # before accept, which makes it a 403
        return
    if (call := backend.board.live_call(id)) is None:
        await websocket.close()
        return
    await websocket.accept()
    note = partial(backend.deeds.note, holder.principal, call_id=call.details.call_id)
    socket = OperatorSocket(websocket, call.operators, holder, note)
    try:
        with backend.board.listen(id, socket):
            call.operators.listens(holder.principal.name)
            await socket.serve()
    except ListeningFullError:
        await socket.refuse("full")
