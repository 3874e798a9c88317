"""The embedded engine: a server of the Realtime protocol, for this machine.

    engine = await serve(EngineConfig())
    ...  # ws://127.0.0.1:{engine.port}/v1/realtime?model=local
    await engine.close()

A call takes a line: ears and mouth in processes of their own. When all lines are taken, the handshake is refused with
status 429 and OpenAI's error for it, `rate_limit_exceeded`.
"""

from __future__ import annotations

import asyncio
import http
import logging
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from phoneagent.local.brain import Brain
from phoneagent.local.chat_brain import ChatBrain
from phoneagent.local.config import EngineConfig
from phoneagent.local.default_dialogue import DEFAULT_DIALOGUE
from phoneagent.local.dialogue_brain import DialogueBrain
from phoneagent.local.lines import Line, Lines
from phoneagent.local.protocol import Event, new_id
from phoneagent.local.session import SESSION_S, RealtimeSession
from phoneagent.local.session_object import Session
from phoneagent.local.worker import WorkerError

log = logging.getLogger(__name__)

_PATH = "/v1/realtime"
_MAX_EVENT = 24 * 1024 * 1024  # 15 MB of audio in base64, and some
_EXPIRED = "Your session hit the maximum duration of 60 minutes."


class Engine:
    """A running engine. `port` is where it listens."""

    def __init__(self, config: EngineConfig, lines: Lines) -> None:
        self.port = 0
        self._config, self._lines = config, lines
        self._llm = config.brain.client() if config.brain else None
        self._server: Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Accept clients."""
        self._server = await serve_websocket(
            self._talk,
            host,
            port,
            process_request=self._admit,
            compression=None,
            max_size=_MAX_EVENT,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """End all calls and stop all processes."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await self._lines.close()
        if self._llm is not None:
            await self._llm.aclose()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if urlsplit(request.path).path != _PATH:
            return _refusal(
                http.HTTPStatus.NOT_FOUND, "invalid_request_error", "unknown_url", f"Unknown URL: use {_PATH}."
            )
        if not await self._lines.free():
            log.warning("all lines are busy: a call was refused")
            message = f"Rate limit reached: this engine holds {self._config.max_calls} calls at a time."
            return _refusal(http.HTTPStatus.TOO_MANY_REQUESTS, "requests", "rate_limit_exceeded", message)
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        model = parse_qs(urlsplit(connection.request.path).query).get("model", ["local"])[0]
        line = self._lines.take()
        if line is None:  # the last one was taken during the handshake
            await connection.close(1013, "all lines are busy")
            return
        try:
            await self._hold(connection, line, model)
        except WorkerError:
            log.exception("a call was ended by the fault of a worker process")
            await connection.close(1011, "a worker process has ended")
        finally:
            self._lines.give_back(line)

    async def _hold(self, connection: ServerConnection, line: Line, model: str) -> None:
        outbox: asyncio.Queue[Event] = asyncio.Queue()
        session = RealtimeSession(model, line.ears, line.mouth, self._brain_for, outbox.put_nowait, outbox.join)
        sending = asyncio.create_task(_send_all(connection, outbox))
        try:
            async with asyncio.timeout(SESSION_S):
                await session.start()
                async for message in connection:
                    await session.receive(message)
        except TimeoutError:
            error = {"type": "invalid_request_error", "code": "session_expired", "message": _EXPIRED}
            outbox.put_nowait({"type": "error", "error": error})
            await outbox.join()
            await connection.close(1001, _EXPIRED)
        except ConnectionClosed:
            pass
        finally:
            sending.cancel()
            await session.close()

    def _brain_for(self, session: Session) -> Brain:
        if self._config.brain and self._llm:
            return ChatBrain(self._llm, self._config.brain.model)
        if session.dialogue:
            return DialogueBrain(session.dialogue, session.dialogue.today)
        return DialogueBrain(DEFAULT_DIALOGUE)


async def serve(config: EngineConfig, *, host: str = "127.0.0.1", port: int = 0) -> Engine:
    """Start an engine; port 0 takes a free one. Raises WorkerError and OSError."""
    lines = await Lines.open(config)
    engine = Engine(config, lines)
    try:
        await engine.listen(host, port)
    except OSError:
        await engine.close()
        raise
    if config.brain is None:
        log.info("no language model is set: the built-in demonstration brain follows the agent's dialogue")
    return engine


async def _send_all(connection: ServerConnection, outbox: asyncio.Queue[Event]) -> None:
    while True:
        event = await outbox.get()
        try:
            await connection.send(orjson.dumps({"event_id": new_id("event"), **event}).decode())
        except ConnectionClosed:
            pass  # how every call ends; the queue is still emptied for those who wait for it
        finally:
            outbox.task_done()


def _refusal(status: http.HTTPStatus, type_: str, code: str, message: str) -> Response:
    body = orjson.dumps({"error": {"message": message, "type": type_, "param": None, "code": code}})
    headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return Response(status.value, status.phrase, headers, body)
