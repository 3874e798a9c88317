"""How an MCP server is reached: a program's pipes, or HTTP."""

from __future__ import annotations

import asyncio
import math
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from phoneagent.tools.addresses import Resolve, guard

_MOST_BYTES = 1024 * 1024  # of an answer that is not a stream; the package bounds the events of those that are
_LAST_WORDS_BYTES = 2000


@asynccontextmanager
async def program(
    command: Sequence[str], env: Mapping[str, str], on_end: Callable[[], None]
) -> AsyncIterator[TransportStreams]:
    """The messages of a program that is started for it and ended with it. Calls `on_end` when it says no more.

    It gets the variables in `env` and what the package mcp lets every program have: PATH, HOME, USER, SHELL and such,
    none of the service's own. What it writes to stderr is dropped, but for a last line as a note on an exception.
    """
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(env))
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as readable, os.fdopen(write_end, "w") as writable:
        pipe, last_words = await asyncio.get_running_loop().connect_read_pipe(_LastWords, readable)
        try:
            async with stdio_client(parameters, errlog=writable) as streams, _noticing(streams, on_end) as noticed:
                yield noticed
        except (FileNotFoundError, PermissionError) as error:
            error.add_note(command[0])  # uvloop does not say
            raise
        except Exception as error:
            if line := last_words.line:
                error.add_note(line)
            raise
        finally:
            pipe.close()


@asynccontextmanager
async def _noticing(streams: TransportStreams, on_end: Callable[[], None]) -> AsyncIterator[TransportStreams]:
    """The streams of a transport, where the end of the messages is noticed though nobody waits for one."""
    messages, write = streams
    send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)

    async def forward() -> None:
        async with send:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the session has ended first
                async for message in messages:
                    await send.send(message)
        on_end()

    async with anyio.create_task_group() as group:
        group.start_soon(forward)
        try:
            yield receive, write
        finally:
            group.cancel_scope.cancel()


class _LastWords(asyncio.Protocol):
    """The end of what a program writes to stderr, where it says why it can't start."""

    def __init__(self) -> None:
        self._kept = b""

    def data_received(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-_LAST_WORDS_BYTES:]

    @property
    def line(self) -> str:
        lines = self._kept.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


@asynccontextmanager
async def remote(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    ssl_context: ssl.SSLContext,
    resolve: Resolve | None,
) -> AsyncIterator[TransportStreams]:
    """The messages of a server at a URL. `resolve` None: its address may be any, else it must be public."""
    transport = _BoundedTransport(verify=ssl_context, trust_env=False)
    if resolve is not None:
        guard(transport, resolve)
    client = httpx2.AsyncClient(
        transport=transport,
        trust_env=False,
        headers={**headers, "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(timeout_s, read=None),  # a call is bounded by its caller
    )
    # Without the farewell to the server, which could take as long as it likes.
    async with client, streamable_http_client(url, http_client=client, terminate_on_close=False) as streams:
        yield streams


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Refuses answers that are too long or might become so."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.RemoteProtocolError("it compresses its answers, unasked")
        is_stream = response.headers.get("Content-Type", "").startswith("text/event-stream")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, math.inf if is_stream else _MOST_BYTES)
        return response


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: float) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for part in self._stream:
            left -= len(part)
            if left < 0:
                raise httpx2.StreamError("the answer is too long")
            yield part
            await asyncio.sleep(0)  # what was received at once can be thousands of parts, and calls are going on

    async def aclose(self) -> None:
        await self._stream.aclose()
