"""Calls from a browser: docs/console.md#phone."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from phoneagent.calls.browser import BrowserRefusedError, Why
from phoneagent.web.access.principal import Principal
from phoneagent.web.access.tickets import Holder
from phoneagent.web.api.backend import Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import CallingForbidden, MayCall
from phoneagent.web.api.lookup import CallId
from phoneagent.web.api.models import CLEAN, Name
from phoneagent.web.api.router import router

log = logging.getLogger(__name__)

routes = router("phone")

LONGEST_SOURCE = 256 * 1024  # characters
_STATUS: dict[Why, int] = {
    "unknown_agent": 422,
    "broken_agent": 422,
    "busy": 429,
    "too_many": 429,
    "over_limit": 429,
}


class WantedBrowserCall(BaseModel):
    """A call to an agent, from a browser."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"agent": "reception"}]})

    agent: Name
    source: Annotated[
        Annotated[str, StringConstraints(max_length=LONGEST_SOURCE, pattern=CLEAN)] | None,
        Field(description="The text of the agent's file, to try it before it is saved; else the saved one answers."),
    ] = None


class PlacedBrowserCall(BaseModel):
    """A call that waits for its media stream, for 20 s."""

    call_id: Annotated[str, Field(description="Our id of the call.")]
    call_sid: Annotated[str, Field(description="For the stream's `start`, like the two that follow.")]
    stream_sid: str
    token: str
    url: Annotated[str, Field(description="Of the WebSocket, good for one use within 30 s.")]


class WrittenText(BaseModel):
    """What the caller writes instead of saying it."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"text": "For two."}]})

    text: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=CLEAN, strip_whitespace=True)]


@routes.post("/phone", status_code=201, responses=declared(400, 408, 413, 429), openapi_extra=body(WantedBrowserCall))
async def call_from_browser(
    request: Request, backend: Given, who: MayCall, forbidden: CallingForbidden
) -> PlacedBrowserCall:
    """Call an agent from a browser, which then is a client of /media-stream as Twilio is."""
    wanted = await read(request, WantedBrowserCall, at_most=4 * LONGEST_SOURCE)
    if wanted.source is not None and not who.allows("admin"):  # it may run programs, and send secrets anywhere
        message = "who tries a text that is not saved needs the scope 'admin', as who saves it does"
        raise ApiError(403, "missing_scope", message)
    if backend.drain.begun:
        raise ApiError(503, "draining", "the service is coming to its end: try again in a moment")
    telephone = backend.telephone
    try:
        call = await telephone.phones.dial(_owner(who), who.name, wanted.agent, wanted.source)
    except BrowserRefusedError as error:
        told = "; ".join([str(error), *map(str, error.problems)])
        raise ApiError(_STATUS[error.why], error.why, told) from None
    telephone.attending.add(task := asyncio.create_task(telephone.phones.hang_up_when(forbidden, call.call_id)))
    task.add_done_callback(telephone.attending.discard)
    unsaved = None if wanted.source is None else True
    await backend.deeds.note(who, "call.place", call.call_id, agent=wanted.agent, where="browser", unsaved=unsaved)
    ticket = telephone.tickets.issue(Holder(who, call.call_sid))
    log.info("a call from a browser", extra={"call_id": call.call_id, "agent": wanted.agent})
    return PlacedBrowserCall(
        call_id=call.call_id,
        call_sid=call.call_sid,
        stream_sid=call.stream_sid,
        token=call.token,
        url=f"/media-stream?ticket={ticket}",
    )


@routes.post(
    "/calls/{id}/text",
    status_code=204,
    response_class=Response,
    responses=declared(400, 404, 408, 413),
    openapi_extra=body(WrittenText),
)
async def write_in_call(id: CallId, request: Request, backend: Given, who: MayCall) -> None:
    """Say something in writing, in a call from a browser that is one's own and goes on."""
    text = (await read(request, WrittenText)).text
    if not backend.telephone.phones.write(_owner(who), id, text):
        raise ApiError(404, "unknown_call", "there is no such call from a browser of yours that goes on")


def _owner(who: Principal) -> str:
    return f"{who.kind} {who.id}"
