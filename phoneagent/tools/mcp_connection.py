"""One connection with an MCP server, kept up for as long as an agent wants its tools."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client._transport import TransportStreams
from mcp_types import CONNECTION_CLOSED, INVALID_REQUEST, REQUEST_TIMEOUT, CallToolResult, Tool
from pydantic_core import to_json

from phoneagent.tools import tool_secrets
from phoneagent.tools.addresses import ForbiddenAddressError
from phoneagent.tools.function import ToolError
from phoneagent.tools.json_schema import Arguments

logger = logging.getLogger(__name__)

_MOST_PAGES = 20
_LONGEST_DESCRIPTION = 2000
_LONGEST_SCHEMA = 32 * 1024
_LONGEST_PROBLEM = 500

Dial = Callable[[Callable[[], None]], AbstractAsyncContextManager[TransportStreams]]
"""Opens the way to a server. The argument is to be called when the server says no more."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool of a server. `arguments` is None for a schema that only the server understands."""

    name: str
    description: str
    schema: dict[str, Any] = field(repr=False)
    arguments: Arguments | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take: to be ready, and for a call. `pauses_s` are those between attempts to connect, of
    which the last goes on."""

    connect_s: float = 15.0  # of which the package mcp gives 10 to servers that don't know how it asks first
    call_s: float = 60.0
    pauses_s: Sequence[float] = (1, 2, 5, 10, 30, 60)


class Connection:
    """A server and its tools. It begins, lives and ends in one task, as the scopes of the package mcp demand.

    `offered` are the tools as they were last listed. `secrets` is what the server is given: it is in no error and no
    log, though the server may send it back.
    """

    def __init__(self, name: str, dial: Dial, patience: Patience, secrets: Sequence[str] = ()) -> None:
        self.offered: tuple[Offered, ...] = ()
        self.secrets = secrets
        self._problem: str | None = "is being connected"
        self._name = name
        self._dial = dial
        self._patience = patience
        self._client: Client | None = None
        self._closing = False
        self._settled = asyncio.Event()
        self._lost = asyncio.Event()
        self._owner = asyncio.create_task(self._keep_up(), name=f"mcp {name}")

    @property
    def problem(self) -> str | None:
        """Why it can't be used at present, None if it can."""
        return self._problem or (None if self._client else "has ended")

    async def settled(self) -> None:
        """Waits for the end of the first attempt, good or bad."""
        await self._settled.wait()

    async def close(self) -> None:
        """Ends the connection, and the program if there is one. Calls that are under way fail."""
        self._client, self._closing = None, True
        self._owner.cancel()
        await asyncio.wait({self._owner})

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """What the server answers. Raises ToolError: without waiting while there is no connection."""
        if (client := self._client) is None:
            raise _unavailable()
        try:
            return await client.call_tool(tool, arguments, read_timeout_seconds=self._patience.call_s)
        except MCPError as error:
            ended = error.code == CONNECTION_CLOSED
            restarted = (error.code, error.message) == (INVALID_REQUEST, "Session terminated")
            if (ended or restarted) and self._client is client:
                self._lose()
            if restarted:
                raise _unavailable() from None
            if ended:
                raise ToolError("The tool broke off. It may have done its work.", ran=True) from None
            if error.code == REQUEST_TIMEOUT:
                raise ToolError("The tool took too long. It may have done its work.", ran=True) from None
            message = tool_secrets.hidden(error.message, self.secrets)
            raise ToolError(f"The tool failed: {message[:300]}", ran=True) from None

    def _lose(self) -> None:
        self._client = None
        self._lost.set()

    async def _keep_up(self) -> None:
        attempts, pauses_s = 0, self._patience.pauses_s
        while True:
            began = time.monotonic()
            try:
                await self._live()
                problem = "has ended"
            except Exception as error:
                problem = tool_secrets.hidden(_reason(error), self.secrets)[:_LONGEST_PROBLEM]
            self._client = None
            if problem != self._problem:  # each failure is logged once, not each attempt
                logger.warning("mcp server is not available", extra={"server": self._name, "problem": problem})
            self._problem = problem
            self._settled.set()
            if self._closing:  # a failure may have swallowed the cancellation
                return
            if time.monotonic() - began > pauses_s[-1]:  # it was well: not one that ends as soon as it has begun
                attempts = 0
            await asyncio.sleep(pauses_s[min(attempts, len(pauses_s) - 1)])
            attempts += 1

    async def _live(self) -> None:
        """Connects, and stays until the connection is lost."""
        self._lost.clear()
        client = Client(self._dial(self._lose), cache=None)
        async with asyncio.timeout(self._patience.connect_s) as patience, client:
            self.offered = tuple(await _listed(client))
            patience.reschedule(None)
            self._client, self._problem = client, None
            self._settled.set()
            logger.info("mcp server is connected", extra={"server": self._name, "tools": len(self.offered)})
            await self._lost.wait()


def _unavailable() -> ToolError:
    return ToolError("The tool is not available at the moment.")


async def _listed(client: Client) -> list[Offered]:
    tools: list[Tool] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    offered = []
    for tool in tools:
        if len(to_json(tool.input_schema)) > _LONGEST_SCHEMA:
            logger.warning("a tool of an mcp server is left out, its schema is too long", extra={"tool": tool.name})
        else:  # a schema takes some milliseconds, and calls may be going on
            offered.append(await asyncio.to_thread(_offered, tool))
    return offered


def _offered(tool: Tool) -> Offered:
    schema = {"properties": {}, **tool.input_schema, "type": "object"}
    try:
        arguments = Arguments(schema)
    except ValueError:
        arguments = None
    return Offered(tool.name, (tool.description or tool.title or tool.name)[:_LONGEST_DESCRIPTION], schema, arguments)


def _reason(error: BaseException) -> str:
    """Why a server can't be used, for somebody who can change it."""
    notes = [note for cause in _causes(error) for note in getattr(cause, "__notes__", ())]
    last_words = f": {notes[0]}" if notes else ""
    match next(cause for cause in _causes(error) if not isinstance(cause, BaseExceptionGroup)):
        case TimeoutError():
            return f"was not ready in time{last_words}"
        case ForbiddenAddressError():
            return "is not on the public internet, and allow_private is not set"
        case httpx2.ConnectError() as cause:
            return f"can't be reached: {cause}"
        case MCPError(code=code) as cause if code != CONNECTION_CLOSED:
            return f"refuses the connection: {cause.message}{last_words}"
        case MCPError():
            return f"broke off{last_words}"
        case FileNotFoundError() | PermissionError() as cause:
            return f"can't be started: {cause.strerror}{last_words}"
        case cause:
            return f"failed ({type(cause).__name__}){last_words}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _causes(part)
