"""What calls cost."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from phoneagent.records.export import call_document
from phoneagent.web.api.backend import Given
from phoneagent.web.api.errors import declared
from phoneagent.web.api.guard import needs
from phoneagent.web.api.lookup import CallId
from phoneagent.web.api.models import CallCosts, CostSum, CostSums
from phoneagent.web.api.queries import CostQuery
from phoneagent.web.api.router import router

routes = router("costs", needs("read"))


@routes.get("/calls/{id}/costs", responses=declared(404))
async def get_costs(id: CallId, backend: Given) -> CallCosts:
    """What a call cost; one that goes on, so far."""
    call = await backend.lookup.detail(id)
    return CallCosts(
        id=call.row.id,
        over=call.row.ended is not None,
        usd=call.row.usd,
        unpriced=any(charge.usd is None for charge in call.charges),
        charges=call_document(call)["charges"],
    )


@routes.get("/costs")
async def sum_costs(query: Annotated[CostQuery, Query()], backend: Given) -> CostSums:
    """What calls cost, summed up: days in their order, else the dearest first."""
    found = await backend.store.costs.sums(query.by, query.filter())
    return CostSums(by=query.by, sums=[CostSum.model_validate(each, from_attributes=True) for each in found])
