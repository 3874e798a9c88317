"""The processes in which Python tools run, so that one that blocks, spins or fills the memory harms no call."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from phoneagent.core.agents import ToolSpec
from phoneagent.tools.function import Call, LocalTool, ToolError
from phoneagent.tools.runnable import BadArgumentsError, BusyError, FailedError, Output
from phoneagent.tools.worker import HEADER, REPLY, Job, Reply, framed

# pebble's pool was tried. It asks a worker to end and then waits 3 s, one worker after the other, if it is in a loop
# in C: a limit of 0.5 s took 3.6, 6.7 and 9.7 s for three tools at once. Nor does it end with a service that is killed.

log = logging.getLogger(__name__)

_LOAD_S = 60.0  # the files of the tools may import a lot
_FORK_S = 5.0
_STOP_S = 5.0
_MOST_BYTES = 1024 * 1024  # of a reply; a worker sends far less

# With the path of this process, so that both find the same modules.
_START = (
    "import json, sys; path, folder, memory_mb = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from phoneagent.tools.zygote import main; main(folder, memory_mb)"
)


class WorkersError(Exception):
    """The processes for tools can't be started; their own words are in the log."""


@dataclass(frozen=True, slots=True)
class WorkerTool:
    """A tool that runs in one of the workers."""

    spec: ToolSpec
    workers: Workers

    async def run(self, arguments: str, call: Call) -> Output:
        """See Runnable."""
        return await self.workers.run(self.spec.name, arguments, call)


class Workers:
    """Runs the tools of a folder (and those installed), `count` at a time, each with `memory_mb` of memory of its own.

    A tool that is cancelled, also because its time is up, is killed with its process and all that it has started. A
    process serves many runs, so that connections may be kept in its modules; but which one a run gets is chance. One
    tool never takes all of several workers: if it hangs, the others still run. A run waits `wait_s` for a free worker,
    and no more than `most_waiting` wait. `tools` is what `load_tools` finds in the folder.
    """

    def __init__(
        self,
        folder: Path,
        tools: Mapping[str, LocalTool],
        *,
        count: int = 4,
        memory_mb: int = 512,
        wait_s: float = 3.0,
        most_waiting: int = 256,
    ) -> None:
        self.tools: Mapping[str, WorkerTool] = {name: WorkerTool(tool.spec, self) for name, tool in tools.items()}
        self._arguments = json.dumps([sys.path, str(folder.absolute()), memory_mb])
        self._slots = asyncio.Semaphore(count)
        self._slots_of_tool: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(max(1, count - 1)))
        self._wait_s = wait_s
        self._most_waiting = most_waiting
        self._waiting = 0
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._zygote: _Zygote | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Have everything ready for the first tool. Raises WorkersError."""
        if self.tools:
            self._idle.append(await self._fork())

    async def run(self, name: str, arguments: str, call: Call) -> Output:
        """See Runnable; what the tool changes in the call's notes is changed in them, where they stay pickled."""
        async with self._slot(name):
            job = Job(name, arguments, replace(call, control=None, notes={}), call.notes)
            reply = await self._done(pickle.dumps(job, pickle.HIGHEST_PROTOCOL))
        call.notes.update(reply.notes)
        for note in reply.dropped:
            call.notes.pop(note, None)
        match reply.kind:
            case "result":
                return Output(reply.text)
            case "bad_arguments":
                raise BadArgumentsError(reply.text)
            case "refused":
                raise ToolError(reply.text, ran=reply.ran)
            case "failed":
                raise FailedError(reply.text, reply.where)

    async def close(self) -> None:
        """End the processes, those at work too."""
        for worker in (*self._idle, *self._busy):
            worker.kill()
        self._idle.clear()
        if self._zygote is not None:
            await self._zygote.stop()
            self._zygote = None

    @asynccontextmanager
    async def _slot(self, name: str) -> AsyncIterator[None]:
        """The right to one worker. Raises BusyError."""
        if self._waiting >= self._most_waiting:
            raise BusyError
        slots = self._slots_of_tool[name], self._slots
        taken = []
        try:
            self._waiting += 1
            try:
                async with asyncio.timeout(self._wait_s):
                    for slot in slots:
                        await slot.acquire()
                        taken.append(slot)
            except TimeoutError:
                raise BusyError from None
            finally:
                self._waiting -= 1
            yield
        finally:
            for slot in taken:
                slot.release()

    async def _done(self, job: bytes) -> Reply:
        worker = await self._take()
        self._busy.add(worker)
        try:
            reply = await worker.ask(job)
        except BaseException:
            worker.kill()
            raise
        finally:
            self._busy.discard(worker)
        if reply.spent:
            worker.kill()
        else:
            self._idle.append(worker)
        return reply

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()  # the one that was used last, for its caches are warm
            if worker.alive:
                return worker
            worker.kill()
        return await self._fork()

    async def _fork(self) -> _Worker:
        async with self._starting:
            if self._zygote is None or not self._zygote.alive:
                if self._zygote is not None:
                    log.error("the process behind the tools has ended and is started again")
                    await self._zygote.stop()
                self._zygote = await _Zygote.start(self._arguments)
            zygote = self._zygote
        return await zygote.fork()


class _Zygote:
    """The process that forks the workers."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @classmethod
    async def start(cls, arguments: str) -> _Zygote:
        """Start it, and wait until it has the tools. Raises WorkersError."""
        control, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _START, arguments),
                stdin=theirs.fileno(),
                start_new_session=True,  # Ctrl-C is for the service, which ends its children itself
            )
        control.setblocking(False)
        zygote = cls(process, control)
        try:
            async with asyncio.timeout(_LOAD_S):
                ready = await asyncio.get_running_loop().sock_recv(control, 1)
        except (TimeoutError, ConnectionError):
            ready = b""
        except BaseException:
            await zygote.stop()
            raise
        if not ready:
            await zygote.stop()
            raise WorkersError("the processes for tools did not start; the reason is in the log above")
        return zygote

    @property
    def alive(self) -> bool:
        """Whether it is there. Its end of the socket says so at once, where asyncio hears of a process's end later."""
        try:
            return self._process.returncode is None and self._control.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def fork(self) -> _Worker:
        """A new worker. Raises WorkersError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._control, [b"f"], [theirs.fileno()])
            ours.setblocking(False)
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):
                raise WorkersError("no further process for tools can be started") from error
            raise
        try:
            async with asyncio.timeout(_FORK_S):
                process_id = int(await _receive(reader))
        except BaseException as error:
            writer.close()
            if isinstance(error, TimeoutError | _Ended):
                raise WorkersError("a process for tools did not start") from error
            raise
        return _Worker(process_id, reader, writer)

    async def stop(self) -> None:
        """End it and what is left of its workers."""
        self._control.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class _Worker:
    """A process that runs one tool at a time."""

    def __init__(self, process_id: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process_id = process_id
        self._reader = reader
        self._writer = writer

    @property
    def alive(self) -> bool:
        """Whether it can take a job, as far as is known."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, job: bytes) -> Reply:
        """What it answers. Raises FailedError if it ends instead."""
        self._writer.write(framed(job))
        try:
            return REPLY.validate_json(await _receive(self._reader))
        except _Ended:
            raise FailedError("its process ended", "") from None
        except ValidationError:
            raise FailedError("its process wrote something else where an answer was due", "") from None

    def kill(self) -> None:
        """End it, and whatever it has started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process_id, signal.SIGKILL)
        self._writer.close()


class _Ended(Exception):  # noqa: N818 -- no error by itself
    """The other side of a connection is gone."""


async def _receive(reader: asyncio.StreamReader) -> bytes:
    try:
        (size,) = HEADER.unpack(await reader.readexactly(HEADER.size))
        if size > _MOST_BYTES:
            raise _Ended
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        raise _Ended from None
