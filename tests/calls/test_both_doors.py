"""The same call over picows and over plain ASGI finds the same commands at the phone and at the model."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.realtime_events import Speech, ToolCall, caller_turn_ended, response, transcribed
from phoneagent.simulate.script import DropConnection, HangUp, Press, Say, Silence, Step, WaitForAgent
from phoneagent.simulate.scripted_model import Expect, ScriptedModel, ScriptedSession, expect
from tests.calls.service import NUMBER, phone_of, portable, serving, write_agent, write_tools

TOOLS = '''
from phoneagent.tools import tool

@tool
async def opening_hours(day: str) -> str:
    """When we are open."""
    return f"{day}: nine to five"
'''
GREETS = expect("response.create").then(*response(Speech("Good evening!", ms=240)))
TALKS = expect("response.create").then(*response(Speech("Let me tell you everything.", ms=5000)))
ANSWERS = expect("response.create").then(
    *response(Speech("From nine to five.", ms=240, item_id="item_agent_2", fill=2), response_id="resp_2")
)

Drive = Callable[[FakeCall, ScriptedSession], Awaitable[object]]


@dataclass(frozen=True)
class Story:
    """What the caller does, what the model does, how it ends, and what is done from outside while they talk."""

    caller: list[Step]
    model: list[Expect]
    outcome: str = "caller hung up"
    drive: Drive | None = None


async def interrupts(call: FakeCall, session: ScriptedSession) -> None:
    await call.until(lambda record: record.caller.utterances)
    session.interrupt()
    await call.until(lambda record: record.line.clears)
    again = response(Speech("Sorry!", ms=240, item_id="item_agent_2", fill=2), response_id="resp_2")
    session.emit(*caller_turn_ended(), transcribed("Wait"), *again)


async def breaks_off(call: FakeCall, session: ScriptedSession) -> None:
    await call.until(lambda record: record.agent_turns and record.line.frames_sent > 10)
    session.close(None)


STORIES = {
    "the agent speaks first": Story([WaitForAgent(quiet_ms=60), HangUp()], [GREETS]),
    "the caller interrupts": Story([Silence(0.3), Say("Wait"), Silence(0.5), HangUp()], [TALKS], drive=interrupts),
    "a tool is called": Story(
        [WaitForAgent(quiet_ms=60), HangUp()],
        [expect("response.create").then(*response(ToolCall("opening_hours", '{"day":"Monday"}'))), ANSWERS],
    ),
    "the agent hangs up": Story(
        [],
        [expect("response.create").then(*response(Speech("Goodbye!", ms=240), ToolCall("end_call")))],
        "agent hung up",
    ),
    "the caller types": Story(
        [WaitForAgent(quiet_ms=60), Press("42#", every_ms=40), WaitForAgent(quiet_ms=60), HangUp()], [GREETS, ANSWERS]
    ),
    "the caller hangs up": Story([Silence(0.3), HangUp()], [TALKS]),
    "the connection is lost": Story([Silence(0.3), DropConnection()], [TALKS], "dropped"),
    "the session is lost": Story([], [GREETS], "agent hung up", breaks_off),
}


async def call_through(door: str, folder: Path, story: Story) -> tuple[FakeCall, ScriptedSession]:
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ScriptedModel(story.model))
        service = await stack.enter_async_context(serving(folder, model))
        origin = await stack.enter_async_context(portable(service)) if door == "asgi" else None
        phone = await stack.enter_async_context(phone_of(service, origin=origin))
        call = phone.dial(NUMBER, story.caller)
        session = await model.session()
        if story.drive is not None:
            await story.drive(call, session)
        await call.ended()
        await asyncio.wait_for(session.closed, 2)
        return call, session


def at_the_phone(call: FakeCall) -> dict[str, Any]:
    line = call.record.line
    return {
        "audio": b"".join(chunk.audio for chunk in line.playout.chunks),
        "marks": {mark.name for mark in line.marks},
        "clears": len(line.clears),
        "said": call.record.said,
        "outcome": call.record.outcome,
        "problems": call.record.problems,
    }


def at_the_model(session: ScriptedSession) -> list[dict[str, Any]]:
    """All commands; of a truncation, that there was one. Where, is up to the moment and to the oracle's test."""
    return [{**one.event, "audio_end_ms": ...} if "audio_end_ms" in one.event else one.event for one in session.events]


async def test_both_doors_lead_to_the_same_call(tmp_path: Path):
    write_agent(tmp_path, "greeting: Good evening!\ntools: [end_call, opening_hours]")
    write_tools(tmp_path, TOOLS)
    calls = [call_through(door, tmp_path, story) for story in STORIES.values() for door in ("picows", "asgi")]
    done = iter(await asyncio.gather(*calls))
    for (name, story), by_picows, by_asgi in zip(STORIES.items(), done, done, strict=True):
        (one_call, one_session), (other_call, other_session) = by_picows, by_asgi
        assert at_the_phone(one_call) == at_the_phone(other_call), name
        assert (one_call.record.outcome, one_call.record.problems) == (story.outcome, []), name
        assert at_the_model(one_session) == at_the_model(other_session), name
        heard = min(len(one_session.audio), len(other_session.audio))
        assert heard > 1000, name
        assert one_session.audio[:heard] == other_session.audio[:heard], name
        assert one_session.script_done, name
        assert other_session.script_done, name
