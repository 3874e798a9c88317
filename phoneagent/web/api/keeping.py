"""What is kept of calls is noted, held and deleted."""

from __future__ import annotations

import logging

from fastapi import Request

from phoneagent.web.access.principal import Principal
from phoneagent.web.api.backend import Backend, Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import MayAdminister, MayRead
from phoneagent.web.api.lookup import CallId, unknown
from phoneagent.web.api.models import DeletedRecord, Note, WantedNote
from phoneagent.web.api.router import router

log = logging.getLogger(__name__)

routes = router("keeping")


@routes.post(
    "/calls/{id}/notes", status_code=201, responses=declared(400, 404, 408, 413), openapi_extra=body(WantedNote)
)
async def add_note(request: Request, id: CallId, backend: Given, principal: MayRead) -> Note:
    """Write something about a call."""
    wanted = await read(request, WantedNote)
    call = await backend.lookup.detail(id)
    if (note := await backend.store.calls.add_note(call.row.id, principal.name, wanted.text)) is None:
        raise unknown()
    await backend.store.audit.note(principal.name, principal.kind, "call.note", call.row.id)
    return Note(id=note.id, author=note.author, text=note.text, created=note.created)


@routes.put("/calls/{id}/hold", status_code=204, responses=declared(404))
async def hold_call(id: CallId, backend: Given, principal: MayAdminister) -> None:
    """Keep a call whatever its retention says, and whoever wants it deleted."""
    await _hold(id, backend, principal, held=True)


@routes.delete("/calls/{id}/hold", status_code=204, responses=declared(404))
async def release_call(id: CallId, backend: Given, principal: MayAdminister) -> None:
    """Let its retention hold again for a call."""
    await _hold(id, backend, principal, held=False)


async def _hold(id: str, backend: Backend, principal: Principal, *, held: bool) -> None:
    call_id = (await backend.lookup.detail(id)).row.id
    if not await backend.store.calls.hold(call_id, held):
        raise unknown()
    log.info("a call is held" if held else "a call is no longer held", extra={"call_id": call_id, "by": principal.id})
    await backend.store.audit.note(principal.name, principal.kind, "call.hold" if held else "call.release", call_id)


@routes.delete("/calls/{id}/record", responses=declared(404, 409))
async def delete_record(id: CallId, backend: Given, principal: MayAdminister) -> DeletedRecord:
    """Delete a call that is over, with all that belongs to it, for good."""
    call_id = (await backend.lookup.detail(id)).row.id
    deleted = await backend.delete([call_id])
    if call_id not in deleted.calls:
        row = (await backend.lookup.detail(id)).row
        if row.ended is None:
            raise ApiError(409, "goes_on", "the call is not over yet: wait for its end, or end it")
        raise ApiError(409, "held", "the call is held: release it first")
    log.info("a call was deleted", extra={"call_id": call_id, "by": principal.id})
    await backend.store.audit.note(principal.name, principal.kind, "call.delete", call_id)
    return DeletedRecord(id=call_id, left=list(deleted.problems))
