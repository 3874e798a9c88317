"""What is kept of calls is read, noted, held and deleted."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from phoneagent.records.erasure import Deleted
from phoneagent.records.export import call_document, row_document, transcript
from phoneagent.records.spreadsheet import call_lines
from phoneagent.store.audit import Audit
from phoneagent.store.calls import Calls
from phoneagent.web.access.principal import Principal
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import Needs
from phoneagent.web.api.lookup import Answered, CallId, Lookup, dialled, unknown
from phoneagent.web.api.models import (
    Call,
    CallList,
    DeletedRecord,
    ListedCall,
    Note,
    PlacedCall,
    Transcript,
    WantedNote,
)
from phoneagent.web.api.queries import CallQuery, CallSelection, write_cursor

log = logging.getLogger(__name__)

Delete = Callable[[Collection[str]], Awaitable[Deleted]]
"""`records.erasure.delete_calls` for calls of these ids."""


def reading(needs: Needs, lookup: Lookup, calls: Calls) -> APIRouter:
    """The routes for what is kept of calls."""
    routes = APIRouter(tags=["calls"], dependencies=[needs("read")])

    @routes.get("/calls")
    async def list_calls(query: Annotated[CallQuery, Query()]) -> CallList:
        """The calls that were answered, the newest first."""
        page = await calls.page(query.filter(), after=query.after(), limit=query.limit)
        listed = [ListedCall.model_validate(row_document(row)) for row in page.calls]
        return CallList(calls=listed, next=page.following and write_cursor(page.following))

    @routes.get(
        "/calls.csv",
        response_class=Response,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def list_calls_for_a_spreadsheet(query: Annotated[CallSelection, Query()]) -> Any:
        """All of the calls as a table, the newest first. Texts that look like a formula begin with an apostrophe."""
        headers = {"Content-Disposition": 'attachment; filename="calls.csv"'}
        lines = call_lines(calls.each(query.filter()))
        heading = await anext(lines, "")  # a database that is away is told of before the answer has begun
        return StreamingResponse(_joined(heading, lines), headers=headers, media_type="text/csv")

    @routes.get("/calls/{id}", responses=declared(404))
    async def get_call(id: CallId) -> Call | PlacedCall:
        """All that is known of a call; of one that nobody has answered, how it stands."""
        call = await lookup.call(id)
        return call.shown() if isinstance(call, Answered) else dialled(call)

    @routes.get(
        "/calls/{id}/transcript",
        response_model=Transcript,
        responses=declared(404) | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def get_transcript(id: CallId, accept: Annotated[str, Header(include_in_schema=False)] = "") -> Any:
        """Who said what: as JSON; or as text, if that is what `Accept` names."""
        call = await lookup.detail(id)
        if "text/plain" in accept and "json" not in accept:
            return PlainTextResponse(transcript(call), headers={"Vary": "Accept"})
        turns = call_document(call)["turns"]
        return Transcript(id=call.row.id, deleted=call.transcript_deleted, turns=turns)

    return routes


async def _joined(first: str, others: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for line in others:
        yield line


def keeping(needs: Needs, lookup: Lookup, calls: Calls, audit: Audit, delete: Delete) -> APIRouter:
    """The routes that change what is kept of calls. `audit` keeps who has done so."""
    routes = APIRouter(tags=["keeping"])
    may_read, may_administer = needs("read"), needs("admin")

    @routes.post(
        "/calls/{id}/notes", status_code=201, responses=declared(400, 404, 408, 413), openapi_extra=body(WantedNote)
    )
    async def add_note(request: Request, id: CallId, principal: Principal = may_read) -> Note:
        """Write something about a call."""
        wanted = await read(request, WantedNote)
        call = await lookup.detail(id)
        if (note := await calls.add_note(call.row.id, principal.name, wanted.text)) is None:
            raise unknown()
        await audit.note(principal.name, principal.kind, "call.note", call.row.id)
        return Note(id=note.id, author=note.author, text=note.text, created=note.created)

    @routes.put("/calls/{id}/hold", status_code=204, responses=declared(404))
    async def hold_call(id: CallId, principal: Principal = may_administer) -> None:
        """Keep a call whatever its retention says, and whoever wants it deleted."""
        await hold(id, principal, held=True)

    @routes.delete("/calls/{id}/hold", status_code=204, responses=declared(404))
    async def release_call(id: CallId, principal: Principal = may_administer) -> None:
        """Let its retention hold again for a call."""
        await hold(id, principal, held=False)

    async def hold(id: str, principal: Principal, *, held: bool) -> None:
        call_id = (await lookup.detail(id)).row.id
        if not await calls.hold(call_id, held):
            raise unknown()
        log.info(
            "a call is held" if held else "a call is no longer held", extra={"call_id": call_id, "by": principal.id}
        )
        await audit.note(principal.name, principal.kind, "call.hold" if held else "call.release", call_id)

    @routes.delete("/calls/{id}/record", responses=declared(404, 409))
    async def delete_record(id: CallId, principal: Principal = may_administer) -> DeletedRecord:
        """Delete a call that is over, with all that belongs to it, for good."""
        call_id = (await lookup.detail(id)).row.id
        deleted = await delete([call_id])
        if call_id not in deleted.calls:
            row = (await lookup.detail(id)).row
            if row.ended is None:
                raise ApiError(409, "goes_on", "the call is not over yet: wait for its end, or end it")
            raise ApiError(409, "held", "the call is held: release it first")
        log.info("a call was deleted", extra={"call_id": call_id, "by": principal.id})
        await audit.note(principal.name, principal.kind, "call.delete", call_id)
        return DeletedRecord(id=call_id, left=list(deleted.problems))

    return routes
