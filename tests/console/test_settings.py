"""The pages below /settings, and the way in, in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from phoneagent.app import Service
from tests.console.browser import assert_accessible, visiting
from tests.console.calls import kept
from tests.console.looks import both_looks
from tests.console.people import PASSWORD, log_in

PATHS = ("", "/service", "/users", "/keys", "/webhooks", "/audit")
HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'


async def fill_store(folder: Path) -> None:
    async with kept(folder) as store:
        await store.users.add("bob", "viewer", PASSWORD)
        await store.keys.create(HOSTILE, ["read"])
        await store.audit.note(HOSTILE, "user", "note.add", HOSTILE[:32], {HOSTILE: HOSTILE, "scopes": ["read"]})
        await store.webhooks.add("https://example.com/" + "x" * 100, ["call.ended"])


@both_looks
async def test_every_page_is_accessible_and_shows_text_as_text(
    browser: Browser, service: Service, tmp_path: Path, theme: str, viewport: dict[str, int]
):
    async with visiting(browser, service.url, color_scheme=theme, viewport=viewport) as (page, _):
        await page.goto("/settings")
        await page.goto("/login")  # leads on: nobody has a password yet
        await expect(page).to_have_url(re.compile(r":\d+/$"))
        await assert_accessible(page)
        await fill_store(tmp_path)
        await page.goto("/login")
        await assert_accessible(page)
        await log_in(page, tmp_path, "admin")
        for path in PATHS:
            await page.goto(f"/settings{path}")
            await assert_accessible(page)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        await expect(page.get_by_text(HOSTILE).first).to_be_visible()


async def test_a_user_is_added_logs_in_and_changes_their_password(browser: Browser, service: Service, tmp_path: Path):
    async with visiting(browser, service.url) as (page, _):
        await log_in(page, tmp_path, "admin")
        await page.goto("/settings/users")
        form = page.get_by_role("region", name="Add a user")
        await form.get_by_label("Name").fill("Grace")
        await form.get_by_label("Role").select_option("viewer")
        await form.get_by_label("Password").fill(PASSWORD)
        await form.get_by_role("button", name="Add user").click()
        await expect(page.get_by_role("cell", name="grace")).to_be_visible()
        await page.goto("/settings/audit")
        await expect(page.get_by_role("row", name=re.compile("a admin.*user.add.*grace"))).to_be_visible()
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource",)
        await page.goto("/settings/users")
        await page.get_by_label("Name").fill("grace")
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
        await page.goto("/settings")
        await expect(page.get_by_role("navigation", name="Settings")).to_have_count(0)
        await page.get_by_label("Old password").fill("not it at all")
        await page.get_by_label("New password").fill("another password")
        await page.get_by_role("button", name="Change password").click()
        await expect(page.get_by_text("the old password is wrong")).to_be_visible()
        await page.get_by_label("Old password").fill(PASSWORD)
        await page.get_by_role("button", name="Change password").click()
        await expect(page.get_by_text("Your password is changed.")).to_be_visible()
        await page.get_by_label(re.compile("^Account")).click()
        await page.get_by_role("button", name="Log out").first.click()
        await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        await page.go_back()
        await page.reload()
        await expect(page.get_by_role("heading", name="Log in")).to_be_visible()


async def test_a_role_is_changed_and_a_user_removed(page: Page, tmp_path: Path):
    await log_in(page, tmp_path, "admin")
    await fill_store(tmp_path)
    await page.goto("/settings/users")
    await page.get_by_label("Change bob").click()
    await page.get_by_label("Role").first.select_option("operator")
    await page.get_by_role("button", name="Change role").click()
    await expect(page.get_by_role("row", name=re.compile("bob operator"))).to_be_visible()
    await page.wait_for_load_state()  # a page shows what it has before it heeds its buttons
    await page.get_by_label("Change bob").click()
    await page.get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog", name="Remove bob?").get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("cell", name="bob")).to_have_count(0)


async def test_a_key_is_shown_once_and_revoked(page: Page):
    await page.goto("/settings/keys")
    await page.get_by_label("Name").fill("dashboard")
    await page.get_by_label("Expires after days").fill("90")
    await page.get_by_role("button", name="Make key").dblclick()  # impatiently: it is made once all the same
    key = await page.get_by_role("dialog", name="The new key").get_by_role("textbox").input_value()
    answer = await page.request.get("/api/calls", headers={"Authorization": f"Bearer {key}", "Cookie": ""})
    assert answer.ok
    await page.get_by_role("button", name="I have kept it").click()
    await expect(page.get_by_role("row", name=re.compile("dashboard"))).to_contain_text("read")
    assert key not in await page.content()
    await page.wait_for_load_state()
    await page.get_by_role("button", name="Revoke dashboard").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("Revoked")).to_be_visible()


async def test_a_webhook_is_added_tested_and_disabled(page: Page):
    await page.goto("/settings/webhooks")
    await page.get_by_label("Address").fill("https://localhost:1/calls")
    await page.get_by_label("call.started").uncheck()
    await page.get_by_role("button", name="Add webhook").click()
    secret = await page.get_by_role("dialog").get_by_role("textbox").input_value()
    assert secret.startswith("whsec_")
    await page.get_by_role("button", name="I have kept it").click()
    change = page.get_by_label("Change https://localhost:1/calls")
    await change.click()
    await page.wait_for_load_state()
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.get_by_text("The test failed")).to_be_visible()
    await page.get_by_role("button", name="Disable").click()
    await page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    await expect(page.get_by_text("by hand")).to_be_visible()


async def test_settings_show_no_secret(page: Page):
    await page.goto("/settings/service")
    row = page.get_by_role("row", name=re.compile("TWILIO_AUTH_TOKEN")).first
    await expect(row).to_contain_text("••••••••")
    await expect(row).to_contain_text("environment")
    assert json.loads(await (await page.request.get("/api/settings")).text())["settings"]
