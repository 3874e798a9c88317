"""The session over a real socket, with a server that behaves and with servers that don't."""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import replace
from typing import Any

import pytest

from phoneagent.core.agents import Agent
from phoneagent.core.commands import AppendAudio, CancelResponse, PlayAudio, RequestResponse
from phoneagent.core.errors import Problem
from phoneagent.core.events import (
    AgentAudio,
    AgentTurnEnded,
    Event,
    ResponseStarted,
    SessionEnded,
    SessionErrored,
    SessionReady,
    TurnAdded,
)
from phoneagent.engines.realtime import RealtimeEngine, local, openai
from tests.engines.realtime.server import Call, Hold, Peer, realtime_server

AGENT = Agent("reception", prompt="You are Ada.")
FRAME = base64.b64encode(b"\xff" * 160).decode()


def start(engine: RealtimeEngine, call: Call, agent: Agent = AGENT) -> Any:
    return engine.open(agent, agent.prompt, (), call.receive)


async def end_of(base_url: str, **options: Any) -> Problem:
    """Why a session with a server that doesn't behave ended."""
    call = Call()
    start(RealtimeEngine(openai("sk-secret", base_url), **options), call)
    ended = await call.is_told(SessionEnded)
    assert call.events == [ended]
    return ended.problem


async def until_gone(peer: Peer) -> None:
    await peer.socket.wait_closed()


async def test_a_session_is_configured_before_anything_else_passes():
    heard: list[dict[str, Any]] = []
    done = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        assert peer.path == "/v1/realtime?model=gpt-realtime-2.1"
        assert peer.headers["Authorization"] == "Bearer sk-secret"
        assert "OpenAI-Beta" not in peer.headers
        assert (await peer.accepts())["instructions"] == "You are Ada."
        heard.extend([await peer.hears(), await peer.hears()])
        await peer.says("response.created", response={"id": "resp_1", "status": "in_progress"})
        await peer.says(
            "response.output_audio.delta", response_id="resp_1", item_id="item_1", output_index=0, delta=FRAME
        )
        done.set()
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai("sk-secret", base_url)), call)
        session.send(AppendAudio("too early"))
        await call.is_told(SessionReady)
        session.send(AppendAudio(FRAME))
        session.send(PlayAudio("not for a session"))
        session.send(AppendAudio('","type":"response.create'))
        session.send(RequestResponse())
        audio = await call.is_told(AgentAudio)
        assert call.events == [SessionReady("sess_1"), ResponseStarted("resp_1"), audio]
        assert audio == AgentAudio("resp_1", "item_1", FRAME, ms=20)
        assert heard == [{"type": "input_audio_buffer.append", "audio": FRAME}, {"type": "response.create"}]
        session.close()


async def test_no_audio_is_appended_before_the_formats_are_confirmed():
    configuring, confirming = asyncio.Event(), asyncio.Event()
    heard: list[dict[str, Any]] = []

    async def conversation(peer: Peer) -> None:
        session = await peer.greets()
        configuring.set()
        await confirming.wait()
        await peer.says("session.updated", session=session)
        heard.append(await peer.hears())

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai(None, base_url)), call)
        await asyncio.wait_for(configuring.wait(), 30)
        session.send(AppendAudio(FRAME))
        confirming.set()
        await call.is_told(SessionReady)
        session.send(RequestResponse())
        await call.is_told(SessionEnded)
        assert heard == [{"type": "response.create"}]


async def test_the_embedded_engine_is_given_the_dialogue_and_wants_no_key():
    sessions = []

    async def conversation(peer: Peer) -> None:
        assert "Authorization" not in peer.headers
        sessions.append(await peer.accepts())
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(local(base_url)), call, replace(AGENT, dialogue={"intents": []}))
        await call.is_told(SessionReady)
        assert sessions[0]["dialogue"] == {"intents": [], "timezone": AGENT.timezone}
        session.close()


async def test_a_refused_update_ends_the_session_with_the_field_at_fault():
    async def conversation(peer: Peer) -> None:
        await peer.greets()
        await peer.refuses("unknown_parameter", "Unknown parameter: 'session.speed'.", "session.speed")
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        assert await end_of(base_url) == Problem(
            "session_update_refused", "unknown_parameter: Unknown parameter: 'session.speed'.", "session.speed"
        )


async def test_a_refused_update_cannot_be_made_up_for():
    async def conversation(peer: Peer) -> None:
        session = await peer.greets()
        await peer.refuses("unknown_parameter", "Unknown parameter: 'session.speed'.", "session.speed")
        await peer.says("session.updated", session=session)
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        assert (await end_of(base_url)).code == "session_update_refused"


async def test_an_account_without_credit_is_told_as_such():
    async def conversation(peer: Peer) -> None:
        await peer.greets()
        await peer.refuses("insufficient_quota", "You exceeded your current quota.")
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        assert (await end_of(base_url)).code == "insufficient_quota"


async def test_an_error_instead_of_a_session_is_the_end():
    async def conversation(peer: Peer) -> None:
        await peer.refuses("model_load_error", "no such file")
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        assert await end_of(base_url) == Problem("model_load_error", "no such file")


async def test_a_session_that_stays_on_another_format_is_ended_and_the_field_named():
    async def conversation(peer: Peer) -> None:
        session = await peer.greets()
        session["audio"]["output"]["format"] = {"type": "audio/pcm", "rate": 24000}
        await peer.says("session.updated", session=session)
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        problem = await end_of(base_url)
        assert (problem.code, problem.param) == ("format_mismatch", "session.audio.output.format")


async def test_a_server_without_mu_law_is_asked_for_pcm_and_remembered():
    formats = []
    turn = base64.b64encode(b"\x00\x10" * 4800).decode()  # 200 ms at 24 kHz

    async def conversation(peer: Peer) -> None:
        session = await peer.greets()
        formats.append(session["audio"]["input"]["format"])
        if session["audio"]["input"]["format"]["type"] != "audio/pcm":
            await peer.refuses("invalid_value", "Only audio/pcm.", "session.audio.input.format.type")
            session = (await peer.hears())["session"]
            formats.append(session["audio"]["output"]["format"])
        await peer.says("session.updated", session=session)
        appended = base64.b64decode((await peer.hears())["audio"])
        assert len(appended) == 960  # 20 ms at 24 kHz
        await peer.says("response.output_audio.delta", response_id="r", item_id="i", delta=turn)
        await peer.says("response.output_item.done", response_id="r", item={"type": "message", "id": "i"})
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        engine = RealtimeEngine(openai(None, base_url))
        for _ in range(2):
            call = Call()
            session = start(engine, call)
            await call.is_told(SessionReady)
            session.send(AppendAudio(FRAME))
            await call.is_told(AgentTurnEnded)
            session.close()
            pieces = [event for event in call.events if isinstance(event, AgentAudio)]
            assert sum(len(base64.b64decode(piece.audio)) for piece in pieces) == 1600
            assert sum(piece.ms for piece in pieces) == 200
    assert formats == [{"type": "audio/pcmu"}, *[{"type": "audio/pcm", "rate": 24000}] * 2]


async def test_mu_law_that_was_chosen_is_not_given_up():
    async def conversation(peer: Peer) -> None:
        await peer.greets()
        await peer.refuses("invalid_value", "Only audio/pcm.", "session.audio.input.format.type")
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        call = Call()
        start(RealtimeEngine(openai(None, base_url, audio_format="pcmu")), call)
        ended = await call.is_told(SessionEnded)
        assert ended.problem.code == "session_update_refused"
        assert ended.problem.param == "session.audio.input.format.type"


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (401, '{"error": {"code": null, "message": "Incorrect API key."}}', "invalid_api_key", "Incorrect API key."),
        (403, "", "invalid_api_key", "HTTP status 403"),
        (404, "<html>", "model_not_found", "HTTP status 404"),
        (429, "[]", "rate_limit_exceeded", "HTTP status 429"),
        (429, '{"error": {"code": "insufficient_quota", "message": "Pay."}}', "insufficient_quota", "Pay."),
        (503, "", "connect_failed", "HTTP status 503"),
        (302, "", "connect_failed", "HTTP status 302"),
    ],
)
async def test_a_refused_handshake_says_why(status: int, body: str, code: str, message: str):
    async with realtime_server(until_gone, status=status, body=body) as base_url:
        assert await end_of(base_url) == Problem(code, message)


async def test_a_key_does_not_follow_a_redirect():
    async with realtime_server(until_gone, hold=(elsewhere := Hold())) as other_url:
        headers = {"Location": other_url.replace("http:", "ws:") + "/realtime"}
        async with realtime_server(until_gone, status=307, headers=headers) as base_url:
            assert await end_of(base_url) == Problem("connect_failed", "HTTP status 307")
            assert elsewhere.count == 0


async def test_nobody_there():
    problem = await end_of("http://127.0.0.1:9/v1")
    assert problem.code == "connect_failed"
    assert "ConnectionRefusedError" in problem.message


async def test_a_port_that_speaks_something_else():
    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(smtp, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await end_of(f"http://127.0.0.1:{port}/v1")).code == "connect_failed"


async def test_a_server_that_closes_during_the_handshake():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        problem = await end_of(f"http://127.0.0.1:{port}/v1")
        assert problem == Problem("connect_failed", "ConnectionError: closed during the handshake")


async def test_a_host_name_that_cannot_be():
    assert (await end_of(f"http://{'a' * 70}.invalid/v1")).code == "connect_failed"


async def test_a_slow_handshake_is_given_up():
    async with realtime_server(until_gone, hold=(answering := Hold())) as base_url:
        problem = await end_of(base_url, dial_timeout_s=0.1)
        assert problem == Problem("connect_failed", "no session within 0.1 s")
        answering.released.set()


async def test_a_server_that_never_confirms_is_given_up():
    async def conversation(peer: Peer) -> None:
        await peer.greets()
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        assert (await end_of(base_url, dial_timeout_s=0.2)).code == "connect_failed"


@pytest.mark.parametrize(
    ("code", "reason", "problem"),
    [
        (1001, "Your session hit the maximum duration", Problem("close:1001", "Your session hit the maximum duration")),
        (1000, "", Problem("close:1000")),
        (4000, "beta_api_shape_disabled", Problem("close:4000", "beta_api_shape_disabled")),
    ],
)
async def test_a_closed_session_ends_once_with_code_and_reason(code: int, reason: str, problem: Problem):
    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await peer.socket.close(code, reason)

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai(None, base_url)), call)
        await call.is_told(SessionEnded)
        session.send(RequestResponse())
        session.close()
        assert call.events == [SessionReady("sess_1"), SessionEnded(problem)]


async def test_a_dropped_connection_ends_the_session():
    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        peer.socket.transport.abort()

    async with realtime_server(conversation) as base_url:
        call = Call()
        start(RealtimeEngine(openai(None, base_url)), call)
        ended = await call.is_told(SessionEnded)
        assert ended == SessionEnded(Problem("close:1006", "the connection was lost"))


async def test_no_event_comes_after_close_and_the_socket_goes():
    gone = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await peer.hears()
        for _ in range(50):
            await peer.says("response.created", response={"id": "resp_1"})
        await until_gone(peer)
        assert peer.socket.close_code == 1000
        gone.set()

    def close_at_the_response(event: Event) -> None:
        call.receive(event)
        if isinstance(event, ResponseStarted):
            session.close()

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = RealtimeEngine(openai(None, base_url)).open(AGENT, "", (), close_at_the_response)
        await call.is_told(SessionReady)
        session.send(RequestResponse())
        await asyncio.wait_for(gone.wait(), 30)
        assert call.events == [SessionReady("sess_1"), ResponseStarted("resp_1")]


async def test_no_further_event_of_the_message_that_made_the_call_close():
    delta = {"response_id": "r", "item_id": "i", "content_index": 1, "delta": FRAME}
    gone = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await peer.says("response.output_audio.delta", **delta)
        await until_gone(peer)
        gone.set()

    def close_at_the_turn(event: Event) -> None:
        call.receive(event)
        if isinstance(event, TurnAdded):
            session.close()

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = RealtimeEngine(openai(None, base_url)).open(AGENT, "", (), close_at_the_turn)
        await asyncio.wait_for(gone.wait(), 30)
        assert call.events == [SessionReady("sess_1"), TurnAdded("i#1", "agent", after="i")]


async def test_a_session_closed_while_it_is_dialled_leaves_no_socket():
    answering, gone = Hold(), asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await until_gone(peer)
        gone.set()

    async with realtime_server(conversation, hold=answering) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai(None, base_url)), call)
        await asyncio.wait_for(answering.reached.wait(), 30)
        session.close()
        answering.released.set()
        await asyncio.wait_for(gone.wait(), 30)
        assert call.events == []


async def test_a_session_closed_at_once_is_not_dialled():
    async with realtime_server(until_gone, hold=(answering := Hold())) as base_url:
        start(RealtimeEngine(openai(None, base_url)), closed := Call()).close()
        call = Call()
        start(RealtimeEngine(openai(None, base_url)), call)
        await asyncio.wait_for(answering.reached.wait(), 30)
        assert answering.count == 1
        assert closed.events == []
        answering.released.set()


async def test_what_cannot_be_read_is_dropped_and_the_session_goes_on(caplog: pytest.LogCaptureFixture):
    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await peer.socket.send("garbage about +15550100")
        await peer.socket.send(b"binary")
        await peer.says("response.hologram.delta", delta="…")
        await peer.says("response.hologram.delta", delta="…")
        await peer.says("session.updated", session={})
        await peer.says("session.created", session={})
        await peer.says("session.updated")
        error = {"code": "DeploymentNotFound", "message": "+15550100"}
        await peer.says("conversation.item.input_audio_transcription.failed", item_id="i", error=error)
        await peer.says("response.created", response={"id": "resp_1"})
        await until_gone(peer)

    caplog.set_level(logging.DEBUG, "phoneagent")
    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai("sk-secret", base_url)), call)
        assert await call.is_told(ResponseStarted) == ResponseStarted("resp_1")
        session.close()
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("the engine sends a message of unknown type") == 1
    assert messages.count("dropped a message of the engine") == 2
    assert messages.count("the caller's words were not transcribed") == 1
    everything = " ".join(str(record.__dict__) for record in caplog.records)
    assert "+15550100" not in everything
    assert "sk-secret" not in everything


async def test_messages_may_come_in_fragments():
    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await peer.socket.send(['{"type": "response.created", ', '"response": {"id":', ' "resp_1"}}'])
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai(None, base_url)), call)
        assert await call.is_told(ResponseStarted) == ResponseStarted("resp_1")
        session.close()


async def test_a_message_without_end_is_not_collected_for_ever():
    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await peer.socket.send(" " * 8_000_000 for _ in range(3))
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        call = Call()
        start(RealtimeEngine(openai(None, base_url)), call)
        assert await call.is_told(SessionEnded) == SessionEnded(
            Problem("close:1009", "a message in fragments is too big")
        )


async def test_a_server_that_does_not_read_makes_audio_old_not_memory_full(caplog: pytest.LogCaptureFixture):
    sent, reading, counted = 1500, asyncio.Event(), asyncio.Event()
    types: list[str] = []

    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await reading.wait()
        while "response.create" not in types:
            types.append((await peer.hears())["type"])
        counted.set()

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai(None, base_url)), call)
        await call.is_told(SessionReady)
        for _ in range(sent):
            session.send(AppendAudio("A" * 16_000))
        session.send(RequestResponse())  # waits in line, and is not dropped
        reading.set()
        await asyncio.wait_for(counted.wait(), 30)
        appended = types.count("input_audio_buffer.append")
        assert 0 < appended < sent
        dropped = [vars(record)["frames"] for record in caplog.records if "dropped" in record.getMessage()]
        assert dropped == [sent - appended]
        session.close()


async def test_errors_of_a_running_session_are_told_and_it_lives_on():
    async def conversation(peer: Peer) -> None:
        await peer.accepts()
        await peer.hears()
        await peer.refuses("response_cancel_not_active", "Cancellation failed: no active response found")
        await peer.refuses("invalid_value", "Invalid value: 'x'.", "item.id")
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai(None, base_url)), call)
        await call.is_told(SessionReady)
        session.send(CancelResponse("resp_1"))
        errored = await call.is_told(SessionErrored)
        assert errored.problem == Problem("invalid_value", "Invalid value: 'x'.", "item.id")
        session.close()
        assert call.events == [SessionReady("sess_1"), errored]


async def test_a_server_may_begin_with_the_conversation():
    async def conversation(peer: Peer) -> None:
        await peer.says("conversation.created", conversation={"id": "conv_1"})
        await peer.accepts()
        await until_gone(peer)

    async with realtime_server(conversation) as base_url:
        call = Call()
        session = start(RealtimeEngine(openai(None, base_url)), call)
        await call.is_told(SessionReady)
        session.close()
