"""The log of a whole call: which call, and nothing of what was said in it or who called."""

import io
import json
from pathlib import Path

import pytest

from phoneagent.simulate.realtime_events import Speech, ToolCall, caller_turn_ended, response, transcribed
from phoneagent.simulate.script import Press, Say, Silence
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from tests.calls.service import AUTH_TOKEN, CALLER, NUMBER, phone_of, serving, write_agent, write_tools

TOOLS = '''
from phoneagent.tools import Call, ToolError, tool

@tool
def look_up(name: str, call: Call) -> str:
    """Look somebody up."""
    if name != "Zwetschge":
        raise RuntimeError(f"{name} at {call.caller} was not found")
    return "Marmalade Street"
'''
PRIVATE = {
    "the caller's number": CALLER.removeprefix("+"),
    "the called number": NUMBER.removeprefix("+"),
    "the caller's words": "Quetzalcoatl",
    "the agent's words": "Rumpelstiltskin",
    "a tool's argument": "Zwetschge",
    "a failing tool's argument": "Wolpertinger",
    "a tool's output": "Marmalade",
    "the digits": "739155",
    "the auth token": AUTH_TOKEN,
    "the model's key": "sk-marzipan",
    "the prompt": "Schnickschnack",
}


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_the_log_of_a_whole_call_names_the_call_and_nothing_that_is_private(tmp_path: Path, log: io.StringIO):
    write_agent(tmp_path, "greeting: Rumpelstiltskin speaking.\ntools: [look_up, end_call]", prompt="Schnickschnack!")
    write_tools(tmp_path, TOOLS)
    looks_up = (
        ToolCall("look_up", '{"name":"Zwetschge"}'),
        ToolCall("look_up", '{"name":"Wolpertinger"}', "call_2", "item_call_2"),
    )
    script = [
        expect("response.create").then(*response(Speech("Rumpelstiltskin speaking.", ms=5000))),
        expect("conversation.item.create").then(*response(*looks_up, response_id="resp_2")),
        expect("response.create").then(*response(Speech("Rumpelstiltskin", ms=200), response_id="resp_3")),
    ]
    async with (
        ScriptedModel(script) as model,
        serving(tmp_path, model, OPENAI_API_KEY="sk-marzipan") as service,
        phone_of(service) as phone,
    ):
        call = phone.dial(NUMBER, [Silence(0.2), Say("Quetzalcoatl"), Press("739155#", every_ms=40), Silence(30)])
        session = await model.session()
        await call.until(lambda record: record.caller.utterances)
        session.interrupt()
        session.emit(*caller_turn_ended(), transcribed("I am Quetzalcoatl"))
        for _ in range(2):
            await session.received("conversation.item.create", item={"type": "function_call_output"})
        session.emit(*response(ToolCall("end_call", "{}", "call_3", "item_call_3"), response_id="resp_4"))
        session.emit({"type": "error", "error": {"code": "odd", "type": "odd", "message": "odd"}})
        session.emit({"type": "something.new", "text": "Quetzalcoatl"})
        session.close(1011, "bye")
        record = await call.ended()
    assert session.all("conversation.item.create")[0]["item"]["content"][0]["text"].endswith("739155")
    text = log.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert not [what for what, words in PRIVATE.items() if words in text], text
    [call_id] = [line["call_id"] for line in lines if line.get("call_sid") == record.call_sid]
    assert call_id != record.call_sid
    messages = [line["message"] for line in lines if line.get("call_id") == call_id]
    assert messages[0] == "call answered"
    assert messages.count("call ended") == 1
    of_a_call = {"call answered", "call ended", "the engine reported a problem"}
    assert all(line.get("call_id") for line in lines if line["message"] in of_a_call)
