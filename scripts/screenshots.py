"""The pictures of the console in the README: simulated calls, talking to the example agents. Needs Debian's Chromium.

    .venv/bin/python -m scripts.screenshots        # writes docs/images/

On one picture the embedded engine answers a caller: what is seen was said and heard. On the other more people call than
it holds calls, so a scripted model answers them.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from phoneagent.app import running
from phoneagent.demo import story
from phoneagent.settings import load
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from tests.console.lines import Conversation

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
VIEWPORT: ViewportSize = {"width": 1180, "height": 720}
PUBLIC_URL, TOKEN, PASSWORD = "https://phone.example", "12345", "only for pictures"
RECEPTION, AFTER_HOURS = "+15550100", "+15550101"
GREETING = "Thank you for calling the Blue Door. This is Ada. How can I help you?"


@asynccontextmanager
async def console(browser: Browser, theme: str, **settings: str) -> AsyncIterator[tuple[Page, FakePhone]]:
    """A page of a new service with the example agents, and a phone that calls it."""
    with tempfile.TemporaryDirectory() as data:
        environ = {
            "PHONEAGENT_AGENTS": str(ROOT / "agents"),
            "PHONEAGENT_PORT": "0",
            "PHONEAGENT_DATA": data,
            "PHONEAGENT_PUBLIC_URL": PUBLIC_URL,
            "PHONEAGENT_ADMIN_PASSWORD": PASSWORD,
            "TWILIO_AUTH_TOKEN": TOKEN,
        }
        rng = random.Random(7)  # noqa: S311
        async with (
            running(load(environ | settings, None)) as service,
            FakePhone(service.url, public_url=PUBLIC_URL, auth_token=TOKEN, rng=rng) as phone,
        ):
            page = await browser.new_page(base_url=service.url, viewport=VIEWPORT, device_scale_factor=1.25)
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            await page.goto("/login")
            await page.get_by_label("Name").fill("admin")
            await page.get_by_label("Password").fill(PASSWORD)
            await page.get_by_role("button", name="Log in").click()
            await page.get_by_text("Nobody is calling").wait_for()
            yield page, phone
            await page.close()


async def now(browser: Browser) -> None:
    """Several calls at once, on the page Now."""
    settings = {"PHONEAGENT_ENGINE": "openai", "PHONEAGENT_MAX_CALLS": "20"}
    async with (
        ScriptedModel() as model,
        console(browser, "light", OPENAI_BASE_URL=model.url, **settings) as (page, phone),
    ):
        for number in range(6):
            called = AFTER_HOURS if number % 3 == 2 else RECEPTION
            phone.dial(called, [Silence(120)], caller=f"+1555014{number * 137 + 203:04}")
            talk = Conversation(await model.session(number))
            talk.agent(GREETING, ms=500)
            await page.wait_for_timeout(1_000)
            talk.caller("Do you have a table for six tonight?")
            await page.wait_for_timeout(300 + 90 * number)
            talk.agent("For six, with pleasure. At what time?", ms=500 if number % 2 else 60_000)
            await page.wait_for_timeout(700)
        await page.screenshot(path=IMAGES / "console-now.png")


async def call(browser: Browser) -> None:
    """One call, when its caller has interrupted the agent and the agent speaks again."""
    async with console(browser, "dark", PHONEAGENT_ENGINE="local") as (page, phone):
        steps = story()
        await phone.prepare(steps)
        phone.dial(RECEPTION, steps)
        await page.locator("tbody a").first.click()
        await page.locator(".lines .tool").wait_for(timeout=120_000)
        await page.locator(".lines .turn.agent .unheard").last.wait_for()
        await page.wait_for_timeout(1_500)
        await page.screenshot(path=IMAGES / "console-call.png")


async def main() -> None:
    """Take both."""
    IMAGES.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        await now(browser)
        await call(browser)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
