"""The telephone as one sees it: its page, and the drawer that the other pages have."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from phoneagent.app import Service
from phoneagent.simulate.audio import write_stereo_wav
from phoneagent.simulate.realtime_events import Speech, response
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession
from tests.calls.service import tone, write_agent
from tests.console.browser import FAKE_MICROPHONE, TELEPHONE, Browsers, assert_accessible, fixture, visiting
from tests.console.lines import until
from tests.console.looks import both_looks

SLOW_MS = 30_000  # while other tests run


@fixture
async def browser(browsers: Browsers) -> Browser:
    return await browsers.get(*FAKE_MICROPHONE)


@fixture
async def page(page: Page) -> Page:
    page.set_default_timeout(SLOW_MS)
    await page.goto("/phone")
    return page


async def call(page: Page, model: ScriptedModel) -> ScriptedSession:
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.get_by_text("Talking with ada")).to_be_visible(timeout=SLOW_MS)
    session = await model.session()
    await until(lambda: session.frames)  # the page talks before the service hears it
    return session


async def hang_up(page: Page) -> None:
    await page.get_by_role("button", name="Hang up").click()
    await expect(page.get_by_text("The call is over: Caller hung up")).to_be_visible(timeout=SLOW_MS)


async def test_one_talks_to_an_agent_and_reads_what_is_said(page: Page, model: ScriptedModel):
    session = await call(page, model)
    session.emit(*response(Speech("Good evening, how can I help?", ms=500)))
    await expect(page.get_by_role("list", name="Transcript")).to_contain_text("Good evening", timeout=SLOW_MS)
    await hang_up(page)
    record = page.get_by_role("link", name="Its record")
    path = await record.get_attribute("href")
    while not (await page.request.get(f"/api{path}")).ok:  # it is written down within seconds
        await page.wait_for_timeout(100)
    await record.click()
    await expect(page.get_by_text("help?")).to_be_visible(timeout=SLOW_MS)  # heard, or not any more


async def test_one_is_told_why_the_call_was_ended(page: Page, service: Service, model: ScriptedModel):
    await call(page, model)
    service.switchboard.end_calls("the service is shutting down")
    await expect(page.get_by_text("The call is over: Hung up by us (the service is shutting down)")).to_be_visible()


async def test_what_is_written_is_answered(page: Page, model: ScriptedModel):
    session = await call(page, model)
    await page.get_by_role("textbox", name="Say it in writing").fill("A table <b>for two</b>")
    await page.keyboard.press("Enter")
    written = await session.received("conversation.item.create", SLOW_MS / 1000)
    assert written["item"]["content"][0]["text"] == "A table <b>for two</b>"
    await session.received("response.create")
    await expect(page.get_by_role("list", name="Transcript")).to_contain_text("A table <b>for two</b>")
    session.emit(*response(Speech("For two, gladly.", ms=300)))
    await expect(page.get_by_role("list", name="Transcript")).to_contain_text("For two, gladly.")
    await hang_up(page)


async def test_keys_are_pressed_by_mouse_and_keyboard_and_lead_to_no_other_page(page: Page, model: ScriptedModel):
    session = await call(page, model)
    await page.get_by_role("button", name="Keys").click()
    await page.get_by_role("group", name="Key pad").get_by_role("button", name="4").click()
    for key in "21#":
        await page.keyboard.press(key)
    typed = await session.received("conversation.item.create", SLOW_MS / 1000)
    assert typed["item"]["content"][0]["text"].endswith("] 421")
    await hang_up(page)


async def test_who_speaks_is_chosen_during_the_call(page: Page, model: ScriptedModel, tmp_path: Path):
    await call(page, model)
    said = tone("x" * 3000)  # a minute
    write_stereo_wav(tmp_path / "said.wav", said, said)
    await page.get_by_label("Choose one").set_input_files(tmp_path / "said.wav")
    await expect(page.get_by_text("said.wav speaks for you")).to_be_visible()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("Drop an audio file here")).to_be_visible()

    mute = page.get_by_role("button", name="Mute")
    await expect(mute).to_have_attribute("aria-pressed", "false")
    await mute.click()
    await expect(mute).to_have_attribute("aria-pressed", "true")

    await page.get_by_text("Microphone and loudspeaker").click()
    options = await page.get_by_label("Microphone", exact=True).locator("option").all_inner_texts()
    assert len(options) > 1
    await page.get_by_label("Microphone", exact=True).select_option(options[-1])
    await expect(page.get_by_text("Talking with ada")).to_be_visible()
    await expect(page.get_by_role("alert")).to_be_empty()
    await hang_up(page)


async def test_a_file_that_is_dropped_too_early_is_not_lost_without_a_word(page: Page):
    drop = """(phone) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["RIFF"], "said.wav", { type: "audio/wav" }));
        phone.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }"""
    await page.locator(".phone").evaluate(drop)
    await expect(page.get_by_role("status").get_by_text("Call an agent first")).to_be_visible()


async def test_leaving_asks_first_while_one_talks(page: Page, model: ScriptedModel):
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))  # which the fixture dismisses: one stays
    await call(page, model)
    async with page.expect_event("dialog"):
        await page.get_by_role("link", name="Calls").click(no_wait_after=True)
    await expect(page.get_by_text("Talking with ada")).to_be_visible()
    assert asked == ["beforeunload"]
    await hang_up(page)
    await page.get_by_role("link", name="Calls").click()
    await expect(page).to_have_url(re.compile("/calls$"))
    assert asked == ["beforeunload"]


async def test_every_other_page_has_a_small_phone(page: Page, model: ScriptedModel):
    await expect(page.get_by_role("button", name="Talk")).to_be_hidden()
    await page.goto("/calls")
    toggle = page.get_by_role("button", name="Talk")
    await toggle.click()
    drawer = page.get_by_role("complementary", name="Phone")
    await expect(drawer.get_by_role("heading", name="Phone")).to_be_focused()
    await call(page, model)
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    await expect(toggle).to_be_focused()
    await toggle.click()
    await expect(drawer.get_by_text("Talking with ada")).to_be_visible()
    await page.set_viewport_size(TELEPHONE)
    await assert_accessible(page)
    await hang_up(page)


async def test_of_several_agents_one_is_chosen(browser: Browser, service: Service, tmp_path: Path):
    write_agent(tmp_path, "greeting: none\nnumbers: []", name="bob")
    async with visiting(browser, service.url) as (page, _):
        for _ in range(50):  # until the folder is read again
            await page.goto("/phone?agent=bob")
            picker = page.get_by_label("Agent", exact=True)
            if await picker.count():
                break
            await page.wait_for_timeout(100)
        await expect(picker).to_have_value("bob")
        await picker.select_option("ada")
        await expect(page.get_by_text("Ready to call ada")).to_be_visible()


@both_looks
async def test_it_is_accessible_before_and_during_a_call(
    browser: Browser, service: Service, model: ScriptedModel, theme: str, viewport: dict[str, int]
):
    async with visiting(browser, service.url, color_scheme=theme, viewport=viewport) as (page, _):
        await page.goto("/phone")
        await expect(page.get_by_text("Ready to call ada")).to_be_visible()
        await assert_accessible(page)
        session = await call(page, model)
        session.emit(*response(Speech("Good evening.", ms=500)))
        await page.get_by_role("button", name="Keys").click()
        await page.get_by_text("Microphone and loudspeaker").click()
        await expect(page.get_by_role("list", name="Transcript")).to_contain_text("Good evening", timeout=SLOW_MS)
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await hang_up(page)
