"""A call, and the programs that are told of it while the whole service runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from standardwebhooks import Webhook

from phoneagent.core.webhooks import EVENTS
from phoneagent.simulate.realtime_events import ToolCall
from phoneagent.store import open_store
from tests.calls.service import CALLER, NUMBER
from tests.calls.telephony import scene
from tests.house.tree import ROOT
from tests.ports import free_port
from tests.tools.web import Received, answer, serving

PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


async def added(folder: Path, port: int) -> str:
    """The secret of a new webhook that is told of everything."""
    store = await open_store(f"sqlite:///{folder}/data/phoneagent.db")
    _, secret = await store.webhooks.add(f"http://127.0.0.1:{port}/", EVENTS, allow_private=True)
    await store.close()
    return secret


@asynccontextmanager
async def message_left(folder: Path) -> AsyncIterator[str]:
    """The service, and the id of a call that is over, in which a message was left."""
    async with scene(folder, "tools: [take_message]") as at:
        caller = await at.call(ToolCall("take_message", '{"text":"Call me back."}'))
        session = await at.model.session()
        await session.received("response.create")
        caller.hang_up()
        yield (await at.record()).call_id


async def test_a_call_is_told_of_from_its_beginning_to_its_end(tmp_path: Path):
    arrived: asyncio.Queue[Received] = asyncio.Queue()

    def take(request: Received) -> bytes:
        arrived.put_nowait(request)
        return answer(status=204)

    async with serving(take) as receiver:
        verifier = Webhook(await added(tmp_path, receiver.port))
        async with message_left(tmp_path) as call_id:
            requests = [await asyncio.wait_for(arrived.get(), 30) for _ in range(3)]
    told = {event["type"]: event for event in (verifier.verify(each.body, each.headers) for each in requests)}
    assert sorted(told) == ["call.ended", "call.started", "message.taken"]
    assert {event["data"]["call_id"] for event in told.values()} == {call_id}
    ended, message = told["call.ended"]["data"], told["message.taken"]["data"]["message"]
    assert (ended["caller"], ended["called"], ended["agent"]) == (CALLER, NUMBER, "ada")
    assert (ended["outcome"], told["call.started"]["data"]["outcome"]) == ("caller_hung_up", None)
    assert (message["text"], message["callback_number"]) == ("Call me back.", None)
    assert ended.keys() == json.loads(example("json"))["data"].keys()
    for field in ended:
        assert f"`{field}`" in PAGE


async def test_the_receiver_of_the_page_receives(tmp_path: Path):
    port = free_port()
    secret = await added(tmp_path, port)
    receiver = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", example("python")),
        env=os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert receiver.stdout is not None
    try:
        await accepting(port)
        async with message_left(tmp_path) as call_id:
            lines = [await asyncio.wait_for(receiver.stdout.readline(), 30) for _ in range(3)]
    finally:
        receiver.kill()
        await receiver.wait()
    assert sorted(line.decode().strip() for line in lines) == [
        f"call.ended {call_id}",
        f"call.started {call_id}",
        f"message.taken {call_id}",
    ]


async def accepting(port: int) -> None:
    """Wait until somebody listens there."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def test_the_page_names_every_event():
    for event in EVENTS:
        assert f"| `{event}` |" in PAGE
