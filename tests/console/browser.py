"""Debian's Chromium, driven by Playwright, and watched: a page that breaks its own rules fails the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Playwright, Request

CHROMIUM = Path("/usr/bin/chromium")
FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")  # beeps, and is allowed
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
LAPTOP, TELEPHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by the Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


fixture = pytest_asyncio.fixture(loop_scope="session")  # of any other loop, it could not use the browser


class Browsers:
    """Chromium, started once for each set of its flags: to start one takes seconds."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._started: dict[tuple[str, ...], Browser] = {}

    async def get(self, *flags: str) -> Browser:
        """A browser with these command line flags, which tests share: each visits in a context of its own."""
        browser = self._started.get(flags)
        if browser is None or not browser.is_connected():
            if not await asyncio.to_thread(CHROMIUM.exists):
                pytest.skip(f"there is no {CHROMIUM}: apt install chromium")
            browser = await self._playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
            self._started[flags] = browser
        return browser


@dataclass
class Watch:
    """What pages did that no page of ours may do. `expected`: beginnings of what this test provokes."""

    origin: str
    seen: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def over(self, page: Page) -> None:
        """Watch a page, from now on."""
        page.on("pageerror", lambda error: self.seen.append(f"uncaught: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)
        page.on("dialog", self._dialog)

    def assert_clean(self) -> None:
        """Nothing happened that this test does not provoke."""
        unexpected = [each for each in self.seen if not each.startswith(self.expected or ("\0",))]
        assert not unexpected, "\n".join(unexpected)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.seen.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, f"ws{self.origin.removeprefix('http')}", "data:", "blob:")):
            self.seen.append(f"request: {request.url}")

    async def _dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self.seen.append(f"dialog: {dialog.message}")
        await dialog.dismiss()


@asynccontextmanager
async def visiting(browser: Browser, origin: str, **options: Any) -> AsyncIterator[tuple[Page, Watch]]:
    """A page in a context (cookies, permissions) of its own; `options` are those of Playwright's `new_context`."""
    context: BrowserContext = await browser.new_context(base_url=origin, **({"viewport": LAPTOP} | options))
    try:
        await context.add_init_script(_TELL_VIOLATIONS)
        page = await context.new_page()
        watch = Watch(origin)
        watch.over(page)
        yield page, watch
        for each in context.pages:  # before they are closed: what that breaks is no fault
            await each.evaluate("0")  # all that it has told arrives before this answer
        watch.assert_clean()
    finally:
        await context.close()


async def assert_accessible(page: Page) -> None:
    """axe-core finds nothing serious on the page."""
    found = await Axe().run(page)
    serious = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    told = [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']][:5]}" for each in serious]
    assert not told, "\n".join(told)
