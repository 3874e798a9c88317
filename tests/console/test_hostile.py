"""Every page of the console, where everything is hostile that others have a say in. Browsers are watched: no dialog, no
request elsewhere, nothing that the Content-Security-Policy had to refuse (see `browser.Watch`)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from playwright.async_api import Browser, Page, expect

from phoneagent.app import Service
from phoneagent.core.records import AgentKept, CallBegan, CallOver, Entry
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.store.summaries import Outcome
from tests.calls.service import NUMBER, phone_of, serving, write_agent
from tests.console.browser import LAPTOP, TELEPHONE, fixture, visiting
from tests.console.calls import HOSTILE, hostile, kept, record
from tests.console.conftest import PATIENT
from tests.console.lines import Conversation
from tests.console.people import PASSWORD
from tests.store.entries import AFTERWARDS
from tests.web.access.test_routes import PAGES, filled

NAME = "<img src=x onerror=alert(1)>"  # where there is not much room
FILE = "<img src=x onerror=alert(2)>.md"
IN_YAML = json.dumps(HOSTILE.replace("\0", ""))
FRONT_MATTER = f"""numbers: ["{NUMBER}"]
greeting: {IN_YAML}
unknown: {IN_YAML}
"""
ASKED = ("text", "number", "agent", "outcome", "zone", "days", "actor", "action", "call", "webhook", "state", "cursor")
WITHIN_MS = 30_000


def told(call_id: str, agent: str, version: str) -> list[Entry]:
    """A hostile call of today, to this agent."""
    now = datetime.now(UTC)
    began, *entries, over = hostile(call_id)
    assert isinstance(began, CallBegan)
    assert isinstance(over, CallOver)
    began = replace(began, agent=agent, agent_version=version, began=now)
    over = replace(over, ended=now, summarize=True)
    return [AgentKept(version, agent, {HOSTILE: HOSTILE}, now, AFTERWARDS), began, *entries, over]


@fixture
async def served(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[Service]:
    write_agent(tmp_path, PATIENT)
    write_agent(tmp_path, f"numbers: []\ngreeting: {IN_YAML}", "good", HOSTILE.replace("\0", ""))
    write_agent(tmp_path, FRONT_MATTER, "bad", HOSTILE)
    (tmp_path / "agents" / FILE).write_text(HOSTILE)
    (tmp_path / "data").mkdir()
    async with kept(tmp_path) as store:
        webhook, _ = await store.webhooks.add(f"https://example.org/{HOSTILE}", ["call.started", "call.summarized"])
        await store.entries.apply("a test", told("evil", HOSTILE, HOSTILE))
        await store.entries.apply("a test", told("again", "good", "v1"))
        written = Outcome("done", summary=HOSTILE, extracted={HOSTILE: HOSTILE, "list": [{HOSTILE: HOSTILE}]})
        assert await store.summaries.keep("evil", written)
        await store.webhooks.disable(webhook.id)  # nothing is to be sent
        await store.calls.add_note("evil", HOSTILE, HOSTILE)
        await store.users.add(NAME, "admin", PASSWORD)
        await store.keys.create(HOSTILE, ["read"])
        await store.audit.note(HOSTILE, "user", HOSTILE[:64], HOSTILE[:64], {HOSTILE: HOSTILE, "list": [HOSTILE]})
    await record(tmp_path, "evil", f"2026/11/21/{NAME.replace('/', '')}.wav", problem=HOSTILE)
    async with serving(tmp_path, model) as service:
        yield service


async def log_in(page: Page) -> None:
    await page.goto(f"/login?{urlencode({'next': HOSTILE})}")
    await page.get_by_label("Name").fill(NAME)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url("/")


def addresses(live: str) -> Iterator[str]:
    """Of every page, as somebody may ask for it who does not mean well; `live` is the call that goes on."""
    named = {
        "/calls/{id}": ("evil", live, NAME),
        "/agents/{name}": ("good", "bad", NAME),
        "/agents/{name}/versions/{version}": ("v1", NAME),
    }
    for path in PAGES:
        if "{" not in path:
            yield path
            yield f"{path}?{urlencode(dict.fromkeys(ASKED, HOSTILE))}"
        for name in named.get(path, ()):
            yield filled(path.replace("{name}/", "good/"), name)
    yield f"/{NAME}"
    yield f"/login?{urlencode({'next': NAME})}"


async def test_it_is_text_on_every_page_and_wherever_it_is_long_the_page_stays_narrow(
    browser: Browser, served: Service, model: ScriptedModel
):
    async with visiting(browser, served.url) as (page, watch), phone_of(served) as phone:
        watch.expected = ("console: Failed to load resource: the server responded with a status of 4",)
        await log_in(page)
        call = phone.dial(NUMBER, [Silence(600)], caller=NAME, fields={"CallerName": HOSTILE})
        talk = Conversation(await model.session())
        await call.until(lambda record: record.streams)
        [live] = served.switchboard.live_calls_now
        talk.caller(HOSTILE)
        talk.session.emit(
            *response(
                Speech(HOSTILE, ms=100, item_id="i"), ToolCall(HOSTILE, json.dumps({HOSTILE: 1})), response_id="r"
            )
        )
        live.operators.whisper(HOSTILE, HOSTILE)
        shown = {}
        for path in addresses(live.details.call_id):
            await page.goto(path)
            await expect(page.locator("main")).not_to_be_empty()
            await expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=WITHIN_MS)
            if path in ("/", "/calls", "/agents", "/numbers", "/calls/evil", f"/calls/{live.details.call_id}"):
                await expect(page.get_by_text(re.compile(r"onerror=alert\(\d\)")).first).to_be_attached(
                    timeout=WITHIN_MS
                )
            if path in ("/agents/good", "/agents/bad", "/agents/good/versions/v1"):
                await expect(page.locator(".cm-content").first).to_be_attached(timeout=WITHIN_MS)
            for more in await page.locator("details").all():
                await more.evaluate("details => details.open = true")
            for viewport in (TELEPHONE, LAPTOP):
                await page.set_viewport_size(viewport)
                shown[path, viewport["width"]] = await page.evaluate(_LOOK)
        assert {where: found for where, found in shown.items() if found} == {}


_LOOK = """() => [
    ...[...document.querySelectorAll(
        "img:not(.cm-widgetBuffer), iframe, object, base, main script, main style, [onerror], [onload], [onfocus]"
    )].map((element) => element.outerHTML.slice(0, 200)),
    ...[...document.querySelectorAll("[href], [src], [action]")].filter((element) =>
        /^(javascript|data):/i.test(element.getAttribute("href") ?? element.getAttribute("src") ?? "")
    ).map((element) => element.outerHTML.slice(0, 200)),
    ...("hacked" in window ? ["a script ran"] : []),
    ...(document.documentElement.scrollWidth > innerWidth ? [`${document.documentElement.scrollWidth} px wide`] : []),
]"""
