"""The page of numbers: charts of what calls come to, chosen by days, agent and number."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from playwright.async_api import Browser, Page, Route, expect

from phoneagent.app import Service
from phoneagent.core.records import CostPosted
from phoneagent.store import Store, open_store
from tests.calls.outbound import eventually
from tests.calls.service import write_agent
from tests.console.browser import assert_accessible, fixture, visiting
from tests.console.looks import both_looks
from tests.store.story import began, over, seconds, whole

WITHIN_MS = 30_000
HOSTILE = "<img src=x onerror=alert(1)>"


@fixture
async def store(service: Service, tmp_path: Path) -> AsyncIterator[Store]:
    """What the service keeps, with calls of today, of last week and of two months ago."""
    store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
    now = datetime.now(UTC)
    await store.entries.apply(
        "elsewhere",
        [
            *(entry for n in range(12) for entry in whole(f"c{n}", now - timedelta(hours=n, minutes=2))),
            *(began("s1", now - timedelta(days=5), agent="sales", called="+15550200"), over("s1", outcome="failed")),
            *(began("x1", now - timedelta(days=60), agent=HOSTILE, called="+15550200"), over("x1", usd="7")),
            *(began("live", now - seconds(5)), CostPosted("live", Decimal("0.01"))),
        ],
    )
    yield store
    await store.close()


async def show(page: Page, query: str = "") -> None:
    """Open the page, and wait for its figures, however long that takes."""
    await page.goto(f"/numbers{query}")
    await expect(page.locator("[aria-busy=false]")).to_be_attached(timeout=WITHIN_MS)


def tile(page: Page, name: str):
    return page.locator(".tile", has=page.get_by_text(name, exact=True))


async def test_what_calls_come_to_is_shown(page: Page, store: Store):
    await show(page)
    await expect(tile(page, "Calls")).to_contain_text("14")
    await expect(tile(page, "Latency of answers")).to_contain_text("95 % within")
    await expect(page.locator(".chart canvas")).to_have_count(8)
    table = page.get_by_role("region", name="Table of How calls ended")
    await expect(table).to_be_hidden()
    await page.get_by_text("Table of How calls ended").click()
    await expect(table.get_by_role("columnheader")).to_have_text(["Day", "Transferred", "Failed"])
    await expect(table.get_by_role("row")).to_have_count(31)
    await expect(page.get_by_role("button", name="clinic")).to_be_visible()


async def test_days_agents_and_numbers_are_chosen_and_stand_in_the_address(page: Page, store: Store):
    await show(page)
    await page.get_by_role("button", name="90 days").click()
    await expect(tile(page, "Calls")).to_contain_text("15")
    await page.get_by_role("combobox", name="Agent").select_option("sales")
    await expect(tile(page, "Calls")).to_contain_text("1")
    await expect(page).to_have_url(re.compile(r"days=90&agent=sales$"))
    await page.reload()
    await expect(page.get_by_role("button", name="90 days")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("button", name="sales")).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="sales").click()
    await expect(tile(page, "Calls")).to_contain_text("15")
    await page.get_by_role("button", name="+15550200").click()
    await expect(tile(page, "Calls")).to_contain_text("2")
    await page.get_by_role("button", name="+15550200").click()
    await page.get_by_role("button", name="Other days").click()
    day = (datetime.now(UTC) - timedelta(days=5)).strftime("%Y-%m-%d")
    await page.get_by_label("To", exact=True).fill(day)
    await page.get_by_label("From", exact=True).fill(day)
    await expect(tile(page, "Calls")).to_contain_text("1")
    await expect(page).to_have_url(re.compile(f"since={day}&until={day}$"))


async def test_a_chart_tells_of_the_day_that_is_pointed_at_and_can_be_had_for_a_spreadsheet(page: Page, store: Store):
    await show(page, "?days=7")
    chart = page.locator(".chart", has=page.get_by_role("heading", name="Calls", exact=True))
    box = await chart.locator(".u-over").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 8, box["y"] + 50)
    await expect(chart.locator(".reading")).to_contain_text(re.compile(r": Calls \d+"))
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="CSV of Calls").click()
    download = await downloading.value
    assert download.suggested_filename == "calls.csv"
    text = await asyncio.to_thread((await download.path()).read_text)
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["day", "calls"]
    assert (len(rows), sum(int(calls) for _, calls in rows[1:])) == (8, 14)


async def test_without_calls_it_says_what_to_do(page: Page, service: Service):
    await show(page)
    await expect(page.get_by_role("heading", name="No calls in these days")).to_be_visible()
    await expect(page.get_by_role("link", name="Talk to an agent")).to_have_attribute("href", "/phone")
    await show(page, "?agent=nobody")
    await page.get_by_role("button", name="Show all calls").click()
    await expect(page).to_have_url(re.compile(r"\?days=30$"))


async def test_what_was_not_measured_has_no_chart(page: Page, store: Store):
    await show(page, "?agent=sales")
    await expect(page.get_by_text("There was nothing to measure in these days.")).to_have_count(2)
    await expect(page.locator(".chart canvas")).to_have_count(6)


async def test_it_asks_until_all_days_are_summed_up_also_when_it_was_asked_in_vain(browser: Browser, service: Service):
    answers = [{"stale_days": 2}, None, {"stale_days": 0}]

    async def answer(route: Route) -> None:
        if (change := answers.pop(0)) is None:
            await route.fulfill(status=503, json={"error": "no_database", "message": "The database does not answer."})
        else:
            response = await route.fetch()
            await route.fulfill(response=response, json={**await response.json(), **change})

    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource: the server responded with a status of 503",)
        await page.route("**/api/statistics?*", answer)
        await page.clock.install()
        await page.goto("/numbers")
        await expect(page.get_by_text("2 days are still being summed up")).to_be_visible()
        await page.clock.run_for(4_000)
        await expect(page.get_by_role("alert")).to_contain_text("The database does not answer.")
        await page.clock.run_for(4_000)
        await expect(page.get_by_role("alert")).to_have_count(0)
        await expect(page.get_by_text("still being summed up")).to_have_count(0)


async def test_costs_stand_beside_the_limit_of_the_day(page: Page, store: Store, tmp_path: Path):
    write_agent(tmp_path, 'numbers: ["+15550300"]\nlimits: {day_usd: 0.50}', name="clinic")

    async def is_known() -> bool:
        report = await page.evaluate("fetch('/api/statistics?agent=clinic').then((answer) => answer.json())")
        return report["day_usd"] == "0.5"

    await show(page)
    await eventually(is_known)
    await show(page, "?agent=clinic")
    await expect(page.get_by_text("Limit of a day: $0.50")).to_be_visible()


@both_looks
async def test_it_is_accessible(browser: Browser, service: Service, store: Store, theme: str, viewport: dict[str, int]):
    async with visiting(browser, service.url, color_scheme=theme, viewport=viewport) as (page, _):
        await show(page, "?days=90")
        await expect(page.get_by_role("button", name=HOSTILE)).to_be_visible()
        await page.get_by_text("Table of Cost").click()
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
