"""A process in which tools run, one after the other: what crosses to it and back, and what it does.

Messages have their length in front. A job is pickled. What comes back is JSON, and small, whatever the tool did, and
nothing of a tool's is unpickled in the service, where that could run anything, and hold up every call.
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

from pydantic import ConfigDict, TypeAdapter

from phoneagent.tools import output
from phoneagent.tools.function import Call, LocalTool, ToolError
from phoneagent.tools.runnable import BadArgumentsError, FailedError

HEADER = struct.Struct(">I")
MAX_NOTES_BYTES = 64 * 1024

_PICKLING_ERRORS = (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a tool; `call` without its control and its notes, which are here, each pickled."""

    name: str
    arguments: str = field(repr=False)
    call: Call
    notes: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a job.

    `text` is the output of a `result`, the message of `bad_arguments` and `refused`, the exception's type if the tool
    `failed`, `where` it did. `ran` is False if certainly nothing was done. `notes` are those of the call that have
    changed, each pickled; `dropped` are gone. `spent`: the worker ends now.
    """

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    kind: Literal["result", "bad_arguments", "refused", "failed"]
    text: str = field(repr=False)
    where: str = ""
    ran: bool = True
    notes: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    dropped: tuple[str, ...] = ()
    spent: bool = False


REPLY = TypeAdapter(Reply)


def framed(message: bytes) -> bytes:
    """A message as it is sent."""
    return HEADER.pack(len(message)) + message


def work(connection: socket.socket, tools: Mapping[str, LocalTool], memory_mb: int) -> None:
    """Say the own process id, then run what is asked for until the other side is gone or this process is spent."""
    _limit(memory_mb)
    process_id = os.getpid()
    with connection.makefile("rwb") as stream, asyncio.Runner() as runner:
        _send(stream, str(process_id).encode())
        while header := stream.read(HEADER.size):
            job = pickle.loads(stream.read(*HEADER.unpack(header)))  # noqa: S301 -- from our own parent
            reply = _run(tools[job.name], job, runner)
            if os.getpid() != process_id:  # a fork that the tool has let return: the next caller must not hear of this
                os._exit(0)
            _send(stream, REPLY.dump_json(reply))
            if reply.spent:
                return


def _send(stream: BufferedRWPair, message: bytes) -> None:
    stream.write(framed(message))
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
    call = job.call
    call.notes.update({name: pickle.loads(value) for name, value in job.notes.items()})  # noqa: S301 -- a worker's
    before = _pickled(call.notes)
    reply = _result(tool, job.arguments, call, runner)
    try:
        after = _pickled(call.notes)
    except (*_PICKLING_ERRORS, MemoryError) as error:
        return Reply("failed", f"{type(error).__name__}: notes must be values that can be pickled", reply.where)
    if not all(isinstance(name, str) for name in after):
        return Reply("failed", "the names of notes must be texts", reply.where)
    changed = {name: value for name, value in after.items() if value != before.get(name)}
    if changed and sum(len(name) + len(value) for name, value in after.items()) > MAX_NOTES_BYTES:
        return Reply("failed", f"notes of more than {MAX_NOTES_BYTES} bytes", reply.where)
    return replace(reply, notes=changed, dropped=tuple(before.keys() - after.keys()))


def _result(tool: LocalTool, arguments: str, call: Call, runner: asyncio.Runner) -> Reply:
    try:
        result = tool.call(arguments, call)
        if inspect.iscoroutine(result):
            result = runner.run(result)
        return Reply("result", output.of_result(result))
    except BadArgumentsError as error:
        return Reply("bad_arguments", output.told(str(error)), ran=False)
    except ToolError as error:
        return Reply("refused", output.told(str(error)), ran=error.ran)
    except FailedError as error:
        return Reply("failed", error.kind, error.where)
    except BaseException as error:  # sys.exit() too: a worker serves others after this
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        # What filled the memory may still be held by the module.
        return Reply("failed", type(error).__name__, where, spent=isinstance(error, MemoryError))


def _pickled(notes: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: pickle.dumps(value, pickle.HIGHEST_PROTOCOL) for name, value in notes.items()}
