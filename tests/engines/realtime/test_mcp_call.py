"""A whole call whose model has tools run by its own service, which asks before it runs some of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from phoneagent.simulate.mcp_events import McpCall, approval_requested, mcp_call_ended, mcp_call_started
from phoneagent.simulate.realtime_events import Pause, Speech, caller_turn_ended, response, speech_started, transcribed
from phoneagent.simulate.script import HangUp, Say, Silence, WaitForAgent
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from tests.calls.service import NUMBER, phone_of, serving, write_agent

AGENT = """
tools: []
greeting: none
mcp:
  crm:
    url: https://crm.example.com/mcp
    headers: {Authorization: "Bearer ${CRM_TOKEN}"}
    tools: [delete_customer]
    run_by: model
    confirm: true
"""
DELETE = McpCall("delete_customer", '{"customer": 7}')


async def test_the_service_of_the_model_may_run_a_tool_when_the_caller_has_agreed(tmp_path: Path):
    write_agent(tmp_path, AGENT)
    script = [
        expect("input_audio_buffer.append").then(*approval_requested(DELETE, "mcpr_1")),
        expect("conversation.item.create", item={"type": "mcp_approval_response", "approve": False}),
        expect("response.create").then(
            *response(Speech("Shall I delete customer seven?", ms=240), response_id="resp_2"),
            Pause(0.4),
            speech_started(),
            *caller_turn_ended(),
            transcribed("Yes."),
            *approval_requested(DELETE, "mcpr_2", "resp_3"),
        ),
        expect("conversation.item.create", item={"approval_request_id": "mcpr_2", "approve": True}).then(
            *mcp_call_started(DELETE, "resp_3"), Pause(0.1), *mcp_call_ended(DELETE, "resp_3")
        ),
        expect("response.create").then(
            *response(Speech("It is gone.", ms=240, item_id="item_agent_2"), response_id="resp_4")
        ),
    ]
    async with (
        ScriptedModel(script) as model,
        serving(tmp_path, model, CRM_TOKEN="s3cret", PHONEAGENT_TOOL_SECRETS="CRM_TOKEN") as service,
        phone_of(service) as phone,
    ):
        call = phone.dial(NUMBER, [Silence(0.2), WaitForAgent(quiet_ms=60), Say("Yes"), WaitForAgent(), HangUp()])
        session = await model.session()
        asked = await session.received("session.update")
        assert asked["session"]["tools"] == [
            {
                "type": "mcp",
                "server_label": "crm",
                "server_url": "https://crm.example.com/mcp",
                "headers": {"Authorization": "Bearer s3cret"},
                "allowed_tools": ["delete_customer"],
                "require_approval": "always",
            },
        ]
        await call.ended()
        await asyncio.wait_for(session.closed, 30)
        assert session.script_done
        assert call.record.problems == []
