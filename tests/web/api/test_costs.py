"""What calls cost, over the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from phoneagent.core.records import Charge, CostPosted
from tests.store.entries import NOON, began, over
from tests.web.api.desk import said


@pytest.fixture
async def priced(api):
    """Calls of two days: one whole, one with a model without a price, one that goes on."""
    charges = (Charge("model", "gpt", Decimal("0.07")), Charge("telephone", "", Decimal("0.0085")))
    await api.keep(began("c1"), replace(over("c1"), charges=charges))
    await api.keep(began("c2"), replace(over("c2"), charges=(Charge("model", "new", None), charges[1])))
    await api.keep(replace(began("c3", NOON + timedelta(days=1)), agent="bob"), CostPosted("c3", Decimal("0.1")))
    return api


async def test_a_call_says_what_it_cost(priced):
    cost = (await priced.http.get("/api/calls/CAc1/costs")).json()
    assert (cost["id"], cost["over"], cost["usd"], cost["unpriced"]) == ("c1", True, "0.0785", False)
    assert [(charge["part"], charge["model"], charge["usd"]) for charge in cost["charges"]] == [
        ("model", "gpt", "0.07"),
        ("telephone", None, "0.0085"),
    ]
    assert (await priced.http.get("/api/calls/c2/costs")).json()["unpriced"]
    cost = (await priced.http.get("/api/calls/c3/costs")).json()
    assert (cost["over"], cost["usd"], cost["charges"]) == (False, "0.1", [])


@pytest.mark.parametrize(
    ("query", "sums"),
    [
        ({}, {"2026-11-21": "0.087", "2026-11-22": "0.1"}),
        ({"by": "agent"}, {"bob": "0.1", "ada": "0.087"}),
        ({"by": "number"}, {"+15550100": "0.187"}),
        ({"by": "model"}, {"gpt": "0.07", "new": "0"}),
        ({"since": "2026-11-22"}, {"2026-11-22": "0.1"}),
        ({"before": "2026-11-22", "by": "agent"}, {"ada": "0.087"}),
        ({"agent": "ada", "number": "+15550199"}, {"2026-11-21": "0.087"}),
    ],
)
async def test_costs_are_summed_up(priced, query, sums):
    found = (await priced.http.get("/api/costs", params=query)).json()
    assert found["by"] == query.get("by", "day")
    assert {each["key"]: each["usd"] for each in found["sums"]} == sums
    assert list(sums) == [each["key"] for each in found["sums"]]


async def test_a_sum_says_what_it_is_of(priced):
    [first, _] = (await priced.http.get("/api/costs")).json()["sums"]
    assert first["parts"] == {"model": "0.07", "telephone": "0.017"}
    assert (first["calls"], first["unpriced"]) == (2, True)
    assert first["minutes"] == pytest.approx(2 * 59.123456789 / 60)


@pytest.mark.parametrize("query", ["by=week", "by=", "text=x", "since=x"])
async def test_a_query_that_is_not_understood_is_refused(priced, query):
    assert said(await priced.http.get(f"/api/costs?{query}"), 422, "bad_request", query.partition("=")[0])
