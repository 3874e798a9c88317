"""The process of which the workers are copies: it has the tools' files imported, so that a new one takes a moment.

Its standard input is a socket. Each byte that comes on it brings a file descriptor: the connection of a worker that is
to be forked. When the socket closes, however that happens, the workers are killed.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from phoneagent.tools.function import LocalTool
from phoneagent.tools.loading import load_tools
from phoneagent.tools.worker import work

_NICE = 10  # audio goes before tools


def main(folder: str, memory_mb: int) -> None:
    """Load the tools of `folder`, say that they are, and fork until the socket closes."""
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what tools print goes where the log goes
    os.nice(_NICE)
    with suppress(OSError):  # Linux on a desktop shares processor time out among sessions, of which this is one
        Path("/proc/self/autogroup").write_text(str(_NICE))
    tools = load_tools(Path(folder)).tools
    gc.collect()
    gc.freeze()  # so that a collection in a worker leaves the pages shared that it has from here
    control.sendall(b"r")
    workers: set[int] = set()
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            break
        workers -= _reaped()
        if (worker := os.fork()) == 0:
            control.close()
            _be_worker(descriptors[0], tools, memory_mb)
        workers.add(worker)
        os.close(descriptors[0])
    for worker in workers - _reaped():
        with suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)


def _reaped() -> set[int]:
    """The workers that have ended since this was last asked.

    Only asked when a new one is wanted: until then the process ids of the dead can't be anybody else's.
    """
    ended = set()
    with suppress(ChildProcessError):
        while (worker := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            ended.add(worker)
    return ended


def _be_worker(descriptor: int, tools: Mapping[str, LocalTool], memory_mb: int) -> None:
    try:
        os.setpgid(0, 0)  # what a tool starts is killed with it
        work(socket.socket(fileno=descriptor), tools, memory_mb)
    except (BrokenPipeError, ConnectionResetError):  # given up meanwhile
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)  # threads that a tool has left behind must not hold it back
