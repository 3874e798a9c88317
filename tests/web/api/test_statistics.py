"""What calls come to, asked over the API."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from tests.calls.outbound import OURS
from tests.store.story import NOON, began, over, whole
from tests.web.api.desk import said

WEEK = {"since": "2026-11-16", "before": "2026-11-23"}


async def ask(api, **query):
    response = await api.http.get("/api/statistics", params=WEEK | query)
    assert response.status_code == 200, response.text
    return response.json()


async def table(api, chart, **query):
    response = await api.http.get(f"/api/statistics/{chart}.csv", params=WEEK | query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="{chart}.csv"'
    return list(csv.reader(io.StringIO(response.text)))


async def test_figures_are_told_by_day_agent_and_number(api):
    await api.keep(*whole("c1"), began("c2", NOON - timedelta(days=1), agent="sales"), over("c2"))
    found = await ask(api)
    assert found["total"] == {
        "calls": 2,
        "minutes": pytest.approx(116 / 60),
        "usd": "0.1785",
        "outcomes": {"transferred": 1, "agent_hung_up": 1},
        "interruptions": 1,
        "tool_runs": 1,
        "tool_failures": 0,
        "latency_ms": {"count": 2, "p50": 301, "p90": 691, "p95": 691, "p99": 691},
        "first_word_ms": {"count": 1, "p50": 2456, "p90": 2456, "p95": 2456, "p99": 2456},
    }
    assert [(day["day"], day["calls"]) for day in found["days"]][-3:] == [
        ("2026-11-20", 1), ("2026-11-21", 1), ("2026-11-22", 0),
    ]  # fmt: skip
    assert len(found["days"]) == 7
    assert found["days"][0]["latency_ms"] is None
    assert [agent["agent"] for agent in found["agents"]] == ["clinic", "sales"]
    assert [(number["number"], number["calls"]) for number in found["numbers"]] == [("+15550100", 2)]


async def test_days_that_are_not_summed_up_yet_are_told_and_a_table_waits_for_them(api):
    for n in range(5):
        await api.keep(*whole(f"c{n}", NOON - timedelta(days=n)))
    found = await ask(api)
    assert (found["stale_days"], found["total"]["calls"]) == (2, 3)
    assert sum(int(calls) for _, calls in (await table(api, "calls"))[1:]) == 5
    assert (await ask(api))["stale_days"] == 0


async def test_those_of_an_agent_stand_beside_the_others(api):
    await api.keep(*whole("c1"), began("c2", agent="sales", called=OURS), over("c2"))
    found = await ask(api, agent="sales")
    assert (found["total"]["calls"], sum(day["calls"] for day in found["days"])) == (1, 1)
    assert [agent["agent"] for agent in found["agents"]] == ["clinic", "sales"]
    assert [number["number"] for number in found["numbers"]] == [OURS]
    assert (await ask(api, agent="sales", number="+15550200"))["total"]["calls"] == 0


async def test_the_limit_is_that_of_the_calls_that_are_asked_for(tmp_path, api):
    assert (await ask(api))["day_usd"] == "20"
    assert (await ask(api, agent="sales"))["day_usd"] is None
    assert (await ask(api, agent="gone"))["day_usd"] is None
    assert (await ask(api, number=OURS))["day_usd"] is None
    (tmp_path / "agents/sales.md").write_text(
        f'---\nnumbers: ["{OURS}"]\nlimits: {{day_usd: 5, number_day_usd: 2.50}}\n---\nYou sell.\n'
    )
    api.office.agents.reload()
    assert (await ask(api, agent="sales"))["day_usd"] == "5"
    assert (await ask(api, agent="sales", number=OURS))["day_usd"] == "2.5"
    assert (await table(api, "cost", agent="sales"))[1] == ["2026-11-16", "0", "5"]


async def test_without_days_the_last_thirty_are_meant(api):
    found = (await api.http.get("/api/statistics")).json()
    assert len(found["days"]) == 30
    assert found["days"][0]["day"] == found["since"]
    assert len((await api.http.get("/api/statistics", params={"before": "2026-12-01"})).json()["days"]) == 30


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"since": "yesterday"}, "must be a day"),
        ({"since": "0"}, "must be a day"),
        ({"since": "2026-11-21T00:00:00Z"}, "must be a day"),
        ({"since": "2026-02-30"}, "since"),
        ({"since": "2026-11-23"}, "since must be before before"),
        ({"before": "0001-01-01", "since": None}, "since must be before before"),
        ({"since": "2024-01-01"}, "at most 800 days"),
        ({"days": "7"}, "days"),
        ({"agent": ""}, "agent"),
    ],
)
async def test_what_is_not_understood_is_said(api, query, words):
    params = {name: value for name, value in (WEEK | query).items() if value is not None}
    for path in ("/api/statistics", "/api/statistics/calls.csv"):
        assert said(await api.http.get(path, params=params), 422, "bad_request", words)


async def test_the_ends_of_time_are_days_too(api):
    for query in ({"before": "0001-01-02", "since": "0001-01-01"}, {"since": "9999-12-30", "before": "9999-12-31"}):
        assert len((await ask(api, **query))["days"]) == 1


async def test_every_chart_is_a_table(api):
    await api.keep(*whole("c1"), began("c2"), over("c2", outcome="=HYPERLINK(1)"))
    tables = {
        chart: [(await table(api, chart))[line] for line in (0, 1, 6)]
        for chart in ("calls", "minutes", "cost", "outcomes", "latency", "first_word", "interruptions", "tools")
    }
    none, day = "2026-11-16", "2026-11-21"
    percentiles = ["day", "count", "p50_ms", "p90_ms", "p95_ms", "p99_ms"]
    assert tables == {
        "calls": [["day", "calls"], [none, "0"], [day, "2"]],
        "minutes": [["day", "minutes"], [none, "0.0"], [day, "1.93"]],
        "cost": [["day", "usd", "limit_usd"], [none, "0", "20"], [day, "0.1785", "20"]],
        "outcomes": [["day", "'=HYPERLINK(1)", "transferred"], [none, "0", "0"], [day, "1", "1"]],
        "latency": [percentiles, [none, "0", "", "", "", ""], [day, "2", "301", "691", "691", "691"]],
        "first_word": [percentiles, [none, "0", "", "", "", ""], [day, "1", "2456", "2456", "2456", "2456"]],
        "interruptions": [
            ["day", "interruptions", "calls_over", "per_call"],
            [none, "0", "0", ""],
            [day, "1", "2", "0.5"],
        ],
        "tools": [["day", "runs", "failures"], [none, "0", "0"], [day, "1", "0"]],
    }  # fmt: skip
    assert said(await api.http.get("/api/statistics/nothing.csv"), 422, "bad_request", "chart")
