"""A call from its first event to its record, with tools that work and tools that do not."""

import asyncio
import json
import re
from decimal import Decimal
from pathlib import Path

from phoneagent.calls.record import CallRecord
from phoneagent.simulate.realtime_events import Pause, Speech, ToolCall, caller_turn_ended, response, transcribed
from phoneagent.simulate.script import HangUp, Say, Silence, WaitForAgent
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession, expect
from tests.calls.service import NUMBER, WITHIN_S, phone_of, records, serving, write_agent, write_tools
from tests.lateness import lateness_ms

TOOLS = '''
import asyncio
from phoneagent.tools import Call, tool

@tool
async def opening_hours(day: str, call: Call) -> dict[str, str]:
    """When we are open."""
    return {day: "nine to five"}

@tool
def breaks(word: str) -> str:
    """Fail."""
    raise RuntimeError(word)

@tool(timeout_s=0.1)
async def takes_too_long() -> str:
    """Take too long."""
    await asyncio.sleep(60)
    return ""
'''


def usage(*, text_in: int, audio_in: int, cached: int, text_out: int, audio_out: int) -> dict[str, object]:
    """Of a response; the cached tokens are among the text of the input."""
    of_cached = {"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0}
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": of_cached,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


async def ended(queue: "asyncio.Queue[CallRecord]") -> CallRecord:
    return await asyncio.wait_for(queue.get(), WITHIN_S)


async def test_the_record_of_a_call_is_right(tmp_path: Path):
    write_agent(
        tmp_path,
        "greeting: Good evening!\nmodel: gpt-realtime-2.1\ntools: [opening_hours]\n"
        "turn_detection: {silence_duration_ms: 200}\ntranscription: {model: gpt-live-transcribe}",
    )
    write_tools(tmp_path, TOOLS)
    first = usage(text_in=1000, audio_in=0, cached=400, text_out=10, audio_out=6)
    second = usage(text_in=1100, audio_in=50, cached=1000, text_out=20, audio_out=0)
    third = usage(text_in=1200, audio_in=50, cached=1100, text_out=12, audio_out=5)
    hours = ToolCall("opening_hours", '{"day":"Monday"}')
    script = [
        expect("response.create").then(*response(Speech("Good evening!", ms=300), usage=first)),
        expect("response.create").then(
            *response(
                Speech("From nine to five.", ms=250, item_id="item_agent_2", fill=2), response_id="resp_3", usage=third
            )
        ),
    ]
    caller = [WaitForAgent(quiet_ms=100), Say("When are you open?"), WaitForAgent(), HangUp()]
    async with (
        ScriptedModel(script) as model,
        serving(tmp_path, model) as service,
        phone_of(service) as phone,
        lateness_ms() as late_ms,
    ):
        finished = records(service)
        call = phone.dial(NUMBER, caller)
        session = await model.session()
        await call.until(lambda record: record.caller.utterances)
        session.emit(
            {"type": "input_audio_buffer.speech_started", "item_id": "item_caller_1", "audio_start_ms": 400},
            Pause(0.36 + 0.2),  # what the caller says, and the silence after it
            *caller_turn_ended(),
            transcribed("When are you open on Monday?", seconds=3.0),
            *response(hours, response_id="resp_2", usage=second),
        )
        phones = await call.ended()
        record = await ended(finished)
    assert re.fullmatch(r"[0-9a-f]{32}", record.call_id)
    assert (record.call_sid, record.direction) == (phones.call_sid, "inbound")
    assert (record.agent, record.engine) == ("ada", "openai")
    assert (record.outcome, record.reason) == ("caller_hung_up", "the caller's stream ended")
    assert abs(record.duration_s - phones.line.frames_sent / 50) < 0.5 + late_ms() / 1000
    assert [(turn.speaker, turn.text, turn.unheard) for turn in record.turns] == [
        ("agent", "Good evening!", ""),
        ("caller", "When are you open on Monday?", ""),
        ("agent", "From nine to five.", ""),
    ]
    assert [(run.name, run.arguments, run.output) for run in record.tools] == [
        ("opening_hours", '{"day":"Monday"}', '{"result":{"Monday":"nine to five"}}')
    ]
    # what the caller waited, by the phone's own clock
    assert len(record.latencies_ms) == 1
    assert phones.latencies_ms[0] is not None
    assert abs(record.latencies_ms[0] - phones.latencies_ms[0]) < 100 + late_ms()
    assert record.first_audio_ms is not None
    assert record.first_audio_ms < 200 + late_ms()
    assert (record.usage.text_in, record.usage.audio_in, record.usage.text_cached) == (3300, 100, 2500)
    assert (record.usage.text_out, record.usage.audio_out) == (42, 11)
    # per million: text 4.00, cached 0.40, audio 32.00, written 24.00, spoken 64.00
    per_million = Decimal(800) * 4 + Decimal(2500) * Decimal("0.40") + 100 * 32 + 42 * 24 + 11 * 64
    assert record.cost.model == per_million / 1_000_000
    assert record.cost.transcription > 0
    assert record.cost.telephone > 0
    assert record.cost.streams > 0
    assert record.cost.total == (
        record.cost.model + record.cost.transcription + record.cost.telephone + record.cost.streams
    )


async def test_a_tool_that_fails_and_one_that_takes_too_long_are_told_to_the_model_which_then_speaks_once(
    tmp_path: Path,
):
    write_agent(tmp_path, "greeting: none\ntools: [breaks, takes_too_long]")
    write_tools(tmp_path, TOOLS)
    calls = (
        ToolCall("breaks", '{"word":"x"}', call_id="call_1", item_id="item_call_1"),
        ToolCall("takes_too_long", call_id="call_2", item_id="item_call_2"),
        ToolCall("there_is_none", call_id="call_3", item_id="item_call_3"),
    )
    script = [
        expect("input_audio_buffer.append").then(*response(*calls)),
        expect("response.create").then(*response(Speech("That did not work.", ms=200), response_id="resp_2")),
    ]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        finished = records(service)
        call = phone.dial(NUMBER, [Silence(30)])
        await call.until(lambda record: record.streams and record.agent_turns)
        call.hang_up()
        await call.ended()
        record = await ended(finished)
        session = model.sessions[0]
    outputs = {
        event["item"]["call_id"]: json.loads(event["item"]["output"])["error"]
        for event in session.all("conversation.item.create")
    }
    assert outputs == {"call_1": "failed", "call_2": "timeout", "call_3": "unknown_tool"}
    assert len(session.all("response.create")) == 1
    assert session.events[-1].event["type"] == "response.create", "all outputs first"
    assert sorted(run.name for run in record.tools) == ["breaks", "takes_too_long", "there_is_none"]


async def test_a_saved_file_answers_the_next_call_and_a_running_call_keeps_its_version(tmp_path: Path):
    def says(session: ScriptedSession) -> list[object]:
        return response(Speech(session.config["instructions"], ms=200))

    write_agent(tmp_path, "greeting: Hello!", prompt="First version.")
    script = [expect("response.create").then(says)]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        finished = records(service)
        running = phone.dial(NUMBER, [Silence(30)])
        await running.until(lambda record: record.streams and record.agent_turns)
        write_agent(tmp_path, "greeting: Hello!\nbroken", prompt="Broken version.")
        assert await asyncio.to_thread(service.agents.directory.reload)
        await phone.dial(NUMBER, [WaitForAgent(), HangUp()]).ended()
        write_agent(tmp_path, "greeting: Hello!", prompt="Second version.")
        assert not await asyncio.to_thread(service.agents.directory.reload)
        await phone.dial(NUMBER, [WaitForAgent(), HangUp()]).ended()
        running.hang_up()
        await running.ended()
        broken, second, first = await ended(finished), await ended(finished), await ended(finished)
    assert [session.config["instructions"] for session in model.sessions] == [
        "First version.",
        "First version.",
        "Second version.",
    ]
    assert broken.agent_version == first.agent_version != second.agent_version
