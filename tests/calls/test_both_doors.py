"""The same call over picows and over plain ASGI finds the same commands at the phone and at the model."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from phoneagent.app import Service
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.realtime_events import Speech, ToolCall, caller_turn_ended, response, transcribed
from phoneagent.simulate.record import CallRecord
from phoneagent.simulate.script import DropConnection, HangUp, Press, Silence, Step, WaitForAgent
from phoneagent.simulate.scripted_model import Expect, ScriptedModel, ScriptedSession, expect
from tests.calls.service import NUMBER, WITHIN_S, phone_of, portable, serving, write_agent, write_tools

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
SAYS = expect("response.create").then(
    *response(Speech("We close at five.", ms=240, item_id="item_agent_3", fill=4), response_id="resp_3")
)

Drive = Callable[[FakeCall, ScriptedSession, Service], Awaitable[object]]


@dataclass(frozen=True)
class Story:
    """What the caller does, what the model does, how it ends, and what is done from outside while they talk."""

    caller: list[Step]
    model: list[Expect]
    outcome: str = "caller hung up"
    drive: Drive | None = None


def hears(record: CallRecord) -> bool:
    """Whether the caller has certainly heard some of what the agent says, and the service knows."""
    return len(record.line.marks) > 1


async def interrupts(call: FakeCall, session: ScriptedSession, _: Service) -> None:
    await call.until(hears)
    session.interrupt()
    await call.until(lambda record: record.line.clears)
    again = response(Speech("Sorry!", ms=240, item_id="item_agent_2", fill=2), response_id="resp_2")
    session.emit(*caller_turn_ended(), transcribed("Wait"), *again)
    await call.until(lambda record: sum(chunk.audio.count(2) for chunk in record.line.playout.chunks) == 240 * 8)
    call.hang_up()


async def breaks_off(call: FakeCall, session: ScriptedSession, _: Service) -> None:
    await call.until(lambda record: record.agent_turns and len(session.audio) > 1000)
    session.close(None)


async def takes_over(call: FakeCall, session: ScriptedSession, service: Service) -> None:
    (runner,) = [one for one in service.switchboard.live_calls_now if one.details.call_sid == call.sid]
    await call.until(hears)
    runner.operators.take_over("Ada")
    for _ in range(5):
        runner.operators.audio(b64encode(bytes([3]) * 160).decode())
    await call.until(lambda record: record.line.clears and len(session.audio) > 1000)
    runner.operators.whisper("They are a regular.", "Ada")
    runner.operators.hand_back("Ada")
    await call.until(lambda record: record.line.playout.chunks[-1].audio[0] == 2)
    runner.operators.say("We close at five.", "Bob")
    await call.until(lambda record: record.line.playout.chunks[-1].audio[0] == 4)
    call.hang_up()


STORIES = {
    "the agent speaks first": Story([WaitForAgent(quiet_ms=60), HangUp()], [GREETS]),
    "the caller interrupts": Story([Silence(30)], [TALKS], drive=interrupts),
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
    "the caller hangs up": Story([Silence(4), HangUp()], [TALKS]),
    "the connection is lost": Story([Silence(4), DropConnection()], [TALKS], "dropped"),
    "the session is lost": Story([], [GREETS], "agent hung up", breaks_off),
    "an operator steps in": Story([Silence(30)], [TALKS, ANSWERS, SAYS], drive=takes_over),
}


async def tell_all(folder: Path, *doors: str) -> list[tuple[FakeCall, ScriptedSession]]:
    """Have every story told through each of these doors, all at once, of one service: the calls in their order."""
    scripts: list[list[Expect]] = []
    done = []
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ScriptedModel(lambda number: scripts[number]))
        service = await stack.enter_async_context(serving(folder, model))
        phones = []
        for seed, door in enumerate(doors):
            origin = await stack.enter_async_context(portable(service)) if door == "asgi" else None
            phones.append(await stack.enter_async_context(phone_of(service, seed=seed, origin=origin)))
        for story, phone in product(STORIES.values(), phones):
            scripts.append(story.model)
            call = phone.dial(NUMBER, story.caller)
            session = await model.session(len(scripts) - 1, WITHIN_S)
            done.append(asyncio.create_task(tell(story, call, session, service)))
        return await asyncio.gather(*done)


async def tell(
    story: Story, call: FakeCall, session: ScriptedSession, service: Service
) -> tuple[FakeCall, ScriptedSession]:
    """One story, to its end."""
    if story.drive is not None:
        await story.drive(call, session, service)
    await call.ended()
    await asyncio.wait_for(session.closed, WITHIN_S)
    return call, session


def at_the_phone(call: FakeCall) -> dict[str, Any]:
    line = call.record.line
    marks = {int(mark.name) for mark in line.marks}  # how many, is up to how closely the pieces of audio follow
    return {
        "audio": b"".join(chunk.audio for chunk in line.playout.chunks),
        "marks": marks == set(range(1, len(marks) + 1)),
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
    done = iter(await tell_all(tmp_path, "picows", "asgi"))
    for (name, story), by_picows, by_asgi in zip(STORIES.items(), done, done, strict=True):
        (one_call, one_session), (other_call, other_session) = by_picows, by_asgi
        assert at_the_phone(one_call) == at_the_phone(other_call), name
        assert (one_call.record.outcome, one_call.record.problems) == (story.outcome, []), name
        assert at_the_model(one_session) == at_the_model(other_session), name
        heard = min(len(one_session.audio), len(other_session.audio))
        assert heard, name  # how much, is up to how busy the machine is
        assert one_session.audio[:heard] == other_session.audio[:heard], name
        assert one_session.script_done, name
        assert other_session.script_done, name
