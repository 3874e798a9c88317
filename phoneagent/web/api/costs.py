"""What calls cost."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from phoneagent.records.export import call_document
from phoneagent.store.costs import Costs
from phoneagent.web.api.errors import declared
from phoneagent.web.api.guard import Needs
from phoneagent.web.api.lookup import CallId, Lookup
from phoneagent.web.api.models import CallCosts, CostSum, CostSums
from phoneagent.web.api.queries import CostQuery


def costs(needs: Needs, lookup: Lookup, sums: Costs) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["costs"], dependencies=[needs("read")])

    @routes.get("/calls/{id}/costs", responses=declared(404))
    async def get_costs(id: CallId) -> CallCosts:
        """What a call cost; one that goes on, so far."""
        call = await lookup.detail(id)
        return CallCosts(
            id=call.row.id,
            over=call.row.ended is not None,
            usd=call.row.usd,
            unpriced=any(charge.usd is None for charge in call.charges),
            charges=call_document(call)["charges"],
        )

    @routes.get("/costs")
    async def sum_costs(query: Annotated[CostQuery, Query()]) -> CostSums:
        """What calls cost, summed up: days in their order, else the dearest first."""
        found = await sums.sums(query.by, query.filter())
        return CostSums(by=query.by, sums=[CostSum.model_validate(each, from_attributes=True) for each in found])

    return routes
