"""docs/api.md is true to the code: its examples work, and leave out no route."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from datetime import timedelta
from typing import Any, get_args

from starlette.types import ASGIApp, Receive, Scope, Send

from phoneagent.store.users import Refusal
from phoneagent.web.api.errors import _HTTP, _REFUSED, MAX_BODY
from tests.house.tree import PACKAGE, ROOT
from tests.store.entries import NOON, began, call
from tests.web.api.desk import desk
from tests.web.api.story import story
from tests.web.api.test_guard import BY_SESSION, ROUTES
from tests.web.api.watching import WITHIN_S
from tests.web.service import serving

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")


LIVE = ("live", "whisper", "say", "transfer", "audio")  # the ends of paths that need a call in progress


def examples(fence: str) -> str:
    """The programs of the page that stand between such fences, as one."""
    return "\n".join(re.findall(rf"^```{fence}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


def wav(samples: int) -> bytes:
    """A recording: silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(4 * samples))
    return file.getvalue()


class Watched:
    """An application, and what it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked: list[tuple[str, str, int]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.asked.append((scope["method"], scope["path"], message["status"]))
            await send(message)

        await self._app(scope, receive, sent)


async def test_the_examples_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = examples("python")
    async with desk(tmp_path) as at:
        webhooks = at.office.store.webhooks
        webhook, _ = await webhooks.add("https://example.com/before", ["call.ended"])
        await at.keep(*call()[:-1])
        await at.keep(began("c2", NOON + timedelta(days=1)), *call("c2")[1:-1])
        await webhooks.disable(webhook.id)  # what waits for it has failed
        await webhooks.enable(webhook.id)
        await at.record("c1", audio=wav(80_000))
        watched = Watched(at.app)
        async with serving(api=watched) as service:
            key = at.http.headers["authorization"].removeprefix("Bearer ")
            names: dict[str, Any] = {"URL": f"http://127.0.0.1:{service.port}", "KEY": key}
            await asyncio.to_thread(exec, program, names)
    assert [listed["id"] for listed in names["calls"]] == ["c1"]
    assert "caller: Guten Tag" in names["text"]
    assert (tmp_path / "call.wav").stat().st_size == names["call"]["recordings"][0]["size"]
    assert len(names["start"]) == 65536
    assert [each["key"] for each in names["sums"]] == ["ada"]
    assert names["left"] == []
    assert all(200 <= status < 300 for _, _, status in watched.asked)
    used = {
        route
        for route in ROUTES
        for method, path, _ in watched.asked
        if method == route[0] and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route[1]), path)
    }
    shown_live = {(method, path) for method, path in ROUTES if path.rpartition("/")[2] in LIVE}
    assert used == ROUTES.keys() - BY_SESSION - shown_live


async def test_the_examples_of_a_call_in_progress_work(tmp_path):
    async with story(tmp_path, "greeting: none\n") as on:
        program = examples("python").partition("query =")[0] + examples("python live")
        key = on.http.headers["authorization"].removeprefix("Bearer ")
        names: dict[str, Any] = {"URL": on.service.url, "KEY": key}
        await asyncio.to_thread(exec, program, names)
        record = await asyncio.wait_for(on.records.get(), WITHIN_S)
    assert names["call"]["id"] == record.call_id
    assert names["refused"].json()["error"] == "unknown_destination"
    assert names["audio"]["expires_s"] == 30
    assert (names["kind"], names["data"]["outcome"]) == ("over", "hung_up")
    assert all(f"/{last}" in examples("python live") for last in LIVE)


def test_every_error_and_route_is_explained():
    words = {*_REFUSED, *get_args(Refusal), *(word for word, _ in _HTTP.values())}
    source = "".join(path.read_text() for path in (PACKAGE / "web/api").rglob("*.py"))
    words |= set(re.findall(r'(?:ApiError|_answer)\(\s*\d{3},\s*"(\w+)"', source)) - {"failed"}
    assert len(words) > 15
    assert not {word for word in words if f"`{word}`" not in PAGE}
    assert f"{MAX_BODY // 1024} KiB" in PAGE
    assert not {path for _, path in ROUTES if path not in PAGE}
