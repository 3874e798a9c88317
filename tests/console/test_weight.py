"""What a page has its reader wait for: its scripts and styles, as they are sent."""

from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Browser, Page, Response

from phoneagent.app import Service
from phoneagent.simulate.script import Silence
from tests.calls.service import NUMBER, phone_of
from tests.console.browser import visiting
from tests.console.calls import dentist, keep, record

MOST = 150_000  # bytes, gzipped
COUNTED = ("script", "stylesheet")
EDITOR = "/vendor/codemirror.js"  # comes when the text that it is to edit is already to be read
PAGES = {  # and what has been painted when a page means something
    "/": ".tiles",
    "/calls": "tbody",
    "/calls/c1": ".timeline .line",
    "/agents": "tbody",
    "/agents/ada": ".editor",
    "/phone": ".phone-buttons",
    "/numbers": ".tiles",
    "/settings": "section.card",
    "/settings/service": "tbody",
    "/settings/users": "section.card",
    "/settings/keys": "section.card",
    "/settings/webhooks": "section.card",
    "/settings/audit": "tbody",
    "/nothing": "h1",
}


async def weigh(page: Page, path: str, painted: str) -> dict[str, int]:
    """The bytes of each script and style that a page loads until it means something; nothing of it was cached."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    await page.goto(path)
    await page.locator(painted).first.wait_for()
    page.remove_listener("response", note)
    counted = [answer for answer in answers if answer.request.resource_type in COUNTED]
    return {answer.url: (await answer.request.sizes())["responseBodySize"] for answer in counted}


async def without_editor(page: Page) -> None:
    """Never let it come: the page must mean something before. A page with such a rule has no cache, either."""
    await page.route(f"**{EDITOR}", lambda route: None)


async def test_pages_are_light(browser: Browser, service: Service, tmp_path: Path, figure: Callable[[str], None]):
    await keep(tmp_path, *dentist())
    await record(tmp_path)
    heaviest = (0, "")
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource: the server responded with a status of 404",)
        await without_editor(page)
        for path, painted in PAGES.items():
            weights = await weigh(page, path, painted)
            assert any(url.endswith("/lib/shell.js") for url in weights), "nothing is cached"
            assert 0 < sum(weights.values()) < MOST, weights
            heaviest = max(heaviest, (sum(weights.values()), path))
    figure(f"the heaviest page, {heaviest[1]}, has {heaviest[0] / 1000:.0f} kB of scripts and styles, gzipped")


async def test_a_live_call_is_light(browser: Browser, service: Service):
    async with phone_of(service) as phone, visiting(browser, service.url) as (page, _):
        phone.dial(NUMBER, [Silence(120)])
        await without_editor(page)
        await page.goto("/")
        path = await page.locator("tbody a").get_attribute("href")
        assert path is not None
        weights = await weigh(page, path, ".step-in")
    assert 0 < sum(weights.values()) < MOST, weights
