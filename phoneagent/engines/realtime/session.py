"""The engine that speaks the Realtime protocol: one WebSocket for each call, handled in callbacks."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
import picows

from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.core.commands import AppendAudio, Command
from phoneagent.core.errors import Problem, Reaction, reaction_to
from phoneagent.core.events import Event, SessionEnded, SessionErrored, SessionReady
from phoneagent.core.secrets import UnknownSecretError
from phoneagent.engines.realtime.audio import CallerToModel, ModelToCaller
from phoneagent.engines.realtime.configure import change_of_agent, confirm, mcp_server, refuses_format, session_update
from phoneagent.engines.realtime.encode import UPDATE, configuration
from phoneagent.engines.realtime.fields import WireError, problem_from
from phoneagent.engines.realtime.targets import AudioFormat, Target
from phoneagent.engines.realtime.wire import (
    SessionCreated,
    SessionUpdated,
    ToolsNotListed,
    TranscriptionFailed,
    UnknownMessage,
    Wire,
)
from phoneagent.tls import trusted

logger = logging.getLogger(__name__)

_MAX_MESSAGE = 16 * 1024 * 1024
_MAX_UNSENT = 1024 * 1024  # over a minute of audio: more than any burst, less than a leak
_CLOSE_WITHIN_S = 1.0
_HTTP_PROBLEMS = {
    401: "invalid_api_key",
    403: "invalid_api_key",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}

Receive = Callable[[Event], None]


class RealtimeEngine:
    """Holds conversations at one target. Where µ-law was refused once, it asks for PCM from then on."""

    def __init__(
        self,
        target: Target,
        *,
        secrets: Mapping[str, str] = MappingProxyType({}),
        dial_timeout_s: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`secrets`: for the headers of MCP servers, by name. `dial_timeout_s`: until `SessionReady`, all in all.

        `ssl_context`: for servers with their own CA.
        """
        self.name = target.name
        self.target = target
        self.secrets = secrets
        self.dial_timeout_s = dial_timeout_s
        self.ssl_context = ssl_context or (trusted() if target.secure else None)
        self.audio_format: AudioFormat = "pcm" if target.audio_format == "pcm" else "pcmu"

    def open(self, agent: Agent, prompt: str, tools: tuple[ToolSpec, ...], receive: Receive) -> RealtimeSession:
        """Begin a session, without waiting for it: `SessionReady` or `SessionEnded` is told to `receive`."""
        return RealtimeSession(self, agent, prompt, tools, receive)

    def servers(self, agent: Agent) -> list[dict[str, Any]]:
        """The MCP servers of an agent that the service behind the session is to use. The embedded engine uses none."""
        servers = []
        for name, server in agent.mcp.items():
            if server.run_by == "model" and self.target.takes_dialogue:
                logger.warning("the embedded engine uses no MCP server by itself", extra={"server": name})
            elif server.run_by == "model":
                try:
                    servers.append(mcp_server(name, server, self.secrets))
                except UnknownSecretError as error:
                    logger.error("an MCP server is left out", extra={"server": name, "problem": str(error)})
        return servers

    def fall_back_to_pcm(self) -> bool:
        """Ask for PCM from now on, if µ-law was our own choice."""
        if self.target.audio_format == "auto":
            self.audio_format = "pcm"
        return self.target.audio_format == "auto"


class RealtimeSession(picows.WSListener):
    """One session: configured before anything else may pass, ended once, silent after `close`."""

    def __init__(
        self, engine: RealtimeEngine, agent: Agent, prompt: str, tools: tuple[ToolSpec, ...], receive: Receive
    ) -> None:
        self._engine = engine
        self._agent, self._prompt, self._tools = agent, prompt, tools
        self._servers = engine.servers(agent)
        self._receive = receive
        self._transport: picows.WSTransport | None = None
        self._session_id = ""
        self._audio_format: AudioFormat | None = None  # the one asked for, when it was
        self._ready = asyncio.Event()
        self._open = False  # ready and not ended
        self._ended = False
        self._congested = False
        self._dropped_audio = 0
        self._fragments = bytearray()
        self._unknown: set[str] = set()
        self._wire = Wire("pcmu")
        self._caller_to_model: CallerToModel | None = None
        self._model_to_caller: ModelToCaller | None = None
        self._dialling = asyncio.get_running_loop().create_task(self._dial())

    # The session as the call sees it

    def send(self, command: Command) -> None:
        """Put a command on the wire before returning. Nothing is sent unless the session is ready."""
        if not self._open:
            return
        if self._congested and isinstance(command, AppendAudio):
            self._dropped_audio += 1
            return
        try:
            if self._caller_to_model is not None and isinstance(command, AppendAudio):
                command = AppendAudio(self._caller_to_model.convert(command.audio))
            self._write(self._wire.encode(command))
        except WireError as error:
            logger.warning("dropped a command for the engine", extra={"problem": str(error)})

    def update(self, agent: Agent, prompt: str, tools: tuple[ToolSpec, ...]) -> None:
        """Go on as another agent, from the next response on; voice, model and audio stay. Nothing, unless it is ready.

        A server that refuses it is told of as SessionErrored, and the session goes on as it was.
        """
        if not self._open:
            return
        servers, dialogue = self._engine.servers(agent), self._engine.target.takes_dialogue
        session = change_of_agent(self._agent, agent, prompt, tools, servers=servers, dialogue=dialogue)
        self._agent = agent
        self._write(configuration(session, UPDATE))

    def close(self) -> None:
        """End the session. No event comes after this."""
        self._ended, self._open = True, False
        self._dialling.cancel()
        self._hang_up()

    # Dialling

    async def _dial(self) -> None:
        engine = self._engine
        try:
            async with asyncio.timeout(engine.dial_timeout_s):
                await picows.ws_connect(
                    lambda *_: self,
                    engine.target.url(self._agent.model),
                    ssl_context=engine.ssl_context,
                    websocket_handshake_timeout=engine.dial_timeout_s,
                    enable_auto_ping=True,
                    max_frame_size=_MAX_MESSAGE,
                    extra_headers=engine.target.headers,
                    max_redirects=0,  # the key is for this host
                )
                if self._transport is None:  # how picows tells of it
                    raise ConnectionError("closed during the handshake")
                await self._ready.wait()
        except TimeoutError:
            self._end(Problem("connect_failed", f"no session within {engine.dial_timeout_s:g} s"))
        except picows.WSHandshakeError as error:
            self._end(_handshake_problem(error))
        except Exception as error:  # whatever it was, the call must hear of it
            self._end(Problem("connect_failed", f"{type(error).__name__}: {error}"))

    def _configure(self, audio_format: AudioFormat) -> None:
        self._audio_format = audio_format
        self._wire = Wire(audio_format)
        self._caller_to_model = CallerToModel() if audio_format == "pcm" else None
        self._model_to_caller = ModelToCaller() if audio_format == "pcm" else None
        self._write(configuration(self._wanted(audio_format)))

    def _wanted(self, audio_format: AudioFormat) -> dict[str, object]:
        dialogue = self._engine.target.takes_dialogue
        return session_update(
            self._agent, self._prompt, self._tools, audio_format, servers=self._servers, dialogue=dialogue
        )

    def _set_up(self, event: object) -> None:
        """What happens before the session is ready."""
        match event:
            case SessionCreated(session_id) if self._audio_format is None:
                logger.debug("the engine has a session", extra={"session_id": session_id})
                self._session_id = session_id or ""
                self._configure(self._engine.audio_format)
            case SessionUpdated(config) if self._audio_format is not None:
                if problem := confirm(config, self._wanted(self._audio_format)):
                    self._end(problem)
                else:
                    self._open = True
                    self._ready.set()
                    self._receive(SessionReady(self._session_id))
            case SessionErrored(problem) if (
                self._audio_format == "pcmu" and refuses_format(problem) and self._engine.fall_back_to_pcm()
            ):
                logger.info("the engine refused G.711, falling back to PCM")
                self._configure("pcm")
            case SessionErrored(problem) if self._audio_format is None or reaction_to(problem) != Reaction.IGNORE:
                self._end(problem)
            case SessionErrored(Problem(code, message, param)):
                self._end(Problem("session_update_refused", f"{code}: {message}", param))

    # The socket

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(_MAX_UNSENT)
        if self._ended:
            self._hang_up()

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if self._ended:
            return
        kind = frame.msg_type  # picows makes it anew each time
        if kind is picows.WSMsgType.TEXT and frame.fin:
            self._read(frame.get_payload_as_bytes())
        elif kind in (picows.WSMsgType.TEXT, picows.WSMsgType.CONTINUATION):
            self._read_fragment(frame)
        elif kind is picows.WSMsgType.CLOSE:
            self._hang_up()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._end(_close_problem(transport))

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        if self._dropped_audio:
            logger.warning("the engine did not read, audio was dropped", extra={"frames": self._dropped_audio})
            self._dropped_audio = 0

    def _read_fragment(self, frame: picows.WSFrame) -> None:
        self._fragments += frame.get_payload_as_memoryview()
        if len(self._fragments) > _MAX_MESSAGE:
            self._end(Problem("close:1009", "a message in fragments is too big"))
        elif frame.fin:
            message, self._fragments = bytes(self._fragments), bytearray()
            self._read(message)

    def _read(self, message: bytes) -> None:
        try:
            for event in self._wire.parse(message):
                if isinstance(event, UnknownMessage):
                    self._note_unknown(event.type)
                elif isinstance(event, TranscriptionFailed):
                    logger.warning("the caller's words were not transcribed", extra={"code": event.problem.code})
                elif isinstance(event, ToolsNotListed):
                    logger.warning("an MCP server's tools could not be listed", extra={"server": event.server})
                elif not self._ready.is_set():
                    self._set_up(event)
                elif isinstance(event, SessionCreated | SessionUpdated):
                    pass  # said a second time, or the answer to nothing of ours
                elif self._model_to_caller is None:
                    self._tell(event)
                else:
                    for converted in self._model_to_caller.convert(event):
                        self._tell(converted)
        except WireError as error:
            logger.warning("dropped a message of the engine", extra={"problem": str(error)})

    def _tell(self, event: Event) -> None:
        if not self._ended:  # what one event of a message causes may be the end
            self._receive(event)

    def _note_unknown(self, type_: str) -> None:
        if type_ not in self._unknown and len(self._unknown) < 100:
            self._unknown.add(type_)
            logger.debug("the engine sends a message of unknown type", extra={"type": type_[:80]})

    def _write(self, message: bytes) -> None:
        if message and self._transport is not None:
            self._transport.send(picows.WSMsgType.TEXT, message)

    def _end(self, problem: Problem) -> None:
        if not self._ended:
            self._ended, self._open = True, False
            self._dialling.cancel()
            self._hang_up()
            self._receive(SessionEnded(problem))

    def _hang_up(self) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        transport.send_close(picows.WSCloseCode.OK)
        transport.disconnect()
        # A peer that doesn't read would keep the socket open for what is still to be written.
        asyncio.get_running_loop().call_later(_CLOSE_WITHIN_S, transport.underlying_transport.abort)


def _handshake_problem(error: picows.WSHandshakeError) -> Problem:
    if error.response is None:
        return Problem("connect_failed", str(error))
    status = int(error.response.status)
    said = Problem("unknown")
    try:
        body = orjson.loads(error.raw_body or b"")
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            said = problem_from(body["error"])
    except orjson.JSONDecodeError:
        pass  # a proxy's page; the status says enough
    if reaction_to(said) is not Reaction.IGNORE:
        return said
    return Problem(_HTTP_PROBLEMS.get(status, "connect_failed"), said.message or f"HTTP status {status}")


def _close_problem(transport: picows.WSTransport) -> Problem:
    handshake = transport.close_handshake
    if handshake is None or handshake.recv is None:
        unanswered = handshake.sent.reason if handshake and handshake.sent else ""
        return Problem("close:1006", unanswered or "the connection was lost")
    code: Any = handshake.recv.code  # a plain number for codes that picows has no name for
    return Problem(f"close:{int(code) or 1005}", handshake.recv.reason or "")
