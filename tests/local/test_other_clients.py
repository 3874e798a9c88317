"""Clients that we did not write hold a spoken conversation with the engine."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from agents.realtime import RealtimeAgent, RealtimeRunner
from openai import AsyncOpenAI

from agents import function_tool
from bench.client import BOOK, CONFIRM, CORRECT, PCMU, TOOLS, clip, dialogue_of


async def test_the_openai_package_books_a_table(engine_url: str) -> None:
    client = AsyncOpenAI(api_key="none", base_url=engine_url)
    lines = iter([BOOK, CORRECT, CONFIRM])
    heard: list[str] = []
    said: list[str] = []
    audio = b""
    async with asyncio.timeout(60), client.realtime.connect(model="gpt-realtime-2.1") as connection:
        session: Any = {
            "type": "realtime",
            "audio": {
                "input": {"format": PCMU, "transcription": {"model": "gpt-live-transcribe"}},
                "output": {"format": PCMU, "voice": "cedar"},
            },
            "tools": TOOLS,
            "dialogue": dialogue_of("reception"),
        }
        await connection.session.update(session=session)
        await connection.response.create()
        async for event in connection:
            if event.type == "error":
                raise AssertionError(event.error.message)
            if event.type == "conversation.item.input_audio_transcription.completed":
                heard.append(event.transcript)
            elif event.type == "response.output_audio_transcript.done":
                said.append(event.transcript)
            elif event.type == "response.output_audio.delta":
                audio += base64.b64decode(event.delta)
            elif event.type == "response.done":
                assert event.response.status == "completed"
                calls = [item for item in event.response.output or () if item.type == "function_call"]
                if calls:
                    break
                await connection.input_audio_buffer.append(audio=base64.b64encode(clip(next(lines))).decode())
    assert heard[0].endswith("book a table for four people tomorrow at seven")
    assert "tomorrow at eight o'clock" in said[-1]
    assert len(audio) > 8000 * 5
    assert json.loads(calls[0].arguments or "")["people"] == 4


async def test_the_agents_sdk_holds_a_conversation_is_interrupted_and_runs_its_tool(engine_url: str) -> None:
    booked: list[tuple[int, str]] = []

    @function_tool
    def book_table(people: int, date: str, time: str) -> str:
        """Book a table."""
        booked.append((people, time))
        return json.dumps({"reference": "B D 7"})

    agent = RealtimeAgent(name="reception", instructions="You book tables.", tools=[book_table])
    model: Any = {
        "url": engine_url.replace("http", "ws") + "/realtime?model=gpt-realtime-2.1",
        "api_key": "none",
        "initial_model_settings": {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_ulaw"},
    }
    audio = interruptions = 0
    async with asyncio.timeout(60), await RealtimeRunner(agent).run(model_config=model) as session:
        # the dialogue is our extension of the protocol, so the SDK sends it as a raw event
        await session.model.send_event(
            raw("session.update", session={"type": "realtime", "dialogue": dialogue_of("reception")})
        )
        await session.send_message("I'd like to book a table for two tomorrow at seven")
        turns = iter([CORRECT, CONFIRM])
        async for event in session:
            if event.type == "error":
                raise AssertionError(event.error)
            if event.type == "audio":
                audio += len(event.audio.data)
            elif event.type == "audio_interrupted":
                interruptions += 1
            elif event.type == "audio_end" and (line := next(turns, None)) is not None:
                await session.send_audio(clip(line))
            elif event.type == "tool_end":
                break
    assert booked == [(2, "20:00")]
    assert interruptions >= 1  # the caller speaks while the agent would still be heard
    assert audio > 8000 * 5


def raw(type_: str, **fields: Any) -> Any:
    from agents.realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage

    message: RealtimeModelRawClientMessage = {"type": type_, "other_data": fields}
    return RealtimeModelSendRawMessage(message=message)
