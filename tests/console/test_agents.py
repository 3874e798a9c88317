"""Agents are listed, edited, tried and saved in the browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from phoneagent.app import Service
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from tests.calls.outbound import eventually
from tests.calls.service import NUMBER, phone_of, write_agent
from tests.console.browser import FAKE_MICROPHONE, Browsers, assert_accessible, fixture, visiting
from tests.console.looks import both_looks
from tests.console.people import log_in

FRONT = 'numbers: ["+15550100"]\nvoice: marin  # warm\ngreeting: none\nidle: off'


@pytest.fixture
def file(tmp_path: Path, service: Service) -> Path:
    write_agent(tmp_path, FRONT)
    service.agents.directory.reload()
    return tmp_path / "agents" / "ada.md"


@fixture
async def page(browser: Browser, service: Service) -> AsyncIterator[Page]:
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource: the server responded with a status of 4",)
        yield page


@fixture
async def editing(page: Page, file: Path) -> Page:
    """The page of the agent, with its editor ready."""
    return await opened(page)


async def opened(page: Page, path: str = "/agents/ada") -> Page:
    await page.goto(path)
    await expect(editor(page)).to_be_visible()
    return page


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="File ada.md")


async def text(page: Page) -> str:
    """What stands in the editor."""
    return "\n".join(await page.locator(".cm-content > .cm-line").all_inner_texts())


def read(file: Path) -> str:
    return file.read_text()


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def write_over(page: Page, line: str, by: str) -> None:
    """Put the cursor behind a line, and write another in its place."""
    await page.locator(".cm-line", has_text=line).first.click()
    await page.keyboard.press("Home")
    await page.keyboard.press("Shift+End")
    await page.keyboard.type(by)
    await page.keyboard.press("Escape")  # what is offered for it


async def test_the_list_shows_who_answers_what_and_what_is_wrong(page: Page, service: Service, tmp_path: Path):
    write_agent(tmp_path, 'numbers: ["*"]\nvoise: ash', "bob")
    service.agents.directory.reload()
    await page.goto("/agents")
    ada = page.get_by_role("row").filter(has_text="ada")
    await expect(ada).to_contain_text("+15550100")
    await expect(ada).to_contain_text("Answers")
    bob = page.get_by_role("row").filter(has_text="bob")
    await expect(bob).to_contain_text("Broken")
    await expect(bob).to_contain_text("bob.md:3:1")
    await expect(bob).to_contain_text("did you mean 'voice'?")
    await bob.get_by_role("link", name="bob").click()
    await expect(page.locator(".page-head")).to_contain_text("Broken")
    await expect(page.locator(".page-head")).to_contain_text("answers nothing")


async def test_keys_and_values_are_completed_where_they_belong(editing: Page):
    await write_over(editing, "greeting", "turn_de")
    await editing.keyboard.press("Control+Space")
    await editing.get_by_role("option", name="turn_detection").click()
    await editing.keyboard.type("{type: se")
    await editing.get_by_role("option", name="semantic_vad").click()
    assert "turn_detection: {type: semantic_vad}" in await text(editing)


async def test_an_error_is_marked_at_its_place_and_the_list_leads_there(editing: Page):
    await write_over(editing, "voice", "voise: ash")
    problem = editing.get_by_role("region", name="Problems").get_by_role("button")
    await expect(problem).to_contain_text("ada.md:3:1 voise: unknown key, did you mean 'voice'?")
    await expect(editing.locator(".cm-lintRange-error")).to_have_text("voise")
    await editor(editing).press("Control+End")
    await problem.press("Enter")
    await editing.keyboard.type("x")
    assert "xvoise: ash" in await text(editing)


async def test_what_is_changed_is_compared_and_saved(editing: Page, file: Path, service: Service):
    save = editing.get_by_role("button", name="Save")
    await expect(save).to_be_disabled()
    await write_over(editing, "voice", "voice: cedar")
    await expect(editing.get_by_text("Unsaved changes")).to_be_visible()
    await editing.get_by_role("button", name="Compare").click()
    await expect(editing.locator(".cm-deletedChunk")).to_contain_text("marin")
    await expect(editing.locator(".cm-changedLine")).to_contain_text("cedar")
    await editor(editing).press("Control+s")
    await expect(editing.get_by_text("Saved. It answers the next call.")).to_be_visible()
    await expect(save).to_be_disabled()
    assert "voice: cedar\n" in read(file)
    assert service.agents.directory.agents["ada"].voice == "cedar"


async def test_a_broken_text_is_refused_with_reasons(editing: Page, file: Path):
    before = read(file)
    await write_over(editing, "voice", "voice: nobody")
    await editing.get_by_role("button", name="Save").click()
    await expect(editing.get_by_text("Not saved: 1 error.")).to_be_visible()
    await expect(editing.get_by_role("region", name="Problems")).to_contain_text("voice: must be one of")
    assert read(file) == before


async def test_a_file_that_changed_on_the_disk_is_not_written_over(editing: Page, file: Path):
    write(file, read(file).replace("Be Ada.", "Be kind."))
    await write_over(editing, "voice", "voice: cedar")
    await editing.get_by_role("button", name="Save").click()
    await expect(editing.get_by_role("alert")).to_contain_text("changed by somebody else meanwhile")
    await expect(editing.locator(".cm-deletedChunk")).to_have_count(2)
    assert "marin" in read(file)
    await editing.locator(".cm-deletedChunk", has_text="Be kind.").get_by_role("button", name="Revert").click()
    await editing.get_by_role("button", name="Save").click()
    await expect(editing.get_by_role("alert")).to_have_count(0)
    assert "Be kind." in read(file)
    assert "voice: cedar" in read(file)


async def test_the_playground_changes_the_text_and_nothing_else_of_it(editing: Page):
    before = await text(editing)
    await editing.get_by_label("Voice").select_option("sage")
    await expect(editing.locator(".cm-line", has_text="voice:")).to_have_text("voice: sage  # warm")
    await editing.get_by_label("Threshold").fill("0.7")
    await expect(editing.locator(".cm-content")).to_contain_text("turn_detection: {threshold: 0.7}")
    await editing.get_by_label("send_sms").check()
    await editing.get_by_label("take_message").check()
    await expect(editing.locator(".cm-content")).to_contain_text("tools: [end_call, send_sms, take_message]")
    after = await text(editing)
    kept = [line for line in after.split("\n") if not line.startswith(("turn_detection", "tools"))]
    assert "\n".join(kept) == before.replace("marin", "sage")


async def test_what_is_written_while_a_control_changes_the_text_stays(editing: Page):
    held: asyncio.Queue[Route] = asyncio.Queue()
    await editing.route("**/api/agent-edit", held.put)
    await editing.get_by_label("Voice").select_option("sage")
    first = await held.get()
    await write_over(editing, "Be Ada.", "Be kind.")
    await first.continue_()
    await (await held.get()).continue_()
    await expect(editing.locator(".cm-line", has_text="voice:")).to_have_text("voice: sage  # warm")
    await expect(editing.locator(".cm-content")).to_contain_text("Be kind.")


async def test_one_talks_to_what_is_not_saved_yet(
    browsers: Browsers, service: Service, file: Path, model: ScriptedModel
):
    async with visiting(await browsers.get(*FAKE_MICROPHONE), service.url) as (page, _):
        await opened(page)
        await page.get_by_label("Voice").select_option("sage")
        await expect(page.get_by_text("Unsaved changes")).to_be_visible()
        await page.get_by_role("button", name="Try it").click()
        await page.get_by_role("main").get_by_role("button", name="Call", exact=True).click()
        update = await (await model.session()).received("session.update")
        assert update["session"]["audio"]["output"]["voice"] == "sage"
        await expect(page.get_by_role("main").get_by_text("Talking with ada")).to_be_visible()
        assert "marin" in read(file)


async def test_a_new_agent_that_somebody_else_has_made_meanwhile_is_not_written_over(page: Page, tmp_path: Path):
    await opened_new(page, "eve")
    write_agent(tmp_path, "voice: cedar", "eve")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("alert")).to_contain_text("changed by somebody else meanwhile")
    await expect(page.locator(".cm-deletedChunk").first).to_contain_text("cedar")
    await page.get_by_role("button", name="Take all of theirs").click()
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    assert "cedar" in read(tmp_path / "agents" / "eve.md")


async def opened_new(page: Page, name: str) -> None:
    await page.goto(f"/agents/{name}")
    await expect(page.get_by_role("textbox", name=f"File {name}.md")).to_be_visible()


async def test_a_new_agent_is_written_and_deleted(page: Page, tmp_path: Path):
    await page.goto("/agents")
    await page.get_by_role("button", name="New agent").click()
    name = page.get_by_role("dialog").get_by_label("Name")
    await name.fill("ada")
    await expect(page.get_by_role("dialog")).to_contain_text("There is such an agent already.")
    await name.fill("eve")
    await name.press("Enter")
    await expect(page.get_by_role("textbox", name="File eve.md")).to_be_visible()
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_text("Saved. It answers the next call.")).to_be_visible()
    assert (tmp_path / "agents" / "eve.md").exists()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete the agent").click()
    await page.wait_for_url("**/agents")
    assert not (tmp_path / "agents" / "eve.md").exists()


async def test_an_earlier_version_is_seen_compared_and_put_into_the_editor(editing: Page, file: Path, service: Service):
    version = service.agents.directory.agents["ada"].version
    async with phone_of(service) as phone:
        call = phone.dial(NUMBER, [Silence(60)])
        await call.until(lambda record: record.streams)
        call.hang_up()
        await call.ended()
    write_agent(file.parents[1], FRONT.replace("marin", "cedar"))
    service.agents.directory.reload()

    async def is_listed() -> bool:
        return bool((await (await editing.request.get("/api/agents/ada/versions")).json())["versions"])

    await eventually(is_listed)
    await opened(editing)
    await editing.get_by_role("link", name=version).click()
    await expect(editor(editing)).to_contain_text("voice: marin")
    await editing.get_by_role("button", name="Compare with now").click()
    await expect(editing.locator(".cm-deletedChunk")).to_contain_text("cedar")
    await editing.get_by_role("link", name="Put into the editor").click()
    await expect(editing.get_by_text("Unsaved changes")).to_be_visible()
    await expect(editor(editing)).to_contain_text("voice: marin")
    assert "cedar" in read(file)


async def test_a_viewer_reads_and_changes_nothing(page: Page, file: Path, tmp_path: Path):
    await log_in(page, tmp_path, "viewer")
    await page.goto("/agents")
    await expect(page.get_by_role("row").filter(has_text="ada")).to_be_visible()
    await expect(page.get_by_role("button", name="New agent")).to_have_count(0)
    await opened(page)
    await expect(page.get_by_text("Read only")).to_be_visible()
    await expect(page.get_by_label("Voice")).to_be_disabled()
    for name in ("Save", "Delete"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)
    before = await text(page)
    await editor(page).press("x")
    assert await text(page) == before


async def test_what_is_not_saved_is_not_left_by_accident(editing: Page):
    await write_over(editing, "voice", "voice: cedar")
    async with editing.expect_event("dialog") as asked:
        await editing.evaluate("setTimeout(() => location.assign('/calls'))")
    assert (await asked.value).type == "beforeunload"
    await expect(editor(editing)).to_contain_text("voice: cedar")


@both_looks
async def test_both_pages_are_accessible(
    browser: Browser, service: Service, file: Path, theme: str, viewport: dict[str, int]
):
    write(file, read(file).replace("voice", "voise"))
    service.agents.directory.reload()
    async with visiting(browser, service.url, color_scheme=theme, viewport=viewport) as (page, _):
        await page.goto("/agents")
        await expect(page.get_by_role("row").filter(has_text="ada")).to_be_visible()
        await assert_accessible(page)
        await opened(page)
        await expect(page.locator(".cm-lintRange-error")).to_be_visible()
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
