"""Operators step into calls from the browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from phoneagent.app import Service
from phoneagent.calls import listening
from phoneagent.simulate.audio import read_wav
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.script import Say, Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from tests.calls.service import NUMBER, phone_of
from tests.calls.telephony import WARM, scene
from tests.console.browser import FAKE_MICROPHONE, Browsers, assert_accessible, fixture, visiting
from tests.console.lines import SPEECH, envelope, likeness, open_call, speech_wav, transcript
from tests.console.people import log_in

STAYS = [Silence(120)]
TALKS = [Say("a" * 6000), Silence(60)]  # two minutes of a tone

pytestmark = pytest.mark.usefixtures("patient_with_operators")


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speech_wav(tmp_path_factory.mktemp("microphone"))


@fixture
async def browser(speech: Path, browsers: Browsers) -> Browser:
    return await browsers.get(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={speech}")


@fixture
async def phone(service: Service) -> AsyncIterator[FakePhone]:
    async with phone_of(service) as phone:
        yield phone


async def called(page: Page, phone: FakePhone) -> FakeCall:
    """A call in progress that the page follows."""
    call = phone.dial(NUMBER, STAYS)
    await call.until(lambda record: record.streams)
    await open_call(page, call)
    return call


def controls(page: Page) -> Locator:
    return page.get_by_role("region", name="Step in")


async def press(page: Page, button: str) -> None:
    await controls(page).get_by_role("button", name=button, exact=True).click()


async def test_a_whisper_reaches_the_agent_only(page: Page, phone: FakePhone, model: ScriptedModel):
    await called(page, phone)
    await controls(page).get_by_label("Whisper").fill("Offer <b>ten past four</b>.")
    await press(page, "Whisper")
    item = (await (await model.session()).received("conversation.item.create"))["item"]
    assert item["role"] == "system"
    assert "Offer <b>ten past four</b>." in item["content"][0]["text"]
    await expect(transcript(page)).to_contain_text("local whispered to the agent: Offer <b>ten past four</b>.")
    await expect(controls(page).get_by_label("Whisper")).to_have_value("")


async def test_the_agent_says_what_it_is_told_to(page: Page, phone: FakePhone, model: ScriptedModel):
    await called(page, phone)
    await page.keyboard.press("s")
    await page.keyboard.type("We close at five.")
    await page.keyboard.press("Enter")
    asked = await (await model.session()).received("response.create")
    assert "We close at five." in asked["response"]["instructions"]
    await expect(transcript(page)).to_contain_text("local had the agent say: We close at five.")


async def test_an_operator_hears_both_sides(page: Page, phone: FakePhone, figure: Callable[[str], None]):
    call = phone.dial(NUMBER, TALKS)
    await call.until(lambda record: record.streams)
    await open_call(page, call)
    began = time.monotonic()
    await press(page, "Listen in")
    await expect(controls(page).get_by_role("img", name="Caller: speaking")).to_be_visible()
    figure(f"a caller is heard in the browser {(time.monotonic() - began) * 1000:.0f} ms after Listen in was pressed")
    await expect(controls(page).get_by_role("img", name="Agent: quiet")).to_be_visible()
    await expect(page.get_by_text("Listening in").locator("..")).to_contain_text("1")
    await press(page, "Listen in")
    await expect(page.get_by_text("Listening in").locator("..")).to_contain_text("0")


async def test_the_caller_hears_the_operator_who_has_taken_over(page: Page, phone: FakePhone):
    call = await called(page, phone)
    await press(page, "Take over")
    await expect(page.get_by_text("You are speaking with the caller")).to_be_visible()
    await expect(page.get_by_text("Taken over by local")).to_be_visible()
    await assert_accessible(page)
    spoken = envelope(read_wav(SPEECH))
    heard = lambda record: sum(chunk.length for chunk in record.line.playout.chunks) / 160  # noqa: E731  # frames
    async with asyncio.timeout(60):
        for enough in count(2 * len(spoken), len(spoken)):  # it is played over and over; a busy machine loses some
            await call.until(lambda record, enough=enough: heard(record) > enough, 60)
            if likeness(spoken, envelope(call.record.line.tracks()[1])) > 0.7:
                break

    await press(page, "Mute")
    await expect(page.get_by_text("You are muted")).to_be_visible()
    await page.keyboard.press("m")
    await expect(page.get_by_text("You are speaking with the caller")).to_be_visible()
    await press(page, "Hand back")
    await expect(page.get_by_text("local handed the call back")).to_be_visible()
    await expect(controls(page).get_by_role("button", name="Take over")).to_be_visible()


async def test_while_the_browser_asks_for_the_microphone_it_says_so_and_asks_once(page: Page, phone: FakePhone):
    await called(page, phone)
    await press(page, "Listen in")
    await expect(controls(page).get_by_role("button", name="Listen in")).to_have_attribute("aria-pressed", "true")
    await page.evaluate(_HOLD_MICROPHONE)
    await page.keyboard.press("t")
    await page.keyboard.press("t")
    await expect(page.get_by_text("Waiting for your microphone")).to_be_visible()
    await page.evaluate("window.allow()")
    await expect(page.get_by_text("You are speaking with the caller")).to_be_visible()
    assert await page.evaluate("window.asked") == 1


_HOLD_MICROPHONE = """() => {
    const { mediaDevices } = navigator;
    const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
    window.asked = 0;
    mediaDevices.getUserMedia = (wanted) => {
        window.asked += 1;
        return new Promise((resolve) => (window.allow = () => resolve(getUserMedia(wanted))));
    };
}"""


async def test_the_call_can_be_taken_over_before_one_hears_it(page: Page, phone: FakePhone):
    await called(page, phone)
    await page.keyboard.press("l")
    await page.keyboard.press("t")
    await expect(page.get_by_text("You are speaking with the caller")).to_be_visible()


async def test_who_can_not_listen_in_hears_why_and_nothing_else(
    page: Page, phone: FakePhone, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(listening, "MOST_LISTENERS", 0)
    await called(page, phone)
    await press(page, "Listen in")
    await expect(page.locator("#toasts")).to_have_text("Too many listen to this call already.")
    await expect(controls(page).get_by_role("button", name="Listen in")).to_have_attribute("aria-pressed", "false")
    await expect(page.locator("#toasts")).to_have_text("Too many listen to this call already.")


async def test_two_operators_do_not_fight(browser: Browser, service: Service, phone: FakePhone, tmp_path: Path):
    call = phone.dial(NUMBER, STAYS)
    await call.until(lambda record: record.streams)
    async with AsyncExitStack() as stack:
        maria, tom = [(await stack.enter_async_context(visiting(browser, service.url)))[0] for _ in range(2)]
        for page, name in (maria, "maria"), (tom, "tom"):
            await log_in(page, tmp_path, "operator", name)
            await open_call(page, call)
        await press(maria, "Take over")
        await expect(controls(tom).get_by_text("maria has the call")).to_be_visible()
        await expect(controls(tom).get_by_role("button", name="Take over")).to_be_disabled()
        await tom.keyboard.press("t")  # the button is not the only way
        await expect(tom.get_by_text("maria has the call.")).to_be_visible()
        await expect(maria.get_by_text("You are speaking with the caller")).to_be_visible()

        await controls(tom).get_by_label("Whisper").fill("They have called before.")
        await press(tom, "Whisper")
        await expect(transcript(maria)).to_contain_text("tom whispered to the agent")

        await maria.close()  # as a laptop that is shut
        await expect(transcript(tom)).to_contain_text("maria handed the call back")
        await press(tom, "Take over")
        await expect(tom.get_by_text("You are speaking with the caller")).to_be_visible()


async def test_hanging_up_is_asked_about_first(page: Page, phone: FakePhone):
    call = await called(page, phone)
    await page.keyboard.press("h")
    await page.get_by_role("button", name="Cancel").click()
    await press(page, "Hang up")
    await page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
    assert (await call.ended()).outcome == "agent hung up"
    await expect(page.get_by_text("The call is over")).to_be_visible()
    await expect(controls(page)).to_have_count(0)


async def test_a_caller_is_transferred(browser: Browser, tmp_path: Path):
    async with scene(tmp_path, WARM) as s, visiting(browser, s.service.url) as (page, _):
        call = s.twilio.phone.dial(NUMBER, STAYS)
        await call.until(lambda record: record.streams)
        await open_call(page, call)
        await press(page, "Transfer…")
        await expect(page.get_by_role("combobox")).to_have_value("reception")
        await page.get_by_label("What they should know").fill("Somebody with a broken tooth.")
        await page.get_by_role("dialog").get_by_role("button", name="Transfer").click()
        await s.human()
        await expect(transcript(page)).to_contain_text("local began a transfer to reception")


async def test_who_may_only_look_sees_no_controls_and_is_refused(
    browser: Browser, service: Service, phone: FakePhone, tmp_path: Path
):
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource: the server responded with a status of 403",)
        await log_in(page, tmp_path, "viewer")
        await called(page, phone)
        await expect(controls(page)).to_have_count(0)
        for method, deed in ("POST", "/whisper"), ("POST", "/say"), ("POST", "/audio"), ("DELETE", ""):
            status = await page.evaluate(_ASK, [method, deed])
            assert status == 403, deed


_ASK = """async ([method, deed]) => {
    const token = document.querySelector("meta[name=csrf-token]").content;
    const call = document.getElementById("live").dataset.call;
    const headers = { "X-CSRF-Token": token, "Content-Type": "application/json" };
    const body = method === "POST" ? JSON.stringify({ text: "x" }) : undefined;
    return (await fetch(`/api/calls/${call}${deed}`, { method, headers, body })).status;
}"""


async def test_one_listens_from_the_list_of_calls(page: Page, phone: FakePhone):
    call = phone.dial(NUMBER, TALKS)
    await page.goto("/")
    await page.get_by_role("button", name=f"Listen to {call.from_}").click()
    dock = page.get_by_role("complementary", name="Listening in")
    await expect(dock).to_contain_text(f"Listening to {call.from_}")
    await expect(page.get_by_title("1 listening in")).to_be_visible()
    await dock.get_by_role("button", name="Stop").click()
    await expect(dock).to_have_count(0)
    await expect(page.get_by_title("1 listening in")).to_have_count(0)
