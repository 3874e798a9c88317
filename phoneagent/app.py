"""Builds the service: every object is made here, and given just what it needs."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from phoneagent import prices
from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.answer import Switchboard
from phoneagent.calls.live import Feed
from phoneagent.calls.music import music_or_built_in
from phoneagent.calls.outbound import Dialer
from phoneagent.calls.recording import Recorder
from phoneagent.calls.spending import Purse
from phoneagent.calls.transfers import Escorts
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem
from phoneagent.core.spending import Ledger
from phoneagent.engines.realtime import targets
from phoneagent.engines.realtime.session import RealtimeEngine
from phoneagent.settings import Settings, SettingsError
from phoneagent.store import Store, StoreError, open_store
from phoneagent.tools import Toolbox, Workers, WorkersError, load_tools
from phoneagent.tools.http import HttpTools
from phoneagent.tools.http_request import problems as http_problems
from phoneagent.tools.mcp import McpServers
from phoneagent.tools.mcp import problems as mcp_problems
from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.rest import TwilioApi
from phoneagent.web.api import create_api
from phoneagent.web.app import create_app
from phoneagent.web.drain import Drain
from phoneagent.web.guard import guard_for
from phoneagent.web.server import DrainServer, create_server

if TYPE_CHECKING:
    from phoneagent.local.config import EngineConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of the settings' folder, their tools, and what is wrong with the tools' files.

    `mcp` are the servers of tools that the agents name; they are not asked before `get_ready` is.
    """

    directory: AgentDirectory
    toolbox: Toolbox
    mcp: McpServers
    problems: tuple[FileProblem, ...]
    _reloaded: asyncio.Event

    async def get_ready(self) -> None:
        """Have at hand what no call is to wait for: the tools of MCP servers, and hold music."""
        agents = tuple(self.directory.agents.values())
        await self.mcp.refresh(agents)
        for path in {agent.hold_music for agent in agents}:
            await asyncio.to_thread(music_or_built_in, path)

    async def keep_ready(self) -> None:
        """Do so whenever agent files were read again. Never ends."""
        while True:
            await self._reloaded.wait()
            self._reloaded.clear()
            await self.get_ready()


@dataclass(frozen=True, slots=True)
class Service:
    """The service while it runs. `url` is where it listens; `done` ends when it has."""

    url: str
    feed: Feed
    agents: Agents
    switchboard: Switchboard
    server: DrainServer
    done: asyncio.Task[None]


def read_agents(settings: Settings) -> Agents:
    """Read the agent files, and the tools beside their folder."""
    secrets = dict(settings.tool_secrets)
    folder = settings.agents.absolute().parent / "tools"
    tools, problems = load_tools(folder)
    workers = Workers(folder, tools, count=settings.tool_workers, memory_mb=settings.tool_memory_mb)
    tls = ssl.create_default_context()  # one: reading all the authorities takes its time
    mcp = McpServers(secrets, ssl_context=tls)
    toolbox = Toolbox(workers.tools, workers=workers, http=HttpTools(secrets, ssl_context=tls), mcp=mcp)
    reloaded = asyncio.Event()
    directory = AgentDirectory(
        settings.agents,
        region=settings.region,
        tools=toolbox.names,
        secrets=secrets.keys(),
        check=_tool_problems,
        on_reload=reloaded.set,
    )
    return Agents(directory, toolbox, mcp, problems, reloaded)


def _tool_problems(agent: Agent) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the tools that an agent file declares, beyond their form."""
    for name, declared in agent.http_tools.items():
        path = ("tools", name, "http")
        yield from ((path, problem) for problem in http_problems(declared))
    for name, server in agent.mcp.items():
        yield from ((("mcp", name), problem) for problem in mcp_problems(server))


def twilio_api(settings: Settings) -> TwilioApi | None:
    """Twilio's REST API, if there are credentials for it."""
    username = settings.twilio_api_key or settings.twilio_account_sid
    password = settings.twilio_api_secret or settings.twilio_auth_token
    if not settings.twilio_account_sid or not username or not password:
        return None
    return TwilioApi(settings.twilio_account_sid, username, password, base_url=settings.twilio_api_url)


async def open_records(settings: Settings) -> Store:
    """What the service keeps. Raises SettingsError."""
    try:
        return await open_store(settings.database_url or f"sqlite:///{settings.data.absolute() / 'phoneagent.db'}")
    except StoreError as error:
        variable = "PHONEAGENT_DATABASE_URL" if settings.database_url else "PHONEAGENT_DATA"
        raise SettingsError([f"{variable}: {error}"]) from None


@asynccontextmanager
async def running(settings: Settings, *, signals: bool = False) -> AsyncIterator[Service]:
    """The service, listening. `signals`: whether a first SIGTERM or SIGINT lets it wait for its calls.

    Raises SettingsError for what is found to be wrong only when it is used.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        url = f"http://{_bracketed(settings.host)}:{listener.getsockname()[1]}"
        if not settings.agents.is_dir():
            raise SettingsError([f"PHONEAGENT_AGENTS: there is no folder {settings.agents.absolute()}"])
        agents = read_agents(settings)
        price_list = prices.load(settings.prices)
        store = await open_records(settings)
        stack.push_async_callback(store.close)
        recorder = Recorder(settings.data.absolute() / "recordings", settings.recording_format)
        stack.push_async_callback(recorder.close)
        stack.push_async_callback(agents.toolbox.close)
        try:
            await agents.toolbox.start()
        except WorkersError as error:
            raise SettingsError([str(error)]) from None
        getting_ready = asyncio.create_task(agents.get_ready())
        stack.callback(getting_ready.cancel)
        engine = await open_engine(settings, stack)
        await getting_ready
        tokens = [token for token in (settings.twilio_auth_token, settings.twilio_auth_token_next) if token]
        if tokens and not settings.public_url:
            log.warning("PHONEAGENT_PUBLIC_URL is not set: Twilio's requests will not be recognized as its own")
        public_url = settings.public_url or url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # no address to dial
        guard, drain = guard_for(public_url, tokens), Drain()
        feed = Feed()
        purse = Purse(Ledger(), settings.day_usd)
        escorts = dialer = None
        if (twilio := twilio_api(settings)) is not None:
            stack.callback(twilio.close)
            escorts = Escorts(twilio, Addresses(public_url))
            dialer = Dialer(
                twilio,
                store.dials,
                agents.directory,
                public_url,
                purse=purse,
                region=settings.region,
                calls_per_second=settings.calls_per_second,
                resting=lambda: drain.begun,
            )
        switchboard = Switchboard(
            agents.directory,
            engine,
            agents.toolbox,
            feed,
            price_list if tokens else price_list.without_telephone(),
            max_calls=settings.max_calls,
            purse=purse,
            clock=lambda: datetime.now(UTC),
            region=settings.region,
            escorts=escorts,
            messages=store.messages,
            dials=dialer,
            recorder=recorder,
        )
        if dialer is not None:  # before the first callback can come, and until after the last
            stack.push_async_callback(dialer.close)
            await dialer.start(switchboard)
        app = create_app(switchboard, public_url, guard, drain, api=create_api(dialer, store.keys, drain))
        server = create_server(
            app,
            switchboard,
            guard,
            drain,
            host=settings.host,
            port=settings.port,
            drain_s=settings.drain_s,
            signals=signals,
        )
        for work in (agents.directory.watch(), agents.keep_ready()):
            stack.callback(asyncio.create_task(work).cancel)
        recorder.start()
        for problem in agents.problems:
            log.error("a tool file has a problem", extra={"problem": str(problem)})
        switchboard.warn_of_useless_tools()
        if not agents.directory.agents:
            log.warning("no agent can answer a call", extra={"folder": str(settings.agents.absolute())})
        done = asyncio.create_task(server.serve(sockets=[listener]))
        stack.push_async_callback(_stop, server, done)
        await asyncio.wait({done, asyncio.ensure_future(server.listening.wait())}, return_when=asyncio.FIRST_COMPLETED)
        log.info("listening", extra={"url": url, "public_url": public_url, "engine": engine.name})
        yield Service(url, feed, agents, switchboard, server, done)


async def serve(settings: Settings) -> None:
    """Run the service until it is told to stop, and its calls are over."""
    async with running(settings, signals=True) as service:
        # What is loaded by now stays. Without this a full garbage collection looks through all of it, and every call
        # stands still meanwhile, for about 60 ms.
        gc.collect()
        gc.freeze()
        await service.done


async def run_engine(settings: Settings, host: str, port: int) -> None:
    """Run the embedded engine alone until it is told to stop."""
    from phoneagent.local.server import serve as serve_engine

    try:
        engine = await serve_engine(engine_config(settings), host=host, port=port)
    except OSError as error:
        raise SettingsError([_not_listening(error, "--host", "--port", host, port)]) from None
    log.info("listening", extra={"url": f"http://{_bracketed(host)}:{engine.port}/v1"})
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await engine.close()


async def open_engine(settings: Settings, stack: AsyncExitStack) -> RealtimeEngine:
    """What holds the conversations; an embedded engine is started, and ends with `stack`. Raises SettingsError."""
    audio_format = settings.realtime_format
    match settings.engine:
        case "openai":
            target = targets.openai(settings.openai_api_key, settings.openai_base_url, audio_format)
        case "azure":
            assert settings.azure_openai_endpoint
            assert settings.azure_openai_api_key
            target = targets.azure(settings.azure_openai_endpoint, settings.azure_openai_api_key, audio_format)
        case "local":
            target = targets.local(await _start_engine(settings, stack))
    return RealtimeEngine(target, secrets=dict(settings.tool_secrets))


async def _start_engine(settings: Settings, stack: AsyncExitStack) -> str:
    from phoneagent.local.process import EngineError, EngineProcess

    process = EngineProcess(engine_config(settings), log=settings.log, log_level=settings.log_level)
    try:
        url = await process.start()
    except EngineError as error:
        raise SettingsError(
            [f"PHONEAGENT_ENGINE=local: {error} (is phoneagent installed with its extra [local]?)"]
        ) from None
    stack.push_async_callback(process.stop)
    return url


def engine_config(settings: Settings) -> EngineConfig:
    """How the embedded engine is to hear, think and speak."""
    from phoneagent.local.config import EngineConfig, Server

    def server(url: str | None, model: str | None, api_key: str | None) -> Server | None:
        return Server(url, model, api_key) if url and model else None

    return EngineConfig(
        ears=server(settings.stt_url, settings.stt_model, settings.stt_api_key),
        brain=server(settings.llm_url, settings.llm_model, settings.llm_api_key),
        mouth=server(settings.tts_url, settings.tts_model, settings.tts_api_key),
        voice=settings.tts_voice,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Raises SettingsError if it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # only now is the port taken, and the engine's start is still to come
    except OSError as error:
        listener.close()
        raise SettingsError([_not_listening(error, "PHONEAGENT_HOST", "PHONEAGENT_PORT", host, port)]) from None
    return listener


def _not_listening(error: OSError, host_from: str, port_from: str, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{port_from}: {host} port {port} is in use by another program"
        case errno.EACCES:
            return f"{port_from}: port {port} is for root only"
        case _:  # what the error says may be a sentence of asyncio's around what the system says
            reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            return f"{host_from}: {host} is no address of this machine to listen on: {reason}"


async def _stop(server: DrainServer, done: asyncio.Task[None]) -> None:
    server.should_exit = True
    await done
