"""The service on a telephone number of the fake Twilio, with an agent that transfers calls."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoneagent.app import Service
from phoneagent.calls.record import CallRecord
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_twilio import FakeTwilio
from phoneagent.simulate.realtime_events import Speech, Step, ToolCall, response
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession, expect
from tests.calls.service import AUTH_TOKEN, NUMBER, WITHIN_S, records, serving, tone, write_agent

HUMAN = "+15550111"
WARM = f'tools: [transfer_call]\ntransfer: {{reception: {{number: "{HUMAN}", how: warm, timeout_s: 20}}}}'
COLD = f'tools: [transfer_call]\ntransfer: {{reception: {{number: "{HUMAN}", timeout_s: 20}}}}'
BRIEFING = "Ada of Blue Door has somebody with a broken tooth."
TRANSFER = ToolCall("transfer_call", json.dumps({"to": "reception", "briefing": BRIEFING}))


@dataclass
class Scene:
    twilio: FakeTwilio
    service: Service
    model: ScriptedModel
    finished: asyncio.Queue[CallRecord]

    async def call(self, *first: Step) -> FakeCall:
        """A caller who stays on the line; `first` is the model's first response, a transfer if nothing else."""
        caller = self.twilio.phone.dial(NUMBER, [Silence(30)])
        await caller.until(lambda record: record.streams)
        session = await self.model.session()
        await session.received("session.update")
        session.emit(*response(*(first or (TRANSFER,))))
        return caller

    async def record(self) -> CallRecord:
        return await asyncio.wait_for(self.finished.get(), WITHIN_S)

    async def human(self) -> FakeCall:
        """The call to the person, once there is one."""
        await self.twilio.until(lambda: self.twilio.calls_to(HUMAN))
        [call] = self.twilio.calls_to(HUMAN)
        return call


@asynccontextmanager
async def scene(folder: Path, front_matter: str | None, **settings: str) -> AsyncIterator[Scene]:
    """The agent says one thing whenever it is asked to speak. Without `front_matter` its file is there already."""
    if front_matter is not None:
        write_agent(folder, f'numbers: ["{NUMBER}"]\ngreeting: none\nidle: none\n{front_matter}')
    answers = [
        expect("response.create").then(
            *response(Speech("Well.", ms=200, item_id=f"item_agent_{n}"), response_id=f"resp_{n}")
        )
        for n in range(10, 20)
    ]
    model = ScriptedModel(answers)
    async with (
        model,
        FakeTwilio(rng=random.Random(1), auth_token=AUTH_TOKEN, speed=20, speak=tone) as twilio,
        serving(
            folder,
            model,
            **{"PHONEAGENT_TWILIO_API_URL": twilio.api_url, "TWILIO_ACCOUNT_SID": twilio.account_sid} | settings,
        ) as service,
    ):
        twilio.serves(service.url)
        twilio.number(NUMBER)
        yield Scene(twilio, service, model, records(service))


def company(call: FakeCall) -> list[tuple[str, ...]]:
    """What somebody heard after their call was answered, without the moments in which a document was asked for."""
    heard = [(one.kind, *one.numbers) for one in call.record.company if one.kind != "silence"]
    return heard[1:] if heard[:1] == [("ringing",)] else heard


def hears(*what: str) -> Callable[[Any], bool]:
    return lambda record: record.hearing == what


def answered(session: ScriptedSession, call_id: str = "call_1") -> dict[str, Any]:
    """The output of a tool call, as the session was told."""
    outputs = [
        event["item"]["output"]
        for event in session.all("conversation.item.create")
        if event["item"].get("call_id") == call_id
    ]
    [output] = outputs
    return json.loads(output)  # type: ignore[no-any-return]


def told(session: ScriptedSession) -> list[tuple[str, str]]:
    """The messages that were put into the conversation: role and text."""
    items = [event["item"] for event in session.all("conversation.item.create")]
    return [(item["role"], item["content"][0]["text"]) for item in items if item["type"] == "message"]
