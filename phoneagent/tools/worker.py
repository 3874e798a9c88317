"""A process in which tools run, one after the other: what crosses to it and back, and what it does.

Messages are pickled values with their length in front. What comes back is small, whatever the tool did.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import resource
import socket
import struct
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BufferedRWPair
from pathlib import Path
from typing import Any, Literal

from phoneagent.tools import output
from phoneagent.tools.function import Call, LocalTool, ToolError
from phoneagent.tools.runnable import BadArgumentsError

HEADER = struct.Struct(">I")
MAX_NOTES_BYTES = 64 * 1024

_PICKLING_ERRORS = (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a tool; `call` without its control."""

    name: str
    arguments: str = field(repr=False)
    call: Call


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a job.

    `text` is the output of a `result`, the message of `bad_arguments` and `refused`, the exception's type if the tool
    `failed`, `where` it did. `ran` is False if certainly nothing was done. `notes` are those of the call that have
    changed, each pickled; `dropped` are gone. `spent`: the worker ends now.
    """

    kind: Literal["result", "bad_arguments", "refused", "failed"]
    text: str = field(repr=False)
    where: str = ""
    ran: bool = True
    notes: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    dropped: tuple[str, ...] = ()
    spent: bool = False


def packed(message: object) -> bytes:
    """A message as it is sent."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(data)) + data


def work(connection: socket.socket, tools: Mapping[str, LocalTool], memory_mb: int) -> None:
    """Say the own process id, then run what is asked for until the other side is gone or this process is spent."""
    _limit(memory_mb)
    with connection.makefile("rwb") as stream, asyncio.Runner() as runner:
        _send(stream, os.getpid())
        while header := stream.read(HEADER.size):
            job = pickle.loads(stream.read(*HEADER.unpack(header)))  # noqa: S301 -- from our own parent
            reply = _run(tools[job.name], job, runner)
            _send(stream, reply)
            if reply.spent:
                return


def _send(stream: BufferedRWPair, message: object) -> None:
    stream.write(packed(message))
    stream.flush()


def _limit(memory_mb: int) -> None:
    """Bound what this process takes from now on, and let the kernel choose it before others when memory is short.

    The bound is of memory that it may write to: addresses that are merely reserved, by threads for example, are free.
    """
    with suppress(OSError, ValueError):  # only Linux knows all of this
        in_use = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        most = in_use + memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        Path("/proc/self/oom_score_adj").write_text("1000")


def _run(tool: LocalTool, job: Job, runner: asyncio.Runner) -> Reply:
    before = _pickled(job.call.notes)
    reply = _result(tool, job, runner)
    try:
        after = _pickled(job.call.notes)
    except (*_PICKLING_ERRORS, MemoryError) as error:
        return Reply("failed", f"{type(error).__name__}: notes must be values that can be pickled", reply.where)
    changed = {name: value for name, value in after.items() if value != before.get(name)}
    if sum(map(len, changed.values())) > MAX_NOTES_BYTES:
        return Reply("failed", f"notes of more than {MAX_NOTES_BYTES} bytes", reply.where)
    dropped = tuple(before.keys() - after.keys())
    return replace(reply, notes=changed, dropped=dropped)


def _result(tool: LocalTool, job: Job, runner: asyncio.Runner) -> Reply:
    try:
        result = tool.call(job.arguments, job.call)
        if inspect.iscoroutine(result):
            result = runner.run(result)
        return Reply("result", output.of_result(result))
    except BadArgumentsError as error:
        return Reply("bad_arguments", str(error), ran=False)
    except ToolError as error:
        return Reply("refused", str(error)[: output.MAX_OUTPUT_BYTES], ran=error.ran)
    except BaseException as error:  # sys.exit() too: a worker serves others after this
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        # What filled the memory may still be held by the module.
        return Reply("failed", type(error).__name__, where, spent=isinstance(error, MemoryError))


def _pickled(notes: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: pickle.dumps(value, pickle.HIGHEST_PROTOCOL) for name, value in notes.items()}
