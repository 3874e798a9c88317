"""`phoneagent messages`, typed into a terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from phoneagent.cli import main
from tests.store.new_database import store_at
from tests.store.story import NOON, began, message, seconds


def typed(folder: Path, *arguments: str) -> Result:
    environ = {"PHONEAGENT_DATA": str(folder), "COLUMNS": "200"}
    return CliRunner().invoke(main, ["messages", *arguments], env=environ, catch_exceptions=False)


async def leave(folder: Path, *texts: str) -> None:
    store = await store_at(folder / "phoneagent.db")
    left = [message("c1", f"m{n}", text, NOON + seconds(n), "+12125550199") for n, text in enumerate(texts)]
    await store.entries.apply("i1", [began("c1"), *left])
    await store.close()


def test_the_newest_messages_are_shown_first(tmp_path: Path):
    asyncio.run(leave(tmp_path, "The sink leaks.", "It is the [red]boiler[/], too."))
    heading, newest, oldest = typed(tmp_path).stdout.splitlines()
    assert heading.split() == ["left", "agent", "caller", "call", "back", "message"]
    assert newest.rstrip().endswith("clinic  +15550199  +12125550199  It is the [red]boiler[/], too.")
    assert oldest.rstrip().endswith("The sink leaks.")
    assert len(typed(tmp_path, "--count", "1").stdout.splitlines()) == 2


def test_no_message_steers_the_terminal(tmp_path: Path):
    asyncio.run(leave(tmp_path, "Hello\x1b[2J"))
    assert "Hello\ufffd[2J" in typed(tmp_path).stdout


def test_without_any_it_says_so(tmp_path: Path):
    result = typed(tmp_path)
    assert (result.exit_code, result.stdout) == (0, "No messages.\n")
