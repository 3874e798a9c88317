"""Work in a child process, so that recognition and synthesis never hold up the protocol.

Parent and child exchange JSON, one message per line, on the child's standard input and output. A child ends when
its input does, so none outlives its parent. Audio is base64 in the session's own format on both ways.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import orjson

Message = dict[str, Any]

_MAX_LINE = 64 * 1024 * 1024
_STOP_S = 2.0


class WorkerError(Exception):
    """A worker process could not start, or ended by itself."""


class Worker:
    """A child process, seen from the parent. `on_message` is called with each of its messages."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        self.on_message: Callable[[Message], None] = lambda message: None
        self._process = process
        self._stdin = process.stdin
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, module: str) -> Worker:
        """Run `python -m module` and wait for its first message. Raises WorkerError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_LINE,
            start_new_session=True,  # Ctrl-C is for the parent, which ends its children itself
        )
        worker = cls(process)
        assert process.stdout is not None
        if not await process.stdout.readline():
            raise WorkerError(f"{module} could not start: its reason is above in the log")
        worker._reading = asyncio.create_task(worker._read(process.stdout))
        return worker

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and self._reading is not None and not self._reading.done()

    def send(self, message: Message) -> None:
        """Pass a message to the child, without waiting; nothing happens if it has ended."""
        if not self._stdin.is_closing():
            self._stdin.write(orjson.dumps(message) + b"\n")

    async def drain(self) -> None:
        """Wait while the child is behind."""
        try:
            await self._stdin.drain()
        except ConnectionError as error:
            raise WorkerError("a worker process has ended") from error

    async def stop(self) -> None:
        """End the child, gently and then not."""
        self._stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        while line := await stdout.readline():
            self.on_message(orjson.loads(line))


class Parent:
    """The parent process, seen from the child."""

    def __init__(self) -> None:
        # Libraries in C print to file descriptor 1; the messages get one of their own.
        self._messages: BinaryIO = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)

    def send(self, message: Message) -> None:
        """Pass a message to the parent; nothing happens if it has gone."""
        try:
            self._messages.write(orjson.dumps(message) + b"\n")
        except BrokenPipeError:
            os._exit(0)

    def messages(self) -> Iterator[Message]:
        """The parent's messages, until it goes."""
        while line := sys.stdin.buffer.readline():
            yield orjson.loads(line)
