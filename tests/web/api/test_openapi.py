"""The API does what its description says, whatever it is sent: schemathesis tries."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from phoneagent.records.erasure import delete_calls
from phoneagent.records.files import Files
from phoneagent.store import Store
from phoneagent.store.blobs import Blobs
from phoneagent.web.access.access import COOKIE, Access, csrf_of
from phoneagent.web.access.tickets import Tickets
from phoneagent.web.api import Backend, Telephone, create_api
from phoneagent.web.api.guard import CSRF_HEADER
from phoneagent.web.drain import Drain
from tests.calls.outbound import office
from tests.calls.tones import tones
from tests.store.entries import NOON, began, call
from tests.web.access.test_login import QUICK
from tests.web.api.desk import Phones
from tests.web.api.story import story
from tests.web.service import PUBLIC_URL, Service, board, serving

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "1")  # random ones of each operation

# That a text is a number that may be called, or an address of the internet, is more than a schema can say, and so is
# how many days lie between two.
# Streams end with what they show: this one never does. The other does so at once, for there are no calls.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]

[[operations]]
include-name = "GET /api/live"
enabled = false

[[operations]]
include-name = "POST /api/calls"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 409, 422, 429]

[[operations]]
include-tag = ["statistics", "users", "webhooks"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 409, 422]

# Nor can it say which files there are, and what a text must be to be one.
[[operations]]
include-tag = "agents"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 409, 412, 422, 428]
"""

# What can be done just now depends; the model says nothing, so that the call ends when that took too long.
OPERATING = """
[parameters]
id = "{id}"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 409, 422]
"""


async def schemathesis(
    folder: Path, config: str, url: str, *more: str, phases: str = "coverage,fuzzing", **headers: str
) -> str | None:
    """What it finds in a service; None: nothing. It tries each bound of the schema, then random examples."""
    (folder / "schemathesis.toml").write_text(config)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json"),
        *(word for name, value in headers.items() for word in ("--header", f"{name}: {value}")),
        *("--phases", phases, "--max-examples", EXAMPLES, "--continue-on-failure", "--no-color", *more),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode() if process.returncode else None


@asynccontextmanager
async def archive(folder: Path) -> AsyncIterator[tuple[Service, Store]]:
    """A service with thirty calls in its store, some of which go on elsewhere."""
    async with office(folder) as at_work:
        store, files = at_work.store, Blobs(folder / "recordings")
        store.passwords._hasher = QUICK
        (folder / "recordings").mkdir()
        audio = tones((0.5,) * 31, (0.25,) * 31)
        for number in range(30):
            id_, name = f"c{number}", f"c{number}.wav"
            (folder / "recordings" / name).write_bytes(audio)
            recording = replace(call(id_)[-1], name=name, size=len(audio))
            entries = [began(id_, NOON + timedelta(minutes=number)), *call(id_)[1:-1], recording]
            await store.entries.apply("an instance", entries if number % 3 else entries[:1])
        delete = partial(delete_calls, store, Files(store.erasure, folder, files))
        access = Access(store.users, store.sessions, store.passwords, store.audit, PUBLIC_URL)
        api = create_api(
            Backend(
                access,
                store,
                files,
                delete,
                at_work.dialer,
                Drain(),
                Telephone(Phones(), Tickets()),
                at_work.agents,
                "scripted",
                board(),
                None,
            )
        )
        async with serving(api=api) as service:
            yield service, store


async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    async with archive(tmp_path) as (service, store):
        _, key = await store.keys.create("schemathesis", {"admin"})
        url = f"http://127.0.0.1:{service.port}"
        found = await schemathesis(tmp_path, CONFIG, url, Authorization=f"Bearer {key}")
    assert found is None, found


async def test_schemathesis_finds_nothing_by_a_session_either(tmp_path: Path) -> None:
    async with archive(tmp_path) as (service, store):
        user = await store.users.add("schemathesis", "admin", "correct horse")
        cookie = await store.sessions.begin(user_id=user.id)
        session = {"Cookie": f"{COOKIE}={cookie}", CSRF_HEADER: csrf_of(cookie)}
        # it also makes up keys, which are looked at first, and does not know that the session is good without
        without = ("--exclude-checks", "ignored_auth,positive_data_acceptance")
        url = f"http://127.0.0.1:{service.port}"
        found = await schemathesis(tmp_path, CONFIG, url, *without, phases="fuzzing", **session)
    assert found is None, found


async def test_schemathesis_finds_nothing_in_a_call_that_goes_on(tmp_path: Path) -> None:
    async with story(tmp_path) as told:
        call = told.service.switchboard.live_call(told.call_id)
        config, headers = OPERATING.format(id=told.call_id), {"Authorization": told.http.headers["Authorization"]}
        found = await schemathesis(tmp_path, config, told.service.url, "--include-tag", "operating", **headers)
        assert {"whisper", "say"} <= {happened.data.get("action") for happened in call.kept.happenings}
    assert found is None, found
