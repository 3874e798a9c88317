"""People who log in to the console."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

from phoneagent.core.scopes import Role
from tests.console.calls import kept

PASSWORD = "correct horse battery"


async def log_in(page: Page, folder: Path, role: Role, name: str | None = None) -> None:
    """Have somebody with a role on the page, who is new to the service whose data are in the folder."""
    name = name or f"a {role}"
    async with kept(folder) as store:
        await store.users.add(name, role, PASSWORD)
    await page.goto("/login")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url("/")
