"""Calls are placed and ended: docs/outbound.md."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Annotated

from fastapi import Header, Request, Response

from phoneagent.calls.outbound_request import DialRequest
from phoneagent.calls.runner import CallRunner
from phoneagent.core.dials import Dial
from phoneagent.store.dials import Asked
from phoneagent.web.access.principal import Principal
from phoneagent.web.api.backend import Backend, Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import MayCall
from phoneagent.web.api.lookup import CallId, dialled
from phoneagent.web.api.models import PlacedCall, WantedCall
from phoneagent.web.api.ports import Dialer
from phoneagent.web.api.router import router

log = logging.getLogger(__name__)

routes = router("placing")


@routes.post(
    "/calls",
    status_code=202,
    responses=declared(400, 408, 409, 413, 429),
    openapi_extra=body(WantedCall),
)
async def place_call(
    request: Request,
    response: Response,
    backend: Given,
    principal: MayCall,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern="^[ -~]+$",
            description="The same key with the same body is the same call.",
        ),
    ] = None,
) -> PlacedCall:
    """Have an agent call somebody."""
    wanted = await read(request, WantedCall)
    request_ = DialRequest(wanted.to, wanted.agent, wanted.from_, wanted.variables)
    if backend.drain.begun:
        raise ApiError(503, "draining", "the service is coming to its end: try again in a moment")
    dial, new = await _able(backend.dialer).dial(request_, _asked(principal, idempotency_key, request_))
    if new:
        await backend.deeds.note(principal, "call.place", dial.id, agent=dial.agent)
        log.info("a call is wanted", extra={"dial": dial.id, "agent": dial.agent, "by": principal.id})
    response.headers["Location"] = f"/api/calls/{dial.id}"
    return dialled(dial)


@routes.delete("/calls/{id}", status_code=202, responses=declared(404))
async def end_call(id: CallId, backend: Given, principal: MayCall) -> PlacedCall:
    """Take back a call that waits, end one that rings or goes on; one that is over stays as it is."""
    if (live := backend.board.live_call(id)) is not None:  # for which no database is asked
        return await _hang_up(live, backend, principal)
    call = await backend.lookup.call(id)
    if isinstance(call, Dial):
        return dialled(await _cancel(call, backend, principal))
    if call.dial is not None:
        return replace(call, dial=await _cancel(call.dial, backend, principal)).standing()
    if call.detail.row.ended is None:  # it is another instance's
        _able(backend.dialer).hang_up(call.detail.row.call_sid)
        await backend.deeds.note(principal, "call.hang_up", call.detail.row.id)
    return call.standing()


async def _cancel(dial: Dial, backend: Backend, principal: Principal) -> Dial:
    now = await _able(backend.dialer).cancel(dial.id)
    if not dial.over:
        await backend.deeds.note(principal, "call.hang_up", dial.id)
    return now or dial


async def _hang_up(live: CallRunner, backend: Backend, principal: Principal) -> PlacedCall:
    dialer = backend.dialer
    details, away = live.details, live.glance().state == "away"
    live.operators.hang_up(principal.name)
    if away and dialer is not None:  # the caller is not on our stream, whose end would be that of the call
        dialer.hang_up(details.call_sid)
    await backend.deeds.note(principal, "call.hang_up", details.call_id)
    if details.direction == "outbound" and dialer is not None and (dial := await dialer.get(details.call_id)):
        return dialled(dial)
    return PlacedCall(
        id=details.call_id, agent=details.agent.name, state="live", reason=None, call_sid=details.call_sid
    )


def _able(dialer: Dialer | None) -> Dialer:
    if dialer is None:
        raise ApiError(
            503,
            "no_account",
            "this service can't place calls: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PHONEAGENT_PUBLIC_URL",
        )
    return dialer


def _asked(principal: Principal, idempotency_key: str | None, request: DialRequest) -> Asked | None:
    if idempotency_key is None:
        return None
    canonical = json.dumps(asdict(request), sort_keys=True)
    return Asked(principal.id, idempotency_key, sha256(canonical.encode()).hexdigest())
