"""What opens doors, who called and what was said stands in no log line, also not before lines are redacted."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from phoneagent import telemetry
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.web.access.access import COOKIE
from phoneagent.web.api.guard import CSRF_HEADER
from tests.calls.service import NUMBER, phone_of, serving, write_agent
from tests.console.lines import Conversation
from tests.web.api.watching import client

PASSWORD, WRONG, MADE_UP = "correct horse battery", "wrong horse battery", "a-made-up-ticket"
CALLER, TO, WORDS, CALLERS_WORDS = "+15550142", "+15550143", "Words of an operator", "Words of a caller"


class Raw(logging.Handler):
    """All that is logged, as it is handed to the log."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()} {vars(record)} {record.exc_info}\n"


@pytest.fixture
def raw() -> Iterator[Raw]:
    telemetry.set_up("json", "debug")
    root, raw = logging.getLogger(), Raw()
    root.addHandler(raw)
    yield raw
    root.removeHandler(raw)
    root.setLevel(logging.WARNING)


async def test_no_secret_and_nothing_of_calls_is_logged(tmp_path: Path, raw: Raw):
    write_agent(tmp_path)
    told: list[str] = [PASSWORD, WRONG, MADE_UP, WORDS, CALLERS_WORDS, CALLER, TO]
    async with (
        ScriptedModel() as model,
        serving(tmp_path, model, PHONEAGENT_ADMIN_PASSWORD=PASSWORD) as service,
        client(service, tmp_path, "admin") as http,
        phone_of(service) as phone,
    ):
        told += [http.headers["Authorization"].split()[1]]
        call = phone.dial(NUMBER, [Silence(600)], caller=CALLER, fields={"CallerName": CALLERS_WORDS})
        talk = Conversation(await model.session())
        await call.until(lambda record: record.streams)
        talk.caller(CALLERS_WORDS)
        [live] = service.switchboard.live_calls_now
        path = f"/api/calls/{live.details.call_id}"

        async def post(path: str, body: Any = None, **headers: str) -> dict[str, Any]:
            response = await http.post(path, json=body, headers=headers)
            assert response.status_code != 500
            return dict(response.json()) if response.content else {}

        for name, password in (("admin", WRONG), (PASSWORD, PASSWORD), ("admin", PASSWORD)):
            answer = await http.post("/login", data={"name": name, "password": password, "next": f"/{WORDS}"})
        assert answer.status_code == 303
        told += [http.cookies[COOKIE]]
        page = await http.get("/settings")
        told += re.findall(r'name="csrf-token" content="(\w+)"', page.text)
        for at in ("whisper", "say"):
            await post(f"{path}/{at}", {"text": WORDS})
        await post(f"{path}/transfer", {"to": TO, "briefing": WORDS})
        await post(f"{path}/notes", {"text": WORDS})
        await post("/api/calls", {"to": TO, "agent": "ada"})
        await post("/api/users", {"name": "eve", "role": "viewer", "password": PASSWORD})
        told += [(await post("/api/keys", {"name": "k", "scopes": ["read"]}))["text"]]
        told += [(await post("/api/webhooks", {"url": "https://localhost:1/", "events": ["call.ended"]}))["secret"]]
        await post("/api/phone", {"agent": "ada"}, Authorization="", **{CSRF_HEADER: "x"})
        placed = await post("/api/phone", {"agent": "ada"})
        told += [placed["token"], placed["url"].partition("=")[2]]
        told += [(await post(f"{path}/audio"))["ticket"]]
        origin = service.url.replace("http", "ws", 1)
        for url in (f"{path}/audio", "/media-stream"):
            for ticket in (MADE_UP, told[-1]):
                with pytest.raises(websockets.InvalidStatus):
                    await websockets.connect(f"{origin}{url}?ticket={ticket}", origin="https://evil", proxy=None)
        for query in (f"number={TO}", f"text={WORDS}", f"cursor={WORDS}"):
            for where in ("/calls", "/api/calls", "/numbers", "/api/audit"):
                await http.get(f"{where}?{query}")
        await http.get(f"/api/calls/{TO}")
        call.hang_up()
        await call.ended()
    assert raw.text.count("\n") > 10
    assert [each for each in told if each in raw.text] == []
