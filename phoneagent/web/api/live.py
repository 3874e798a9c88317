"""What happens now: all calls in progress, and each of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Response

from phoneagent.web.api.backend import Given
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import ReadingForbidden, needs
from phoneagent.web.api.lookup import CallId, unknown
from phoneagent.web.api.router import router
from phoneagent.web.api.streams import EventStream

LastEventId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        max_length=40,
        description="The id of the last event that was got, for those who come back: they miss nothing.",
    ),
]


_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: docs/console.md says which.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "There is nothing more to come after that event: do not come back."},
}

routes = router("live", needs("read"))


@routes.get("/live", response_class=Response, responses=_EVENTS | declared(503))
async def watch_calls(backend: Given, forbidden: ReadingForbidden, last_event_id: LastEventId = "") -> Response:
    """Watch all calls in progress, and the service."""
    if backend.board.full:
        raise _too_many()
    return EventStream(backend.board.overview(last_event_id), backend.drain, forbidden)


@routes.get("/calls/{id}/live", response_class=Response, responses=_EVENTS | declared(404, 503))
async def watch_call(
    id: CallId, backend: Given, forbidden: ReadingForbidden, last_event_id: LastEventId = ""
) -> Response:
    """Watch a call in progress: what is said, as it is heard, and all that happens, until it is over."""
    if backend.board.full:
        raise _too_many()
    if not backend.board.has(id):
        raise unknown()
    if backend.board.seen(id, last_event_id):
        return Response(status_code=204)
    return EventStream(backend.board.close_up(id, last_event_id), backend.drain, forbidden)


def _too_many() -> ApiError:
    return ApiError(503, "too_many_watchers", "too many watch already: close pages that nobody looks at")
