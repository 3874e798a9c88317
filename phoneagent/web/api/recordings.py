"""The audio of calls, whole or in parts."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import Header, Query, Response
from fastapi.responses import StreamingResponse

from phoneagent.core.records import RecordingKept
from phoneagent.store.blobs import BlobError, NoBlobError
from phoneagent.store.calls import CallDetail
from phoneagent.web.api.backend import Given
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import needs
from phoneagent.web.api.lookup import CallId
from phoneagent.web.api.models import Peaks
from phoneagent.web.api.router import router

_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".opus": "audio/ogg"}
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
_AUDIO = {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _TYPES.values()}}

routes = router("calls", needs("read"))

Wanted = Annotated[
    str | None,
    Query(alias="name", max_length=255, description="Which of the call's `recordings`; else the longest of them."),
]


@routes.get(
    "/calls/{id}/recording",
    response_class=Response,
    responses=declared(404, 416)
    | {
        200: {"description": "All of it.", **_AUDIO},
        206: {"description": "The bytes that were asked for.", **_AUDIO},
        304: {"description": "It is the one that the client has."},
    },
)
async def get_recording(
    id: CallId,
    backend: Given,
    name: Wanted = None,
    wanted: Annotated[str, Header(alias="Range", description="Such as bytes=0-65535.")] = "",
    if_range: Annotated[str, Header(include_in_schema=False)] = "",
    if_none_match: Annotated[str, Header(include_in_schema=False)] = "",
) -> Any:
    """The recording of a call: the caller left, the agent right. Its `ETag` is its SHA-256."""
    kept = _recording(await backend.lookup.detail(id), name)
    etag = f'"{kept.sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if etag in if_none_match:
        return Response(status_code=304, headers=headers)
    part = _part(wanted, kept.size) if if_range in ("", etag) else None
    start, stop = part or (0, kept.size)
    try:
        blob = await backend.files.read(kept.name, start, stop)
    except NoBlobError:
        raise _not_there() from None
    if blob.size != kept.size:
        raise BlobError(f"{kept.name} is not what was recorded: it has {blob.size} bytes, not {kept.size}")
    headers["Content-Length"] = str(stop - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{kept.size}"
    path = PurePosixPath(kept.name)
    headers["Content-Disposition"] = f'inline; filename="{path.name}"'
    return StreamingResponse(blob.chunks, 200 if part is None else 206, headers, _TYPES[path.suffix])


@routes.get("/calls/{id}/recording/peaks", responses=declared(404))
async def get_peaks(id: CallId, backend: Given, name: Wanted = None) -> Peaks:
    """How loud both sides of a recording are, for drawing it."""
    kept = _recording(await backend.lookup.detail(id), name)
    try:
        found = await backend.peaks_of.recording(kept.name, kept.sha256)
    except NoBlobError:
        raise _not_there() from None
    return Peaks(at_s=kept.at_s, step_s=found.step_s, caller=found.caller, agent=found.agent)


def _recording(call: CallDetail, name: str | None) -> RecordingKept:
    """The recording to be heard: that of this name; without one, the longest. Raises ApiError."""
    there = [stored.kept for stored in call.recordings if stored.place != "gone" and name in (None, stored.kept.name)]
    if there:
        return max(there, key=lambda kept: kept.duration_s)
    if name is not None and all(stored.kept.name != name for stored in call.recordings):
        why = "there is no recording of this name: the call names those that there are"
    elif call.row.ended is None:
        why = "the call is not over yet: if it is recorded, the recording is there afterwards"
    else:
        why = "the recording has been deleted" if call.recordings else "there is no recording of this call"
    raise ApiError(404, "no_recording", why)


def _not_there() -> ApiError:
    return ApiError(404, "no_recording", "the recording is not where it should be")


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """The bytes that a Range header means, from and to before; None for all, as for what it may not mean.

    Raises ApiError if the recording has none of them.
    """
    if (match := _RANGE.fullmatch(wanted)) is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise ApiError(416, "no_such_part", f"the recording has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return start, stop
