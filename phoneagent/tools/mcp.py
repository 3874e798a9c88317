"""Tools of MCP servers that agent files name, called by the service itself."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from phoneagent.core.agents import Agent, McpServer, ToolPolicy, ToolSpec
from phoneagent.core.secrets import filled
from phoneagent.tls import trusted
from phoneagent.tools import tool_secrets
from phoneagent.tools.addresses import Resolve
from phoneagent.tools.function import Call
from phoneagent.tools.json_schema import Arguments
from phoneagent.tools.lookup import resolve
from phoneagent.tools.runnable import Runnable

if TYPE_CHECKING:
    from phoneagent.tools.mcp_connection import Connection, Dial, Offered, Patience

_LONGEST_NAME = 64  # what the engines accept
_ANY_OBJECT = Arguments({"type": "object"})

_Key = tuple[object, ...]


log = logging.getLogger(__name__)


class McpServers:
    """The servers that the service's agents use: one connection for all that define a server in the same way.

    `secrets` are the values of `${NAME}` in `env` and `headers`. `ssl_context` and `resolve`: None for the system's.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        patience: Patience | None = None,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self._secrets = dict(secrets)
        self._patience = patience
        self._ssl_context = ssl_context or trusted()
        self._resolve = resolve
        self._agents: tuple[Agent, ...] = ()
        self._connections: dict[_Key, Connection] = {}
        self._refreshing = asyncio.Lock()

    async def refresh(self, agents: Iterable[Agent]) -> None:
        """Connect with the servers of these agents and list their tools; let go of all others.

        Returns when each new server is there or has failed for the first time; those are tried again in the
        background. Never raises for what a server does: see `problems`.
        """
        async with self._refreshing:
            self._agents = tuple(agents)
            wanted = {
                _key(server): (label, server)
                for agent in self._agents
                for label, server in _servers(agent)
                if not problems(server, self._secrets)
            }
            if wanted:
                await asyncio.to_thread(_load)
            gone = [self._connections.pop(key) for key in self._connections.keys() - wanted.keys()]
            new = {
                key: self._connection(label, server)
                for key, (label, server) in wanted.items()
                if key not in self._connections
            }
            self._connections |= new
            await asyncio.gather(
                *(connection.close() for connection in gone), *(connection.settled() for connection in new.values())
            )
            for agent in self._agents:
                for problem in self._survey(agent)[1]:
                    log.warning("mcp tool is not there", extra={"agent": agent.name, "problem": problem})

    def tools(self, agent: Agent) -> Mapping[str, Runnable]:
        """The tools that an agent may use, as they were last listed, by the names that the model knows them by."""
        return self._survey(agent)[0]

    @property
    def problems(self) -> list[str]:
        """What keeps the agents from using a server or a tool at present, for somebody who can change it."""
        found = []
        for agent in self._agents:
            wrong = [
                f"mcp.{label}: {problem}"
                for label, server in _servers(agent)
                for problem in problems(server, self._secrets)
            ]
            for label, server in _servers(agent):
                if (connection := self._connections.get(_key(server))) and connection.problem is not None:
                    wrong.append(f"mcp.{label}: {connection.problem}")
            found += [f"{agent.name}: {problem}" for problem in wrong + self._survey(agent)[1]]
        return found

    async def close(self) -> None:
        """Ends all connections, and the programs that were started."""
        await self.refresh(())

    def _survey(self, agent: Agent) -> tuple[dict[str, Runnable], list[str]]:
        """The agent's tools, and which of those that servers offer, or should offer, are not among them."""
        tools: dict[str, Runnable] = {}
        missed: list[str] = []
        for label, server in _servers(agent):
            connection = self._connections.get(_key(server))
            if connection is None:
                continue
            if connection.problem is None and (
                unknown := set(server.tools or ()) - {tool.name for tool in connection.offered}
            ):
                missed.append(f"mcp.{label}: the server has no tool {', '.join(sorted(unknown))}")
            for tool in connection.offered:
                if server.tools is not None and tool.name not in server.tools:
                    continue
                name = _model_name(label, tool.name)
                if name in tools or name in agent.tools:
                    missed.append(f"mcp.{label}: {tool.name} is left out, there is another {name}")
                else:
                    spec = ToolSpec(name, tool.description, tool.schema, ToolPolicy(confirm=server.confirm))
                    tools[name] = _McpRunnable(spec, tool, connection)
        return tools, missed

    def _connection(self, label: str, server: McpServer) -> Connection:
        from phoneagent.tools.mcp_connection import Connection, Patience

        patience = self._patience or Patience()
        return Connection(label, self._dial(server, patience.connect_s), patience, self._given(server))

    def _dial(self, server: McpServer, timeout_s: float) -> Dial:
        from phoneagent.tools import mcp_transport

        if server.command is not None:
            command, env = server.command, self._filled(server.env)
            return lambda on_end: mcp_transport.program(command, env, on_end)
        assert server.url is not None  # see `problems`
        url, headers = server.url, self._filled(server.headers)
        allowed = None if server.allow_private else self._resolve
        return lambda on_end: mcp_transport.remote(
            url, headers, timeout_s=timeout_s, ssl_context=self._ssl_context, resolve=allowed
        )

    def _given(self, server: McpServer) -> tuple[str, ...]:
        """The secrets that a server is given."""
        used = tool_secrets.named((*server.env.values(), *server.headers.values()))
        return tuple(self._secrets[secret] for secret in used)

    def _filled(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {name: filled(text, self._secrets) for name, text in texts.items()}


def problems(server: McpServer, secrets: Collection[str] | None = None) -> list[str]:
    """What is wrong with the definition of a server, a line each that begins with the field's name.

    `secrets` are the names that `${NAME}` may use; None leaves those unchecked.
    """
    found = []
    if bool(server.command) == (server.url is not None):
        found.append("command: a server has either a command or a url")
    if server.url is not None:
        url = urlsplit(server.url)
        if url.scheme not in ("https", "http") or not url.hostname or "@" in url.netloc:
            found.append("url: must be https://host/path")
        elif url.scheme == "http" and not server.allow_private:
            found.append("url: must begin with https:// (http:// needs allow_private)")
    elif server.run_by == "model":
        found.append("run_by: the model's service can only call a server that has a url")
    if secrets is not None:
        found += [f"env: {problem}" for problem in tool_secrets.unknown(server.env.values(), secrets)]
        found += [f"headers: {problem}" for problem in tool_secrets.unknown(server.headers.values(), secrets)]
    return found


@dataclass(frozen=True, slots=True)
class _McpRunnable:
    spec: ToolSpec
    tool: Offered
    connection: Connection

    async def run(self, arguments: str, call: Call) -> Any:
        """What the server answers. Arguments that only the server understands are left to it."""
        from phoneagent.tools.mcp_result import told

        given = (self.tool.arguments or _ANY_OBJECT).parse(arguments)
        return told(await self.connection.call(self.tool.name, given), self.connection.secrets)


def _load() -> None:
    """Load what talks to servers: the package mcp takes half a second, for which calls that go on must not wait."""
    from phoneagent.tools import mcp_connection, mcp_result, mcp_transport  # noqa: F401


def _servers(agent: Agent) -> Iterator[tuple[str, McpServer]]:
    for label, server in agent.mcp.items():
        if server.run_by == "service":
            yield label, server


def _key(server: McpServer) -> _Key:
    """What makes it another server. Which tools an agent may use, and how, does not."""
    return (
        server.command,
        tuple(sorted(server.env.items())),
        server.url,
        tuple(sorted(server.headers.items())),
        server.allow_private,
    )


def _model_name(label: str, tool: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{label}_{tool}")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
