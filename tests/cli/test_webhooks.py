"""`phoneagent webhooks`, typed into a terminal."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from standardwebhooks import Webhook

from phoneagent.cli import main
from phoneagent.store import Store
from phoneagent.store.database import open_database
from phoneagent.store.outbox import announce
from tests.ports import refusing_port
from tests.store.new_database import store_at

URL = "https://example.com/calls"


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., Result]:
    def type_(*arguments: str) -> Result:
        environ = {"PHONEAGENT_DATA": str(tmp_path)}
        return CliRunner().invoke(main, ["webhooks", *arguments], env=environ, catch_exceptions=False)

    return type_


def added(typed: Callable[..., Result], *arguments: str) -> tuple[str, str]:
    """The id of a new webhook, and its secret."""
    result = typed("add", *arguments)
    assert result.exit_code == 0, result.output
    found = re.search(r"secret of webhook ([0-9a-f]{8})\.", result.stderr)
    assert found is not None
    return found[1], result.stdout.strip()


def in_store(folder: Path, work: Callable[[Store], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        store = await store_at(folder / "phoneagent.db")
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def tell(folder: Path, *event_ids: str, at: datetime) -> None:
    async def run() -> None:
        database = await open_database(f"sqlite:///{folder}/phoneagent.db")
        async with database.begin() as connection:
            for event_id in event_ids:
                await announce(connection, "call.ended", event_id, "3f9a2b7c0d", at, {})
        await database.close()

    asyncio.run(run())


@contextmanager
def receiving(status: int) -> Iterator[tuple[int, list[tuple[dict[str, str], bytes]]]]:
    """A receiver that answers with this status: its port, and what it has received."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1], received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_is_added_shown_and_removed(typed):
    webhook, secret = added(typed, URL)
    few, _ = added(typed, f"{URL}?of=[red]few[/]", "--event", "call.ended", "--event", "message.taken")
    heading, first, second = (line.split() for line in typed("list").stdout.splitlines())
    assert heading == ["webhook", "URL", "events"]
    assert first == [webhook, URL, "everything"]
    assert second == [few, f"{URL}?of=[red]few[/]", "call.ended,", "message.taken"]
    assert secret not in typed("list").output
    assert typed("remove", webhook).stdout == "removed\n"
    assert typed("remove", few).exit_code == 0
    assert typed("list").stdout == "No webhooks.\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("http://example.com",), "must begin with https://"),
        (("https://192.168.1.2/",), "--allow-private"),
        (("example.com",), "must be an address such as"),
        ((URL, "--event", "call.over"), "'call.ended'"),
    ],
)
def test_what_can_not_be_added_says_why(typed, arguments, why):
    result = typed("add", *arguments)
    assert (result.exit_code, why in result.stderr) == (2, True)
    assert typed("list").stdout == "No webhooks.\n"


@pytest.mark.parametrize("command", ["remove", "disable", "enable", "rotate", "test"])
def test_one_that_is_not_there_is_named(typed, command):
    result = typed(command, "nowhere")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no webhook 'nowhere': phoneagent webhooks list\n"


def test_a_test_is_signed_with_both_secrets_while_they_are_rotated(typed):
    with receiving(204) as (port, received):
        webhook, old = added(typed, f"http://127.0.0.1:{port}/", "--allow-private")
        new = typed("rotate", webhook).stdout.strip()
        result = typed("test", webhook)
        assert re.fullmatch(r"it answered 204 after \d+ ms\n", result.stdout)
    [(headers, body)] = received
    assert old != new
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers)["type"] == "webhook.test"


def test_a_test_that_fails_says_what_came_back(typed):
    with receiving(500) as (port, _):
        webhook, _ = added(typed, f"http://127.0.0.1:{port}/", "--allow-private")
        result = typed("test", webhook)
    assert (result.exit_code, result.stderr) == (1, "Error: it answered 500 Internal Server Error\n")
    with refusing_port() as port:
        webhook, _ = added(typed, f"http://127.0.0.1:{port}/", "--allow-private")
        result = typed("test", webhook)
    assert (result.exit_code, "it can't be reached" in result.stderr) == (1, True)


def test_deliveries_are_shown_and_sent_once_more(typed, tmp_path):
    assert typed("deliveries").stdout == "No deliveries.\n"
    webhook, _ = added(typed, URL)
    now = datetime.now(UTC)
    tell(tmp_path, "old_ended", at=now - timedelta(days=3))
    tell(tmp_path, "new_ended", at=now)

    async def fail(store: Store) -> list[str]:
        for claimed in await store.deliveries.claim(9, 9, {}):
            await store.deliveries.failed(claimed, None, 404, "it answered [404] Not Found")
        return [delivery.id for delivery in await store.deliveries.newest()]

    newest, oldest = in_store(tmp_path, fail)
    heading, first, second = typed("deliveries", "--state", "failed").stdout.splitlines()
    assert heading.split() == ["delivery", "created", "webhook", "event", "call", "state", "attempts", "next"]
    assert first.split()[0] == newest
    assert first.rstrip().endswith("it answered [404] Not Found")
    assert [webhook, "call.ended", "3f9a2b7c", "failed", "1"] == second.split()[3:8]
    assert second.split()[0] == oldest
    assert len(typed("deliveries", "--count", "1").stdout.splitlines()) == 2

    yesterday = f"{datetime.now() - timedelta(days=1):%Y-%m-%d}"
    assert typed("redeliver", "--failed-since", yesterday).stdout == "1 to be sent once more\n"
    result = typed("redeliver", "--failed-since", yesterday)
    assert (result.exit_code, "no delivery has failed since then" in result.stderr) == (1, True)
    assert typed("redeliver", oldest).stdout == "1 to be sent once more\n"
    assert typed("deliveries", "--state", "failed").stdout == "No deliveries.\n"
    assert len(typed("deliveries", "--state", "pending", "--webhook", webhook).stdout.splitlines()) == 3


def test_to_a_webhook_that_is_disabled_nothing_is_sent_once_more(typed, tmp_path):
    webhook, _ = added(typed, URL)
    tell(tmp_path, "c1_ended", at=datetime.now(UTC))
    assert typed("disable", webhook).exit_code == 0
    assert typed("list").stdout.rstrip().endswith("disabled: by hand")
    [_, failed] = typed("deliveries").stdout.splitlines()
    result = typed("redeliver", failed.split()[0])
    assert (result.exit_code, "its webhook is disabled" in result.stderr) == (1, True)
    assert typed("enable", webhook).exit_code == 0
    assert typed("redeliver", failed.split()[0]).exit_code == 0


def test_redeliver_wants_to_know_what(typed):
    for arguments in ((), ("1f81", "--failed-since", "2026-11-21")):
        result = typed("redeliver", *arguments)
        assert (result.exit_code, "name a DELIVERY, or --failed-since" in result.stderr) == (2, True)


COMMANDS = ["add", "list", "remove", "disable", "enable", "rotate", "test", "deliveries", "redeliver"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(typed, command):
    assert "Example: phoneagent webhooks" in typed(command, "--help").stdout


def test_all_that_is_done_is_in_the_audit_log(typed, tmp_path):
    with receiving(204) as (port, _):
        webhook, _ = added(typed, f"http://127.0.0.1:{port}/", "--allow-private")
        tell(tmp_path, "ended", at=datetime.now(UTC))
        [delivery] = in_store(tmp_path, lambda store: store.deliveries.newest())
        typed("redeliver", delivery.id)
        for command in ("test", "rotate", "disable", "enable"):
            typed(command, webhook)
        typed("redeliver", "--failed-since", f"{datetime.now() - timedelta(days=1):%Y-%m-%d}")
        typed("remove", webhook)
        typed("remove", webhook)  # there is none any more, and nothing to note
    deeds = in_store(tmp_path, lambda store: store.audit.page()).deeds
    done = ["webhook.add", "delivery.redeliver", "webhook.test", "webhook.rotate", "webhook.disable", "webhook.enable"]
    assert [deed.action for deed in reversed(deeds)] == [*done, "delivery.redeliver", "webhook.remove"]
    assert {deed.data.get("id") for deed in deeds} == {webhook, delivery.id, None}
    assert {deed.kind for deed in deeds} == {"cli"}
