"""What is kept of calls is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Header, Query, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from phoneagent.records.export import call_document, row_document, transcript
from phoneagent.records.spreadsheet import call_lines
from phoneagent.web.api.backend import Given
from phoneagent.web.api.errors import declared
from phoneagent.web.api.guard import needs
from phoneagent.web.api.lookup import Answered, CallId, dialled
from phoneagent.web.api.models import Call, CallList, ListedCall, PlacedCall, Transcript
from phoneagent.web.api.queries import CallQuery, CallSelection, write_cursor
from phoneagent.web.api.router import router

routes = router("calls", needs("read"))


@routes.get("/calls")
async def list_calls(query: Annotated[CallQuery, Query()], backend: Given) -> CallList:
    """The calls that were answered, the newest first."""
    page = await backend.store.calls.page(query.filter(), after=query.after(), limit=query.limit)
    listed = [ListedCall.model_validate(row_document(row)) for row in page.calls]
    return CallList(calls=listed, next=page.following and write_cursor(page.following))


@routes.get(
    "/calls.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def list_calls_for_a_spreadsheet(query: Annotated[CallSelection, Query()], backend: Given) -> Any:
    """All of the calls as a table, the newest first. Texts that look like a formula begin with an apostrophe."""
    headers = {"Content-Disposition": 'attachment; filename="calls.csv"'}
    lines = call_lines(backend.store.calls.each(query.filter()))
    heading = await anext(lines, "")  # a database that is away is told of before the answer has begun
    return StreamingResponse(_joined(heading, lines), headers=headers, media_type="text/csv")


@routes.get("/calls/{id}", responses=declared(404))
async def get_call(id: CallId, backend: Given) -> Call | PlacedCall:
    """All that is known of a call; of one that nobody has answered, how it stands."""
    call = await backend.lookup.call(id)
    return call.shown() if isinstance(call, Answered) else dialled(call)


@routes.get(
    "/calls/{id}/transcript",
    response_model=Transcript,
    responses=declared(404) | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_transcript(
    id: CallId, backend: Given, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Any:
    """Who said what: as JSON; or as text, if that is what `Accept` names."""
    call = await backend.lookup.detail(id)
    if "text/plain" in accept and "json" not in accept:
        return PlainTextResponse(transcript(call), headers={"Vary": "Accept"})
    turns = call_document(call)["turns"]
    return Transcript(id=call.row.id, deleted=call.transcript_deleted, turns=turns)


async def _joined(first: str, others: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for line in others:
        yield line
