"""A browser, and a service that it looks at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from phoneagent.app import Service
from phoneagent.simulate.scripted_model import ScriptedModel
from tests.calls.service import serving, write_agent
from tests.console.browser import Browsers, fixture, visiting

PATIENT = "greeting: none\nidle: off\ndtmf: {pause_s: 60}"

expect.set_options(timeout=30_000)  # ms; a machine that is busy with other tests is slow, and no test is about that


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests run in one event loop, as their one Playwright does."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[Browsers]:
    """Its browsers end when the tests do, even if those are killed: then Playwright's pipe to them closes."""
    async with async_playwright() as playwright:
        yield Browsers(playwright)


@fixture
async def browser(browsers: Browsers) -> Browser:
    return await browsers.get()


@fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as model:
        yield model


@fixture
async def service(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[Service]:
    """The whole service, with an agent that lets callers take their time, and no password: this machine may do all."""
    write_agent(tmp_path, PATIENT)
    async with serving(tmp_path, model) as service:
        yield service


@fixture
async def page(browser: Browser, service: Service) -> AsyncIterator[Page]:
    """A page that must behave."""
    async with visiting(browser, service.url) as (page, _):
        yield page
