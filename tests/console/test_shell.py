"""What every page has."""

import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from phoneagent.app import Service
from tests.console.browser import TELEPHONE, assert_accessible, visiting
from tests.console.looks import both_looks
from tests.console.people import log_in


@both_looks
async def test_it_is_accessible_in_both_themes(
    browser: Browser, service: Service, theme: str, viewport: dict[str, int]
):
    async with visiting(browser, service.url, color_scheme=theme, viewport=viewport) as (page, _):
        await page.goto("/")
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_shell_says_where_one_is_and_helps(page: Page):
    await page.goto("/")
    here = page.get_by_role("navigation", name="Sections").get_by_role("link", name="Now")
    await expect(here).to_have_attribute("aria-current", "page")
    await expect(page).to_have_title(re.compile("^Now"))

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("2")  # leads to Calls, but not while a question is open
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)

    account = page.get_by_label("Account")
    await account.click()
    await expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_visible()
    await page.get_by_role("button", name="Theme").focus()  # as by the keyboard: the menu covers nothing one has left
    await expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_hidden()

    await page.get_by_role("button", name="Theme").click()
    chosen = await page.locator("html").get_attribute("data-theme")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", str(chosen))


async def test_an_inline_script_does_not_run(browser: Browser, service: Service):
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Executing inline script", "console: refused by")
        await page.goto("/")
        await page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = true";
            document.body.append(script);
        }""")
        assert await page.evaluate("window.hacked") is None
        assert watch.seen


async def test_all_pages_begin_at_one_edge_and_fields_stand_on_one_line(page: Page):
    edges = set()
    for path in ("/", "/calls", "/agents", "/phone", "/numbers", "/settings"):
        await page.goto(path)
        edges.add(await page.locator("h1").evaluate("(heading) => heading.getBoundingClientRect().left"))
    assert len(edges) == 1
    await page.goto("/calls")
    heights = await page.locator("#filters .field").evaluate_all("(all) => all.map((each) => each.offsetHeight)")
    assert len(set(heights)) == 1


async def test_a_page_that_is_zoomed_in_a_lot_leaves_room_to_read(page: Page):
    await page.set_viewport_size({"width": 427, "height": 267})  # a laptop's at 300 %
    await page.goto("/settings/service")
    await page.mouse.wheel(0, 600)
    await expect(page.locator("header.top")).not_to_be_in_viewport()
    assert await page.locator(".sections").evaluate("(bar) => bar.offsetHeight") < 267 / 5
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_where_nothing_is_one_finds_the_way_back(browser: Browser, service: Service):
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource",)
        await page.goto("/")
        await page.goto("/nothing/here")
        await expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
        await assert_accessible(page)
        await page.get_by_role("link", name="Go to Now").click()
        await page.wait_for_url("/")


async def test_the_current_part_of_the_settings_is_in_sight_on_a_telephone(browser: Browser, service: Service):
    async with visiting(browser, service.url, viewport=TELEPHONE) as (page, _):
        await page.goto("/settings/audit")
        await expect(page.get_by_role("link", name="Audit log")).to_be_in_viewport(ratio=0.9)


async def test_the_navigation_and_its_keys_lead_only_to_what_one_may_see(page: Page, service: Service, tmp_path: Path):
    await log_in(page, tmp_path, "viewer")
    sections = page.get_by_role("navigation", name="Sections").get_by_role("link")
    await expect(sections).to_have_text(["Now", "Calls", "Agents", "Numbers", "Settings"])
    await page.keyboard.press("4")
    await page.wait_for_url("/numbers")


async def test_no_page_says_for_ever_that_it_loads(page: Page):
    for path in ("/", "/agents", "/agents/ada", "/phone", "/numbers"):
        await page.goto(path)
        await expect(page.locator("main :is(button, a, input)").first).to_be_visible()
        await expect(page.locator(".skeleton")).to_have_count(0)
