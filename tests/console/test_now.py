"""Calls in progress, as the console shows them."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Browser, Page, Request, expect

from phoneagent.app import Service
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.web.api.streams import ALIVE
from tests.calls.service import CALLER, NUMBER, phone_of, serving, write_agent, write_tools
from tests.console.browser import TELEPHONE, assert_accessible, visiting
from tests.console.calls import NOON
from tests.console.lines import Conversation, cable, open_call, transcript, until

STAYS = [Silence(120)]
LONG = "We have a slot today at ten past four, or you could come tomorrow morning, whichever suits you better."


async def test_a_call_comes_and_goes(page: Page, service: Service, figure: Callable[[str], None]):
    await page.goto("/")
    await expect(page.get_by_role("heading", name="Nobody is calling right now")).to_be_visible()
    async with phone_of(service) as phone:
        dialled = time.monotonic()
        call = phone.dial(NUMBER, STAYS)
        row = page.get_by_role("row").filter(has_text=CALLER)
        await expect(row).to_be_visible()
        figure(f"a call is seen on Now {(time.monotonic() - dialled) * 1000:.0f} ms after it was dialled")
        await expect(row).to_contain_text("ada")
        await expect(row).to_contain_text("Talking")
        await expect(page.get_by_text("1 of")).to_be_visible()
        ended = asyncio.create_task(row.evaluate(_ENDED))
        call.hang_up()
        await ended
    await expect(row).to_have_count(0)


# Watched from within the page: whoever looks only now and then may miss the seconds in which it says so.
_ENDED = """(row) => new Promise((told) => {
    const look = () => row.textContent.includes("Ended") && told();
    new MutationObserver(look).observe(row, { subtree: true, childList: true, characterData: true });
    look();
})"""


async def test_why_the_engines_last_session_failed_is_shown(page: Page, service: Service, model: ScriptedModel):
    await page.goto("/")
    engine = page.locator(".tile").filter(has_text="Engine")
    await expect(engine).to_contain_text("Ready for calls")
    async with phone_of(service) as phone:
        phone.dial(NUMBER, STAYS)
        (await model.session()).close(1011)
        await expect(engine).to_contain_text("The last session failed: close:1011")
        phone.dial(NUMBER, STAYS)
        await expect(engine).to_contain_text("Ready for calls")


async def test_a_row_stays_under_the_pointer(page: Page, service: Service):
    await page.goto("/")
    async with phone_of(service) as phone:
        first, second = (phone.dial(NUMBER, STAYS, caller=f"+1555010{n}") for n in range(2))
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_contain_text("Talking")
        await rows.nth(1).hover()
        gone, stays = await rows.nth(0).inner_text(), await rows.nth(1).bounding_box()
        (first if "+15550100" in gone else second).hang_up()
        await expect(rows.first).to_contain_text("Ended")
        await page.clock.install()
        await page.clock.run_for(10_000)
        assert await rows.nth(1).bounding_box() == stays
        await page.mouse.move(0, 0)
        await expect(rows).to_have_count(1)


async def test_the_keyboard_leads_to_a_call(page: Page, service: Service):
    await page.goto("/")
    async with phone_of(service) as phone:
        for n in range(2):
            phone.dial(NUMBER, STAYS, caller=f"+1555010{n}")
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        second = page.locator("tbody a").nth(1)
        await expect(second).to_be_focused()
        await page.keyboard.press("k")
        await expect(page.locator("tbody a").first).to_be_focused()
        href = await page.locator("tbody a").first.get_attribute("href")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**{href}")


async def test_a_conversation_is_seen_as_it_is_heard(page: Page, service: Service, model: ScriptedModel):
    async with phone_of(service) as phone:
        call = phone.dial(NUMBER, STAYS)
        talk = Conversation(await model.session())
        await call.until(lambda record: record.streams)
        await open_call(page, call)
        lines = transcript(page).get_by_role("listitem")

        talk.agent("Blue Door Dental, this is Ada.")
        await expect(lines.filter(has_text="Blue Door Dental, this is Ada.")).to_be_visible()
        await expect(page.locator(".speaking.nobody")).to_be_visible()  # it was heard to its end
        talk.caller("I would like to see the dentist.")
        await expect(lines.filter(has_text="I would like to see the dentist.")).to_contain_text("Caller")

        talk.agent(LONG, ms=60_000)
        speaking = lines.filter(has_text="whichever suits you better")  # of its beginning, little may be heard
        await expect(speaking.locator("span.unheard")).to_contain_text("whichever suits you better.")
        await expect(speaking.locator("s")).to_have_count(0)
        await expect(page.locator(".speaking.agent")).to_be_visible()

        talk.interrupted("Today, please.")
        await expect(speaking.locator("s")).to_contain_text("not heard: ")
        await expect(speaking.locator("s")).to_contain_text("whichever suits you better.")
        await expect(speaking).to_contain_text("interrupted")
        await expect(lines.filter(has_text="The caller interrupted")).to_be_visible()
        await expect(page.get_by_role("log")).to_contain_text("Caller: Today, please.")
        words = await speaking.locator("p").inner_text()
        assert re.sub(r"\s*not heard:\s*", " ", words).split() == LONG.split()

        call.hang_up()
        await expect(page.get_by_text("The call is over")).to_contain_text("Caller hung up")
        await expect(page.get_by_role("link", name="See its record")).to_be_visible()


async def test_tools_are_seen_while_they_run_and_afterwards(tmp_path: Path, browser: Browser, model: ScriptedModel):
    write_agent(tmp_path, "greeting: none\nidle: off\ntools: [look_up]")
    write_tools(tmp_path, _LOOK_UP)
    async with (
        serving(tmp_path, model) as service,
        visiting(browser, service.url) as (page, _),
        phone_of(service) as phone,
    ):
        call = phone.dial(NUMBER, STAYS)
        session = await model.session()
        await call.until(lambda record: record.streams)
        await open_call(page, call)
        session.emit(*response(ToolCall("look_up", json.dumps({"name": "<b>Fred</b>"}))))
        tool = transcript(page).get_by_role("group")
        await expect(tool).to_contain_text("look_up")
        await expect(tool).to_contain_text("ms")
        await tool.locator("summary").click()
        await expect(tool).to_contain_text("<b>Fred</b>")
        await expect(tool).to_contain_text("is known")


_LOOK_UP = '''
from phoneagent.tools import tool

@tool
async def look_up(name: str) -> dict[str, str]:
    """Look somebody up.

    Args:
        name: Who.
    """
    return {"answer": f"{name} is known"}
'''


async def test_a_broken_connection_is_told_of_and_loses_nothing(
    browser: Browser, service: Service, model: ScriptedModel
):
    async with cable(service.url) as wire, visiting(browser, wire.origin) as (page, watch), phone_of(service) as phone:
        watch.expected = ("console: Failed to load resource",)
        call = phone.dial(NUMBER, STAYS)
        talk = Conversation(await model.session())
        await call.until(lambda record: record.streams)
        await open_call(page, call)
        lines = transcript(page).locator(".turn")
        talk.caller("One.")
        await expect(lines).to_have_count(1)

        wire.pull()
        stale = page.get_by_text("The connection to the service is broken")
        await expect(stale).to_be_visible()
        talk.caller("Two.")
        talk.caller("Three.")
        wire.plug()

        await expect(stale).to_have_count(0)
        await expect(lines).to_have_count(3)
        assert [line.split("\n")[-1] for line in await lines.all_inner_texts()] == ["One.", "Two.", "Three."]


async def test_silence_of_the_service_is_told_of_and_it_is_asked_again(page: Page):
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.url.endswith("/api/live") else None)
    await page.clock.install(time=NOON)
    await page.clock.pause_at(NOON + timedelta(minutes=1))  # it goes on when it is told to
    await page.route("**/api/live", lambda route: None)  # never answered
    await page.goto("/")
    await until(lambda: asked)
    async with page.expect_request("**/api/live"):
        await page.clock.run_for(26_000)
    await expect(page.get_by_text("The connection to the service is broken")).to_be_visible()
    assert len(asked) == 2


async def test_a_call_that_is_forgotten_is_over_and_stays_so(browser: Browser, service: Service):
    async with phone_of(service) as phone, visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource: the server responded with a status of 404",)
        call = phone.dial(NUMBER, STAYS)
        await call.until(lambda record: record.streams)
        await page.clock.install()
        await page.route("**/live", lambda route: route.fulfill(status=404))  # as another service says, after a crash
        [live] = service.switchboard.live_calls_now
        await page.goto(f"/calls/{live.details.call_id}")
        await expect(page.get_by_text("The call is over")).to_be_visible()
        await page.clock.run_for(60_000)
        await expect(page.get_by_text("The connection to the service is broken")).to_have_count(0)


async def test_a_new_service_says_what_to_do_first(tmp_path: Path, browser: Browser, model: ScriptedModel):
    (tmp_path / "agents").mkdir()
    async with serving(tmp_path, model) as service, visiting(browser, service.url) as (page, _):
        await page.goto("/")
        await expect(page.get_by_text("No call can be answered: no agent in")).to_be_visible()
        await page.get_by_role("link", name="Write an agent").click()
        await expect(page.get_by_role("heading", name="No agents yet")).to_be_visible()
        await page.goto("/phone")
        await expect(page.get_by_text("There is no agent to call yet")).to_be_visible()
        await expect(page.get_by_role("button", name="Call", exact=True)).to_be_disabled()
        await page.goto("/calls")
        await expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()


async def test_a_page_hears_that_a_stream_is_alive(page: Page):
    await page.goto("/")
    await page.route("**/beats", lambda route: route.fulfill(body=ALIVE, content_type="text/event-stream"))
    heard = """new Promise((resolve) => {
        const source = new EventSource("/beats");
        source.addEventListener("beat", () => resolve(source.close() ?? "beat"));
    })"""
    assert await page.evaluate(heard) == "beat"


PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "javascript:alert(1)//",
    "</p></li></ol><iframe src=https://example.org></iframe>",
    "<style>*{display:none}</style>",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}",
    "<a href=//example.org autofocus onfocus=alert(1)>x</a>",
    "\u202e\u2066 sdrawkcab \u0000\ufeff",
    "W" * 400,
]


async def test_what_callers_say_is_never_more_than_words(browser: Browser, service: Service, model: ScriptedModel):
    async with visiting(browser, service.url, viewport=TELEPHONE) as (page, _), phone_of(service) as phone:
        call = phone.dial(NUMBER, STAYS, caller=PAYLOADS[1], fields={"CallerName": PAYLOADS[2]})
        talk = Conversation(await model.session())
        await call.until(lambda record: record.streams)
        await page.goto("/")
        await expect(page.get_by_role("link", name=PAYLOADS[1])).to_be_visible()
        await assert_accessible(page)
        await page.get_by_role("link", name=PAYLOADS[1]).click()
        await expect(page.get_by_role("heading", name=PAYLOADS[1])).to_be_visible()
        for payload in PAYLOADS:
            talk.caller(payload)
            talk.session.emit(
                *response(
                    Speech(payload, ms=100, item_id=f"item_{hash(payload)}"),
                    ToolCall("look_up", json.dumps({payload: payload})),
                    response_id=f"resp_{hash(payload)}",
                )
            )
        lines = transcript(page).locator(".turn.caller")
        await expect(lines).to_have_count(len(PAYLOADS))
        for payload in (each for each in PAYLOADS if each.isascii()):
            await expect(lines.filter(has_text=payload)).to_have_count(1)
        assert await page.evaluate("document.querySelectorAll('#live :is(script, img, iframe, style, a)').length") == 0
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await assert_accessible(page)


async def test_a_call_that_is_over_leads_to_its_record(page: Page, service: Service):
    async with phone_of(service) as phone:
        call = phone.dial(NUMBER, STAYS)
        await open_call(page, call)
        call.hang_up()
        await page.get_by_role("link", name="See its record").click()
        await expect(page.get_by_role("heading", name=CALLER)).to_be_visible()
        await expect(page.get_by_role("heading", name="Notes")).to_be_visible()
