"""The page of one call: live while it goes on, its record afterwards."""

from __future__ import annotations

import asyncio
import json

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from phoneagent.records.export import call_document, transcript
from phoneagent.store.calls import CallDetail
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.console.pages import render
from phoneagent.web.console.sees import Viewer
from phoneagent.web.console.sources import Given, Sources
from phoneagent.web.console.timeline import legend, timeline
from phoneagent.web.console.wording import PARTS, USED

routes = APIRouter()

RECORD_WITHIN_S = 5.0  # of the end of a call; usually it takes less than three
LOOKED_EVERY_S = 0.2


@routes.get("/calls/{id}")
async def show_call(request: Request, id: str, sources: Given, visitor: Viewer) -> HTMLResponse:
    call = await _latest(id, sources)
    if call is None and not sources.live(id):
        return _unknown(request, visitor)
    if call is None or call.row.ended is None:
        return render(request, "live_call.html", visitor, id=id if call is None else call.row.id)
    items = list(timeline(call))
    return render(
        request,
        "call.html",
        visitor,
        call=call,
        row=call.row,
        timeline=items,
        legend=legend(items),
        recordings=[stored.kept for stored in call.recordings if stored.place != "gone"],
        counters={name: count for name, count in call.counters.items() if count},
        parts=PARTS,
        used=USED,
    )


@routes.get("/calls/{id}/transcript.txt")
async def download_transcript(request: Request, id: str, sources: Given, visitor: Viewer) -> Response:
    call = await sources.store.calls.get(id)
    if call is None:
        return _unknown(request, visitor)
    return PlainTextResponse(transcript(call), headers=_as_file(call, "txt"))


@routes.get("/calls/{id}/call.json")
async def download_call(request: Request, id: str, sources: Given, visitor: Viewer) -> Response:
    call = await sources.store.calls.get(id)
    if call is None:
        return _unknown(request, visitor)
    text = json.dumps(call_document(call), indent=2, ensure_ascii=False)
    return Response(text, headers=_as_file(call, "json"), media_type=JSONResponse.media_type)


async def _latest(id: str, sources: Sources) -> CallDetail | None:
    """What is kept of a call; of one that ended a moment ago, with its end."""
    call = await sources.store.calls.get(id)
    for _ in range(round(RECORD_WITHIN_S / LOOKED_EVERY_S)):
        if not sources.over(id) or (call is not None and call.row.ended is not None):
            break
        await asyncio.sleep(LOOKED_EVERY_S)
        call = await sources.store.calls.get(id)
    return call


def _unknown(request: Request, visitor: Visitor) -> HTMLResponse:
    words = "It may have been deleted, or nobody has answered it yet."
    return render(request, "message.html", visitor, status=404, heading="There is no such call", text=words)


def _as_file(call: CallDetail, suffix: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{call.row.id}.{suffix}"'}
