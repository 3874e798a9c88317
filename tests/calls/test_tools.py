"""Tools of every kind on whole calls: asked for by the model, run, answered, and what the caller hears meanwhile."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from phoneagent.simulate.realtime_events import ToolCall, caller_turn_ended, response, speech_started, transcribed
from phoneagent.simulate.scripted_model import ScriptedSession
from tests.calls.service import CALLER, write_tools
from tests.calls.telephony import answered, scene
from tests.tools.processes import gone, over, soon
from tests.tools.web import Received, answer, serving

TOOLS = """
import os, time
from pathlib import Path
from langchain_core.tools import tool as chained
from phoneagent.tools import Call, caller_lookup, tool

HERE = Path(__file__).parent.parent

@tool
def double(amount: int) -> int:
    \"\"\"Double an amount.\"\"\"
    return 2 * amount

@chained
def halve(amount: int) -> int:
    \"\"\"Halve an amount.\"\"\"
    return amount // 2

@caller_lookup
def customer(call: Call) -> str:
    return "Ada" if call.caller == "CALLER" else "unknown"

@tool(confirm=True, side_effects=True)
def refund(amount: int, call: Call) -> str:
    \"\"\"Give money back.\"\"\"
    with (HERE / "ledger").open("a") as ledger:
        ledger.write(f"{amount} ")
    return "refunded"

@tool
def block() -> None:
    \"\"\"Block.\"\"\"
    (HERE / "process").write_text(str(os.getpid()))
    time.sleep(60)
""".replace("CALLER", CALLER)


def asks(name: str, call_id: str, /, **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments), call_id=call_id, item_id=f"item_{call_id}")


async def outcome(session: ScriptedSession, call_id: str) -> dict[str, Any]:
    """What the model is told of a tool call."""
    await session.received("conversation.item.create", item={"call_id": call_id})
    return answered(session, call_id)


async def test_a_model_may_ask_for_tools_of_every_kind_at_once(tmp_path: Path):
    def shop(request: Received) -> bytes:
        return answer({"status": "shipped", "path": request.path, "key": request.headers["x-key"]})

    write_tools(tmp_path, TOOLS)
    async with serving(shop) as web:
        front = f"""
tools:
  - double
  - halve
  - look_up_caller
  - order_status:
      description: How an order stands.
      parameters: {{order: {{type: string}}}}
      http:
        url: "http://127.0.0.1:{web.port}/orders/{{order}}"
        headers: {{X-Key: "${{SHOP_TOKEN}}"}}
        allow_http: true
        allow_private: true
mcp: {{shop: {{command: [{sys.executable}, -m, tests.tools.mcp_server], tools: [add]}}}}
"""
        secrets = {"PHONEAGENT_TOOL_SECRETS": "SHOP_TOKEN", "SHOP_TOKEN": "s3cr3t-0123456789"}
        async with scene(tmp_path, front, **secrets) as s:
            await s.call(
                asks("double", "call_1", amount=21),
                asks("halve", "call_2", amount=84),
                asks("look_up_caller", "call_3"),
                asks("order_status", "call_4", order="A 1"),
                asks("shop_add", "call_5", a=40, b=2),
                asks("shop_greet", "call_6", name="Ada"),
                asks("double", "call_7", amount="21"),
            )
            session = await s.model.session()
            await session.received("response.create")
            told = [answered(session, f"call_{number}") for number in range(1, 8)]
            offered = [tool["name"] for tool in session.config["tools"]]
            assert len(session.all("response.create")) == 1  # when the last of them was answered
    assert offered == ["double", "halve", "look_up_caller", "order_status", "shop_add"]
    assert told[:3] == [{"result": 42}, {"result": 42}, {"result": "Ada"}]
    assert told[3] == {"result": {"status": "shipped", "path": "/orders/A%201", "key": "[secret]"}}
    assert told[4] == {"result": {"result": 42}}
    assert [output["error"] for output in told[5:]] == ["unknown_tool", "bad_arguments"]


async def test_what_the_caller_must_agree_to_is_done_once_and_after_their_yes(tmp_path: Path):
    write_tools(tmp_path, TOOLS)
    async with scene(tmp_path, "tools: [refund]") as s:
        await s.call(asks("refund", "call_1", amount=5))
        session = await s.model.session()
        assert (await outcome(session, "call_1"))["error"] == "not_confirmed"
        session.emit(*response(asks("refund", "call_2", amount=5), response_id="resp_2"))
        assert (await outcome(session, "call_2"))["error"] == "not_confirmed"  # the caller has said nothing
        assert not (tmp_path / "ledger").exists()
        session.emit(speech_started(), *caller_turn_ended(), transcribed("Yes, please."))
        for turn in (3, 4):
            session.emit(*response(asks("refund", f"call_{turn}", amount=5), response_id=f"resp_{turn}"))
            assert await outcome(session, f"call_{turn}") == {"result": "refunded"}
    assert (tmp_path / "ledger").read_text() == "5 "


async def test_a_tool_that_hangs_is_killed_and_the_caller_told_something_meanwhile(tmp_path: Path):
    write_tools(tmp_path, TOOLS)
    front = "tools: [{block: {timeout_s: 1, while_running: {after_ms: 100, say: One moment.}}}]"
    async with scene(tmp_path, front) as s:
        await s.call(asks("block", "call_1"))
        session = await s.model.session()
        filler = await session.received("response.create")
        assert "One moment." in json.dumps(filler)
        assert (await outcome(session, "call_1"))["error"] == "timeout"
        await session.received("response.create")  # and the model is to speak of it
        types = [one.event["type"] for one in session.events]
        assert types.index("response.create") < types.index("conversation.item.create")
        await soon(lambda: over(tmp_path / "process"))


async def test_a_tool_that_gives_way_to_the_caller_is_killed_when_they_speak(tmp_path: Path):
    write_tools(tmp_path, TOOLS)
    async with scene(tmp_path, "tools: [{block: {on_barge_in: cancel}}]") as s:
        await s.call(asks("block", "call_1"))
        session = await s.model.session()
        process = tmp_path / "process"
        await soon(lambda: process.exists() and bool(process.read_text()))
        session.emit(speech_started(), *caller_turn_ended(), transcribed("Never mind."))
        assert (await outcome(session, "call_1"))["error"] == "cancelled"
        await soon(lambda: gone(int(process.read_text())))
