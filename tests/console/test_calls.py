"""The list of calls, and the record of one."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Download, Locator, Page, expect

from phoneagent.app import Service
from phoneagent.store.blobs import Blobs
from phoneagent.web.console.call_list import PAGE
from tests.console.browser import assert_accessible, fixture, visiting
from tests.console.calls import BEGINS_S, EVENTS, NOON, dentist, hostile, keep, kept, record
from tests.console.looks import both_looks
from tests.console.people import log_in
from tests.store.story import began, over, said


@fixture
async def folder(tmp_path: Path, service: Service) -> Path:
    """Of a service with a recorded call, and another of an earlier day."""
    await keep(tmp_path, *dentist())
    await record(tmp_path)
    another = began("c2", NOON - timedelta(days=9), agent="sales", caller="+12125550123", direction="outbound")
    await keep(tmp_path, another, said("c2", "t1", "Do you deliver?"), over("c2", outcome="failed", turns=["t1"]))
    return tmp_path


def rows(page: Page) -> Locator:
    return page.locator("tbody tr")


async def opened(page: Page, url: str = "/calls/c1") -> Page:
    """The page of a call, once its recording can be played."""
    await page.goto(url)
    await page.locator("audio").evaluate(
        "audio => audio.readyState || new Promise((known) => audio.addEventListener('loadedmetadata', known))"
    )
    return page


async def at_s(page: Page) -> float:
    """Where the player is, on the call's clock."""
    return BEGINS_S + float(await page.evaluate("document.querySelector('audio').currentTime"))


async def text_of(download: Download) -> str:
    return Path(await download.path()).read_text(encoding="utf-8")  # noqa: ASYNC240


# The list


async def test_calls_are_listed_with_what_matters(page: Page, folder: Path):
    await page.goto("/calls")
    first = rows(page).first
    for shown in ("+15550199", "+15550100", "clinic", "Caller hung up", "0:23", "640 ms", "$0.0803"):
        await expect(first).to_contain_text(shown)
    await expect(rows(page)).to_have_count(2)
    await expect(first.locator("time")).not_to_have_text(re.compile("UTC"))  # in the reader's own time zone


async def test_calls_are_found(page: Page, folder: Path):
    await page.goto("/calls")
    for field, given, found in (
        ("Words", "tomorrow", "+15550199"),
        ("Words", "DELIVER", "+12125550123"),
        ("Number", "+1 (212) 555-0123", "+12125550123"),
        ("From", "2026-11-21", "+15550199"),
        ("To", "2026-11-20", "+12125550123"),
    ):
        await page.get_by_label(field, exact=True).fill(given)
        await page.get_by_role("button", name="Search").click()
        await expect(rows(page)).to_have_count(1)
        await expect(rows(page)).to_contain_text(found)
        await expect(page.get_by_label(field, exact=True)).to_have_value(given)
        await page.get_by_role("link", name="Clear").click()
        await expect(rows(page)).to_have_count(2)
    await page.wait_for_load_state()
    await page.get_by_label("Outcome").select_option("Failed")
    await expect(rows(page)).to_contain_text(["Failed"])
    await page.wait_for_load_state()  # a page shows what it has before it heeds what one chooses
    await page.get_by_label("Outcome").select_option("Live")
    await expect(page.get_by_role("heading", name="No such call")).to_be_visible()
    await page.goto("/calls?agent=sales")  # which has no file any more
    await expect(page.get_by_label("Agent Any")).to_have_value("sales")
    await expect(rows(page)).to_contain_text(["+12125550123"])


async def test_days_are_the_readers(browser: Browser, service: Service, folder: Path):
    late = replace(began("c3"), began=NOON + timedelta(hours=11, minutes=30))  # 23:30 UTC, tomorrow in Tokyo
    await keep(folder, late, over("c3"))
    async with visiting(browser, service.url, timezone_id="Asia/Tokyo") as (page, _):
        await page.goto("/calls")
        await page.get_by_label("From").fill("2026-11-22")
        await page.get_by_label("To").fill("2026-11-22")
        await page.get_by_role("button", name="Search").click()
        await expect(rows(page).locator("time")).to_have_text(re.compile("Nov 22, 2026, 8:30"))


async def test_what_is_not_understood_is_said_where_it_stands(page: Page, folder: Path):
    await page.goto("/calls?number=12&since=yesterday&zone=../etc/passwd&older=x")
    await expect(page.get_by_label("Number")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#number-problem")).to_contain_text("12")
    await expect(page.locator("#since-problem")).to_contain_text("2026-11-21")
    await expect(page.get_by_role("heading", name="Not understood")).to_be_visible()


async def test_pages_of_the_list_lead_on_and_back(page: Page, folder: Path):
    for number in range(2 * PAGE + 10):
        id_ = f"n{number:03}"
        await keep(folder, began(id_, NOON - timedelta(hours=1, minutes=number), agent="many"), over(id_))
    await page.goto("/calls?agent=many")
    times = page.locator("tbody time")
    newest = await times.first.get_attribute("datetime")
    await page.get_by_role("link", name="Older").click()
    await page.get_by_role("link", name="Older").click()
    await expect(rows(page)).to_have_count(10)
    await expect(page.get_by_label("Agent Any")).to_have_value("many")
    await expect(page.get_by_role("link", name="Older")).to_have_count(0)
    await page.get_by_role("link", name="Newer").click()
    await expect(rows(page)).to_have_count(PAGE)
    second = await times.first.get_attribute("datetime")
    await page.get_by_role("link", name="Newer").click()
    await expect(times.first).to_have_attribute("datetime", str(newest))
    await expect(page.get_by_role("link", name="Newer")).to_have_count(0)
    await page.go_back()
    await expect(times.first).to_have_attribute("datetime", str(second))
    await rows(page).nth(3).click()
    await page.wait_for_url(re.compile("/calls/n"))  # loaded: its script knows which list one comes from
    await page.get_by_role("link", name="← Calls").click()
    await expect(times.first).to_have_attribute("datetime", str(second))


async def test_the_list_stays_within_its_card_however_wide_the_page_is(page: Page, tmp_path: Path):
    await keep(tmp_path, *dentist("c1"), *hostile("h1"))
    await page.goto("/calls")
    for width in (360, 740, 900, 1180, 1200, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.locator(".card").evaluate("(card) => card.scrollWidth <= card.clientWidth"), width


async def test_the_keyboard_is_enough(page: Page, folder: Path):
    await page.goto("/calls")
    await page.keyboard.press("/")
    await expect(page.get_by_label("Words")).to_be_focused()
    await page.get_by_label("Words").blur()
    for key, focused in (("j", 0), ("j", 1), ("ArrowDown", 1), ("k", 0), ("ArrowUp", 0)):
        await page.keyboard.press(key)
        await expect(rows(page).nth(focused).get_by_role("link")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/calls/c1$"))


async def test_what_is_found_is_had_for_a_spreadsheet(page: Page, folder: Path):
    await page.goto("/calls?agent=sales&until=2026-11-20&text=deliver")
    async with page.expect_download() as had:
        await page.get_by_role("link", name="CSV").click()
    [row] = csv.DictReader(io.StringIO(await text_of(await had.value), newline=""))
    assert (row["id"], row["caller"]) == ("c2", "'+12125550123")


# One call


async def test_a_record_says_all_that_is_known(page: Page, folder: Path):
    await opened(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("+15550199 called +15550100")
    main = page.locator("main")
    for shown in (
        "I'd like to come in <b>tomorrow</b>, it hurts.",
        "The caller interrupted after 2.2 s",
        "The caller typed: 12",
        "Transfer to desk: failed: nobody answered",
        "1.2 s",
        "1,200 text in, 600 audio in, 400 audio out",
        "$0.0712",
    ):
        await expect(main).to_contain_text(shown)
    await expect(page.locator("s")).to_have_text("not heard: we have free tomorrow.")
    assert await page.locator("#timeline > li").evaluate_all("items => items.map(item => Number(item.dataset.at))") == [
        *(2.5, 6.0, 9.2, 11.0, 13.2, 14.0, 15.5, 16.0, 18.0, 20.5),
    ]
    version = page.get_by_role("link", name="as it was then")
    await expect(version).to_have_attribute("href", "/agents/clinic/versions/v1")
    tool = page.locator("[data-kind=tool]", has_text="book")
    await expect(tool.locator("pre").first).to_be_hidden()
    await tool.locator("summary").click()
    await expect(tool.locator("pre")).to_have_text(['{\n  "at": "9:00"\n}', '{\n  "error": "the calendar is away"\n}'])
    assert await page.evaluate("document.querySelector('audio').paused")  # to look at it is not to play it


async def test_a_line_leads_to_its_sound_and_the_sound_to_its_line(page: Page, folder: Path):
    await opened(page)
    playing = page.locator("#timeline [aria-current]")
    await page.get_by_text("In the morning, please.").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    began = await page.locator("audio").evaluate(
        "audio => (audio.played.length ? audio.played.start(0) : audio.currentTime)"
    )
    assert began + BEGINS_S == pytest.approx(14.0, abs=0.1)
    now_s = await at_s(page)  # however long the test took to stop it
    lines = {14.0: "In the morning", 15.5: "typed", 16.0: "book", 18.0: "Tomorrow at nine", 20.5: "Transfer"}
    await expect(playing).to_contain_text([text for at, text in lines.items() if at <= now_s + 0.05][-1])

    await page.get_by_label("Speed").select_option("2")
    await page.get_by_role("button", name="Play from 0:18").press("Enter")
    await expect(playing).to_contain_text("Transfer to desk", timeout=20_000)  # which the sound has come to


async def test_the_waveform_leads_to_the_sound_and_shows_it(page: Page, folder: Path):
    await opened(page)
    drawn = """(which) => {
        const canvas = document.querySelector("canvas"), copy = new OffscreenCanvas(canvas.width, canvas.height);
        const pen = copy.getContext("2d", { willReadFrequently: true });
        pen.drawImage(canvas, 0, 0);
        const [x, half] = [canvas.width * (which.at_s - 2) / 20, (canvas.height - 10) / 2];
        const points = pen.getImageData(x, which.side === "caller" ? 0 : half + 4, 3, half - 4).data;
        return points.filter((_, index) => index % 4 === 3).reduce((sum, alpha) => sum + (alpha > 0), 0);
    }"""

    async def ink(side: str, at_s: float) -> Any:
        return await page.evaluate(drawn, {"side": side, "at_s": at_s})

    while await ink("caller", 7.5) < 20:  # until it is drawn
        await page.evaluate("new Promise(requestAnimationFrame)")
    assert await ink("agent", 7.5) < 5 < 20 < await ink("agent", 2.5)
    assert await ink("caller", 2.5) < 5

    position = page.get_by_role("slider", name="Position")
    box = await position.bounding_box()
    assert box is not None
    await position.click(position={"x": box["width"] * 0.51, "y": 10})
    assert await at_s(page) == pytest.approx(12.2, abs=0.1)
    await expect(position).to_have_attribute("aria-valuetext", "0:10 of 0:20")
    await expect(page.locator("#timeline [aria-current]")).to_contain_text("Oh dear")
    await position.press("End")
    assert await at_s(page) == pytest.approx(22, abs=0.1)
    await position.press("ArrowLeft")
    assert await at_s(page) == pytest.approx(17, abs=0.1)
    await position.press("Home")
    assert await at_s(page) == pytest.approx(2, abs=0.1)


async def test_who_scrolls_is_not_led_back(page: Page, folder: Path):
    await opened(page)
    follow = page.get_by_role("button", name="Follow")
    await expect(follow).to_have_attribute("aria-pressed", "true")
    await page.mouse.wheel(0, 200)
    await expect(follow).to_have_attribute("aria-pressed", "false")
    await follow.press("Space")  # which elsewhere plays the recording
    await expect(follow).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("document.querySelector('audio').paused")
    await page.mouse.wheel(0, 200)
    await expect(follow).to_have_attribute("aria-pressed", "false")
    await page.get_by_text("In the morning, please.").click()
    await expect(follow).to_have_attribute("aria-pressed", "true")


async def test_each_of_several_recordings_can_be_heard(page: Page, folder: Path):
    await record(folder, name="2026/11/21/c1-2.wav", caller=(0.1,) * 3, agent=(0.1,) * 3, at_s=30.0)
    await opened(page)
    await expect(page.locator("#time")).to_have_text("0:00 / 0:20")  # the longest first
    await page.get_by_label("Which recording").select_option("Recording 2")
    await expect(page.locator("#time")).to_have_text("0:00 / 0:03")
    await expect(page.get_by_role("slider", name="Position")).to_have_attribute("aria-valuemax", "3")


async def test_why_nothing_or_not_all_can_be_heard_is_said(page: Page, folder: Path):
    await page.goto("/calls/c2")
    await expect(page.get_by_text("This call was not recorded.")).to_be_visible()
    await expect(page.locator("audio")).to_have_count(0)
    async with kept(folder) as store:
        await store.erasure.delete_recordings(["c1"])
    await page.goto("/calls/c1")
    await expect(page.get_by_text("The recording was deleted")).to_be_visible()
    await record(folder, "c2", "2026/11/21/c2.wav", problem="the disk does not keep up")
    await page.goto("/calls/c2")
    await expect(page.get_by_text("Recording 1 is not whole: the disk does not keep up")).to_be_visible()


async def test_a_call_is_noted_held_released_and_deleted(page: Page, folder: Path):
    await opened(page)
    await page.get_by_label("Write a note").fill("Call her back <i>soon</i>.")
    await page.get_by_role("button", name="Add").click()
    await expect(page.locator("#notes li")).to_contain_text("Call her back <i>soon</i>.")
    await expect(page.get_by_label("Write a note")).to_be_empty()

    await page.get_by_role("button", name="Hold").click()
    await expect(page.get_by_role("button", name="Delete")).to_be_disabled()
    await expect(page.locator("#notes li")).to_have_count(1)
    await page.wait_for_load_state()
    await page.get_by_role("button", name="Held").click()
    await expect(page.get_by_role("button", name="Delete")).to_be_enabled()
    await page.wait_for_load_state()

    await page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("lost for good")
    await dialog.get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete the call").click()
    await expect(page.get_by_role("heading", name="The call is deleted")).to_be_visible()
    async with kept(folder) as store:
        assert await store.calls.get("c1") is None
    assert not await Blobs(folder / "data" / "recordings").is_here("2026/11/21/c1.wav")


async def test_what_is_kept_is_downloaded(page: Page, folder: Path):
    await opened(page)

    async def had(link: str) -> Download:
        await page.get_by_text("Download").click()
        async with page.expect_download() as download:
            await page.get_by_role("link", name=link).click()
        return await download.value

    transcript = await text_of(await had("Transcript"))
    assert "00:06  caller: I'd like to come in <b>tomorrow</b>, it hurts.\n" in transcript
    document = await had("All as JSON")
    assert document.suggested_filename == "c1.json"
    assert json.loads(await text_of(document))["id"] == "c1"
    assert (await had("Recording")).suggested_filename == "c1.wav"


async def test_a_viewer_sees_no_more_than_they_may(browser: Browser, service: Service, folder: Path):
    async with visiting(browser, service.url) as (page, watch):
        await log_in(page, folder, "viewer")
        await opened(page)
        for name in ("Delete", "Hold"):
            await expect(page.get_by_role("button", name=name)).to_have_count(0)
        watch.expected = ("console: Failed to load resource: the server responded with a status of 403",)
        forced = """([method, path]) => fetch(`/api/calls/c1/${path}`, {
            method, headers: { "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content },
        }).then((answer) => answer.status)"""
        for request in (["DELETE", "record"], ["PUT", "hold"], ["DELETE", "hold"]):
            assert await page.evaluate(forced, request) == 403


async def test_a_call_that_there_is_not_is_not_found(browser: Browser, service: Service):
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource: the server responded with a status of 404",)
        for path in ("/calls/nothing", "/calls/%00", "/calls/nothing/call.json", "/calls/nothing/transcript.txt"):
            answer = await page.goto(path)
            assert answer is not None
            assert answer.status == 404
            await expect(page.get_by_role("heading", name="There is no such call")).to_be_visible()


# Both


async def test_a_record_says_things_as_the_live_view_did(page: Page):
    await page.goto("/calls")
    words = """async (events) => {
        const base = document.querySelector("link[rel=stylesheet]").href.replace("style/base.css", "live/words.js");
        const { happening } = await import(base);
        return events.map(([kind, data]) => happening({ kind, data })).map(({ title, text }) => [title, text ?? null]);
    }"""
    said = await page.evaluate(words, [[kind, data] for kind, data, *_ in EVENTS])
    assert said == [[title, text] for *_, title, text in EVENTS]


@both_looks
async def test_they_are_accessible_in_both_themes(
    browser: Browser, service: Service, folder: Path, theme: str, viewport: dict[str, int]
):
    async with visiting(browser, service.url, color_scheme=theme, viewport=viewport) as (page, _):
        for path in ("/calls", "/calls?number=1", "/calls/c1", "/calls/c2"):
            await page.goto(path)
            for tool in await page.locator("details").all():
                await tool.evaluate("details => details.open = true")
            await assert_accessible(page)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
