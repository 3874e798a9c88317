"""What happens now: all calls in progress, and each of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from phoneagent.calls.board import Board
from phoneagent.web.access.stays import Forbidden
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import Needs
from phoneagent.web.api.lookup import CallId, unknown
from phoneagent.web.api.streams import EventStream
from phoneagent.web.drain import Drain

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


def live(needs: Needs, board: Board, drain: Drain) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["live"], dependencies=[needs("read")])
    for_longer = needs.longer("read")

    @routes.get("/live", response_class=Response, responses=_EVENTS | declared(503))
    async def watch_calls(last_event_id: LastEventId = "", forbidden: Forbidden = for_longer) -> Response:
        """Watch all calls in progress, and the service."""
        if board.full:
            raise _too_many()
        return EventStream(board.overview(last_event_id), drain, forbidden)

    @routes.get("/calls/{id}/live", response_class=Response, responses=_EVENTS | declared(404, 503))
    async def watch_call(id: CallId, last_event_id: LastEventId = "", forbidden: Forbidden = for_longer) -> Response:
        """Watch a call in progress: what is said, as it is heard, and all that happens, until it is over."""
        if board.full:
            raise _too_many()
        if not board.has(id):
            raise unknown()
        if board.seen(id, last_event_id):
            return Response(status_code=204)
        return EventStream(board.close_up(id, last_event_id), drain, forbidden)

    return routes


def _too_many() -> ApiError:
    return ApiError(503, "too_many_watchers", "too many watch already: close pages that nobody looks at")
