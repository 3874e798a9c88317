"""A running session that goes on as another agent, and the MCP servers that its service uses, over a real socket."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from phoneagent.core.agents import Agent, McpServer, ToolSpec
from phoneagent.core.commands import RequestResponse
from phoneagent.core.errors import Problem, Reaction, reaction_to
from phoneagent.core.events import ResponseStarted, SessionErrored, SessionReady
from phoneagent.engines.realtime import RealtimeEngine, local, openai
from tests.engines.realtime.server import Call, Peer, realtime_server

ADA = Agent("reception")
BOB = Agent("billing", voice="cedar", language="de")
INVOICE = ToolSpec("send_invoice", "Send an invoice.", {"type": "object", "properties": {}})
CRM = McpServer(url="https://crm.example.com/mcp", headers={"Authorization": "Bearer ${CRM_TOKEN}"}, run_by="model")


async def test_the_session_goes_on_as_another_agent_with_the_same_voice():
    heard: list[dict[str, Any]] = []

    async def conversation(peer: Peer) -> None:
        session = await peer.accepts()
        heard.extend([await peer.hears(), await peer.hears()])
        await peer.says("session.updated", session={**session, **heard[0]["session"]})
        await peer.says("response.created", response={"id": "resp_1"})
        await peer.socket.wait_closed()

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = RealtimeEngine(openai("sk", base_url)).open(ADA, "You are Ada.", (), call.receive)
        session.update(BOB, "Too early.", ())
        await call.is_told(SessionReady)
        session.update(BOB, "You are Bob.", (INVOICE,))
        session.send(RequestResponse())
        await call.is_told(ResponseStarted)
        assert call.events == [SessionReady("sess_1"), ResponseStarted("resp_1")]
        assert [message["type"] for message in heard] == ["session.update", "response.create"]
        assert heard[0]["session"]["instructions"] == "You are Bob."
        assert [tool["name"] for tool in heard[0]["session"]["tools"]] == ["send_invoice"]
        assert heard[0]["session"]["audio"] == {
            "input": {"transcription": {"model": "gpt-live-transcribe", "languages": ["de"]}}
        }
        session.close()
        session.update(ADA, "Too late.", ())


async def test_a_refused_change_is_told_and_the_session_lives_on():
    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        update = await peer.hears()
        error = {"type": "invalid_request_error", "code": "session_expired", "message": "No.", "param": "session.tools"}
        await peer.says("error", error={**error, "event_id": update["event_id"]})
        await peer.hears()
        await peer.says("response.created", response={"id": "resp_1"})
        await peer.socket.wait_closed()

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = RealtimeEngine(openai("sk", base_url)).open(ADA, "", (), call.receive)
        await call.is_told(SessionReady)
        session.update(BOB, "You are Bob.", ())
        errored = await call.is_told(SessionErrored)
        assert errored.problem == Problem("update_refused", "session_expired: No.", "session.tools")
        assert reaction_to(errored.problem) is Reaction.IGNORE
        session.send(RequestResponse())
        await call.is_told(ResponseStarted)
        session.close()


async def test_an_agent_brings_its_mcp_servers_and_a_failure_to_list_their_tools_is_logged(
    caplog: pytest.LogCaptureFixture,
):
    sessions: list[dict[str, Any]] = []
    told = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        sessions.append(await peer.accepts())
        item = {"id": "item_list", "type": "mcp_list_tools", "server_label": "crm", "tools": []}
        await peer.says("conversation.item.added", item=item)
        await peer.says("mcp_list_tools.failed", item_id="item_list")
        await peer.says("response.created", response={"id": "resp_1"})
        sessions.append((await peer.hears())["session"])
        told.set()
        await peer.socket.wait_closed()

    agent = replace(
        ADA, mcp={"crm": CRM, "files": McpServer(command=("files",)), "shop": replace(CRM, headers={"X": "${SHOP}"})}
    )
    async with realtime_server(conversation) as base_url:
        call = Call()
        engine = RealtimeEngine(openai("sk", base_url), secrets={"CRM_TOKEN": "s3cret"})
        session = engine.open(agent, "", (), call.receive)
        await call.is_told(ResponseStarted)
        session.update(replace(BOB, mcp={"erp": replace(CRM, confirm=True)}), "", ())
        await asyncio.wait_for(told.wait(), 30)
        session.close()
    [crm], [erp] = sessions[0]["tools"], sessions[1]["tools"]
    assert (crm["server_label"], crm["headers"]) == ("crm", {"Authorization": "Bearer s3cret"})
    assert (erp["server_label"], erp["require_approval"]) == ("erp", "always")
    logged = {
        (record.getMessage(), vars(record)["server"]) for record in caplog.records if record.levelno >= logging.WARNING
    }
    assert logged == {
        ("an MCP server is left out", "shop"),
        ("an MCP server's tools could not be listed", "crm"),
    }
    assert "s3cret" not in " ".join(str(vars(record)) for record in caplog.records)


async def test_the_embedded_engine_is_asked_for_no_mcp_server(caplog: pytest.LogCaptureFixture):
    sessions: list[dict[str, Any]] = []

    async def conversation(peer: Peer) -> None:
        sessions.append(await peer.accepts())
        await peer.socket.wait_closed()

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = RealtimeEngine(local(base_url)).open(replace(ADA, mcp={"crm": CRM}), "", (), call.receive)
        await call.is_told(SessionReady)
        session.close()
    assert sessions[0]["tools"] == []
    assert [vars(record)["server"] for record in caplog.records] == ["crm"]
